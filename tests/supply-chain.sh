#!/usr/bin/env bash
# Licences, sources and known vulnerabilities of every dependency, by cargo-deny and the rules in deny.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "cargo-deny is missing; installing it (some minutes, once)"
  cargo install --locked --quiet cargo-deny
fi
cargo deny --log-level error check licenses bans sources
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
# The advisory database is a git repository; without a way to it the rest still counts.
if ! cargo deny --log-level error check advisories 2>"$said"; then
  if grep -qiE 'failed to fetch|failed to clone|unable to|could not connect|resolve host' "$said"; then
    echo "advisories: NOT CHECKED, the advisory database cannot be reached from this machine"
  else
    cat "$said" >&2
    exit 1
  fi
fi
