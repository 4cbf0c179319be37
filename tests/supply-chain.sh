#!/usr/bin/env bash
# Licences, sources and known vulnerabilities of every dependency, by cargo-deny and the rules in deny.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "cargo-deny is missing; installing it (some minutes, once)"
  cargo install --locked --quiet cargo-deny
fi
cargo deny --log-level error check licenses bans sources
# The advisory database is a git repository; without a way to it the rest still counts.
if ! cargo deny --log-level error check advisories 2>/tmp/advisories.$$; then
  if grep -qiE 'failed to fetch|failed to clone|unable to|could not connect|resolve host' /tmp/advisories.$$; then
    echo "advisories: NOT CHECKED, the advisory database cannot be reached from this machine"
  else
    cat /tmp/advisories.$$ >&2
    rm -f /tmp/advisories.$$
    exit 1
  fi
fi
rm -f /tmp/advisories.$$
