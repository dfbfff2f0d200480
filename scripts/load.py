"""Load on a served demo: throughput and latency at 1 to 256 connections with the embedded model and with a fake model server,
twice the sustainable rate for a minute, and 500 half-open connections beside honest ones. Needs `oha` in the PATH.

  python3 scripts/load.py [MAINSTAY-BINARY] [FAKE-PROVIDER-BINARY] [SECONDS-PER-POINT]
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

BASE = "http://127.0.0.1:7400"
RUNS = f"{BASE}/v1/agents/returns/runs"


def serve(mainstay, folder, *arguments):
    """Starts a demo that goes on to serve, and waits until it is ready."""
    log = open(f"{folder}.log", "w")
    server = subprocess.Popen(
        [mainstay, "demo", folder, "--requests", "20", "--serve", *arguments], stdout=log, stderr=log)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{BASE}/readyz")
            return server
        except OSError:
            time.sleep(0.1)
    sys.exit(f"the server did not start; see {folder}.log")


def bodies(folder):
    """One request per line: questions about real orders by their owners."""
    rows = sqlite3.connect(f"{folder}/shop.db").execute("select order_id, user_id from orders limit 400").fetchall()
    path = f"{folder}/bodies.jsonl"
    with open(path, "w") as file:
        for order, user in rows:
            file.write(json.dumps({"input": f"Where is my order {order}?", "principal": user, "wait": 30}) + "\n")
    return path


def rss(server):
    """Resident memory in MB."""
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def oha(path, seconds, connections, *more):
    out = subprocess.run(
        ["oha", RUNS, "-m", "POST", "-T", "application/json", "-Z", path, "-z", f"{seconds}s", "-c", str(connections),
         "--no-tui", "--output-format", "json", "-w", "-t", "70s", *more],
        capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def line(server, name, result):
    codes = result["statusCodeDistribution"]
    good, all_answers = codes.get("200", 0), sum(codes.values())
    seconds = result["summary"]["total"]
    percentile = {name: (value or 0) * 1000 for name, value in result["latencyPercentiles"].items()}
    print(f"{name:<28} {good / seconds:8.0f}/s answered  p50 {percentile['p50']:7.1f} ms  p99 {percentile['p99']:7.1f} ms  "
          f"{rss(server):4} MB  {codes}  errors {result['errorDistribution']}", flush=True)
    return good / seconds, all_answers


def stored(server_folder):
    """Runs by state, from the store itself."""
    rows = sqlite3.connect(f"file:{server_folder}/mainstay.db?mode=ro", uri=True).execute(
        "select state, count(*) from runs group by state").fetchall()
    return dict(rows)


def slow_loris(count):
    """Connections that never finish their head."""
    peers = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", 7400))
        peer.sendall(b"POST /v1/agents/returns/runs HTTP/1.1\r\nhost: 127.0.0.1:7400\r\nx-slow: ")
        peers.append(peer)
    return peers


def main(mainstay, provider, seconds):
    work = tempfile.mkdtemp()
    for kind in ("embedded", "fake provider"):
        folder = f"{work}/{kind.replace(' ', '-')}"
        more, fake = ["--offline"], None
        if kind != "embedded":
            fake = subprocess.Popen([provider], stdout=subprocess.PIPE, text=True)
            more = ["--model-url", fake.stdout.readline().strip(), "--model-only"]
        server = serve(mainstay, folder, *more)
        path = bodies(folder)
        print(f"{kind}: {seconds} s per line", flush=True)
        best = 0
        for connections in (1, 16, 64, 256):
            rate, _ = line(server, f"  {connections} connections", oha(path, seconds, connections))
            best = max(best, rate)
        if kind == "embedded":
            before = stored(folder)
            result = oha(path, 60, 1024, "-q", str(int(best * 2)))
            line(server, f"  {best * 2:.0f}/s asked for 60 s", result)
            time.sleep(5)
            after = stored(folder)
            new = {state: after.get(state, 0) - before.get(state, 0) for state in after}
            print(f"  stored meanwhile {new}; answered 2xx {sum(n for code, n in result['statusCodeDistribution'].items() if code[0] == '2')}",
                  flush=True)
            line(server, "  16, alone", oha(path, seconds, 16))
            peers = slow_loris(500)
            line(server, "  16, beside 500 half-open", oha(path, seconds, 16))
            for peer in peers:
                peer.close()
        server.send_signal(signal.SIGTERM)
        print(f"  ended with {server.wait(60)} after SIGTERM, in the store: {stored(folder)}", flush=True)
        if fake:
            fake.kill()


if __name__ == "__main__":
    arguments = sys.argv[1:] + [None] * 3
    main(arguments[0] or "target/release/mainstay", arguments[1] or "target/release/examples/fake_provider",
         int(arguments[2] or 15))
