#!/usr/bin/env bash
# Shows that the traces of the demo arrive in Arize Phoenix as they should: installs Phoenix from PyPI, starts it, runs the
# demo with an exporter to it, and asks Phoenix's own API what it holds.
#
#   scripts/phoenix.sh [MAINSTAY-BINARY] [extra arguments of `mainstay demo`, such as --model-url URL --model-price 0.1,0.4]
set -euo pipefail
cd "$(dirname "$0")/.."
mainstay=${1:-target/release/mainstay}
shift || true
work=$(mktemp -d)
port=${PHOENIX_PORT:-6106}
trap 'kill "${phoenix:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

venv=${VENV:-$work/venv}
if [ ! -x "$venv/bin/phoenix" ]; then
    echo "installing arize-phoenix (some minutes)"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet arize-phoenix
fi

PHOENIX_WORKING_DIR="$work/phoenix" PHOENIX_PORT=$port PHOENIX_GRPC_PORT=$((port + 1)) PHOENIX_TELEMETRY_ENABLED=false \
    "$venv/bin/phoenix" serve >"$work/phoenix.log" 2>&1 &
phoenix=$!
for _ in $(seq 120); do
    curl --silent --fail "http://127.0.0.1:$port/healthz" >/dev/null && break
    sleep 1
done

"$mainstay" demo "$work/demo" --requests 60 --phoenix "http://127.0.0.1:$port" "$@" | tail -n 40
python3 scripts/phoenix_check.py "http://127.0.0.1:$port"
