#!/usr/bin/env bash
# Installs what the tests need, builds, runs every test, and prints "N passed, N failed" as its last line.
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

if ! command -v mosquitto >/dev/null || ! command -v mosquitto_sub >/dev/null; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mosquitto mosquitto-clients >/dev/null \
    || { echo "mosquitto could not be installed: install the packages mosquitto and mosquitto-clients by hand" >&2; echo "0 passed, 1 failed"; exit 1; }
fi

if ! dotnet build StreamRnn.sln -c Release -warnaserror; then
  echo "0 passed, 1 failed"
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
dotnet test StreamRnn.sln -c Release --no-build --logger "console;verbosity=normal" 2>&1 | tee "$log" | grep -vE '^\s+Passed '
status=${PIPESTATUS[0]}

# Each project ends with "Total tests: N", "Passed: N", "Failed: N".
passed=$(awk '$1 == "Passed:" { n += $2 } END { print n + 0 }' "$log")
failed=$(awk '$1 == "Failed:" { n += $2 } END { print n + 0 }' "$log")
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi   # a test host that died counts as a failure
if [ "$passed" -eq 0 ]; then failed=$((failed > 0 ? failed : 1)); fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
