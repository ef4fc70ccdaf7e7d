#!/usr/bin/env bash
# Builds, runs the tests, and prints how long that took and, as its last line, "N passed, N failed".
#   ./test.sh           all of them; installs mosquitto where it is missing
#   ./test.sh --fast    without [Trait("speed", "slow")]: what starts a process, a worker or a broker, or takes seconds
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

filter=() at_once=1
case "${1:-}" in
  "") ;;
  --fast)
    filter=(-trait- speed=slow) at_once=2
    export DOTNET_TieredPGO=0   # short runs: instrumenting code costs more than it brings
    ;;
  *) echo "test.sh takes nothing or --fast, not '$1'" >&2; exit 2 ;;
esac

if [ ${#filter[@]} -eq 0 ] && { ! command -v mosquitto >/dev/null || ! command -v mosquitto_sub >/dev/null; }; then
  sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mosquitto mosquitto-clients >/dev/null \
    || { echo "mosquitto could not be installed: install the packages mosquitto and mosquitto-clients by hand" >&2; echo "0 passed, 1 failed"; exit 1; }
fi

if ! dotnet build StreamRnn.sln -c Release -warnaserror; then
  echo "0 passed, 1 failed"
  exit 1
fi

# Each test project is an executable that writes its result into a file. Without the file, or with an exit code that its counts do not
# explain, its host has died, which is a failure.
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
run() {
  local name=$1 results=$2
  shift 2
  timeout --kill-after=10 1200 dotnet "tests/$name/bin/Release/net10.0/StreamRnn.$name.dll" -noLogo -noColor "$@" -result-trx "$results/$name.trx" >"$results/$name.out" 2>&1
  echo $? >"$results/$name.status"
  cat "$results/$name.out"
}
export -f run
names=$(cd tests && ls -d -- *.Tests)
xargs -P "$at_once" -I{} bash -c 'run "$@"' _ {} "$results" ${filter[@]+"${filter[@]}"} <<<"$names"

count() { grep -o '<Counters [^>]*>' "$results/$2.trx" 2>/dev/null | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]*'; }
passed=0 failed=0
for name in $names; do
  here=$(count passed "$name") bad=$(count failed "$name") status=$(cat "$results/$name.status")
  if [ "${bad:-0}" -eq 0 ] && { [ "$status" != 0 ] || [ -z "$here" ]; }; then
    echo "$name: the test host ended with exit code $status" >&2
    bad=1
  fi
  passed=$((passed + ${here:-0})) failed=$((failed + bad))
done
if [ "$passed" -eq 0 ]; then failed=$((failed > 0 ? failed : 1)); fi
echo "took $SECONDS s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
