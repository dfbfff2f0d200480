#!/usr/bin/env bash
# Throws generated requests at a served demo, as its own OpenAPI document describes them: no 500, and no answer outside the
# document. Installs schemathesis from PyPI. Three checks are left out, for the document cannot say what they would need: that
# the last message is the user's, that arguments of an edit fit the tool, and that 413 refuses a body too.
#
#   scripts/fuzz.sh [MAINSTAY-BINARY] [EXAMPLES-PER-OPERATION]
set -euo pipefail
cd "$(dirname "$0")/.."
mainstay=${1:-target/release/mainstay}
examples=${2:-150}
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

venv=${VENV:-$work/venv}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet schemathesis
fi

"$mainstay" demo "$work/demo" --requests 40 --offline --serve >"$work/demo.log" 2>"$work/serve.log" &
server=$!
for _ in $(seq 120); do
    curl --silent --fail http://127.0.0.1:7400/readyz >/dev/null && break
    sleep 1
done
"$venv/bin/schemathesis" run http://127.0.0.1:7400/openapi.json --url http://127.0.0.1:7400 \
    --max-examples "$examples" --workers 2 --checks all --exclude-checks "${EXCLUDE:-unsupported_method,positive_data_acceptance,negative_data_rejection}" \
    --phases examples,coverage,fuzzing,stateful --generation-deterministic --request-timeout 65
