"""A client in twenty lines: asks, waits for a person where one is needed, prints the answer. Standard library only."""

import json
import sys
import urllib.request
import uuid

BASE, KEY = "http://127.0.0.1:7400", sys.argv[3] if len(sys.argv) > 3 else ""


def call(path, body=None):
    headers = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())}
    headers |= {"authorization": f"Bearer {KEY}"} if KEY else {}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(BASE + path, data, headers)) as answer:
        return json.load(answer)


run = call("/v1/agents/returns/runs", {"input": sys.argv[1], "principal": sys.argv[2], "wait": 30})
print(run["state"], "-", run["reply"]["answer"] if run.get("reply") else f"waits for approval {run['approval']}")
