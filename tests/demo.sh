#!/usr/bin/env bash
# The demonstration behind `make demo`: starts the sandbox, moves 10,000 responses, moves them again (nothing may be
# written), proves the result against what LinkedIn's side holds, and stops everything it started.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${TARGET_DIR:-target}/release"
state="$(mktemp -d)"
sandbox=

stop() {
  [ -z "$sandbox" ] || { kill "$sandbox" 2>/dev/null && wait "$sandbox" 2>/dev/null; } || true
  rm -rf "$state"
}
trap stop EXIT

# These are the sandbox's fixed and public credentials; nothing real is behind them.
export LINKEDIN_ACCESS_TOKEN=sandbox-linkedin-token
export DATAVERSE_CLIENT_SECRET=sandbox-secret

echo "Starting the sandbox with 10,000 responses in three ad accounts."
"$bin/sluice-sandbox" --responses 10000 --accounts 3 >"$state/sandbox.log" 2>&1 &
sandbox=$!
for _ in $(seq 100); do
  grep -q '^ready' "$state/sandbox.log" && break
  kill -0 "$sandbox" 2>/dev/null || { cat "$state/sandbox.log" >&2; exit 1; }
  sleep 0.1
done

grep -q '^ready' "$state/sandbox.log" || { echo "demo: the sandbox did not get ready" >&2; exit 1; }

run() {
  echo
  echo "\$ sluice run manifests/sandbox.toml"
  "$bin/sluice" run manifests/sandbox.toml --store "$state/sandbox.db"
}

# Asks the sandbox's control port; bash alone will do.
ask() {
  exec 3<>/dev/tcp/127.0.0.1/4010
  printf 'GET /_sandbox/%s HTTP/1.0\r\nHost: 127.0.0.1:4010\r\n\r\n' "$1" >&3
  sed '1,/^\r$/d' <&3
  exec 3>&-
}

writes() {
  ask stats | grep -o '"write_requests":[0-9]*'
}

run
before="$(writes)"
echo
echo "Once more: everything is there already, so nothing is written."
run
[ "$(writes)" = "$before" ] || { echo "demo: the second run wrote something" >&2; exit 1; }

echo
echo "What LinkedIn holds against what Dynamics 365 holds:"
reconcile="$(ask reconcile)"
echo "$reconcile"
case "$reconcile" in
  *'"responses_without_lead":0,"responses_with_several_leads":0,"leads_without_response":0,"test_responses_with_lead":0,'*) ;;
  *) echo "demo: some responses are not exactly one lead" >&2; exit 1 ;;
esac
