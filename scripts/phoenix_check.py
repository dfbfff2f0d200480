"""Asks Phoenix what it received: span kinds, tokens, cost, and that every span has its parent. Standard library only."""

import collections
import json
import sys
import time
import urllib.request

PROJECT = "default"
EXPECTED = {"AGENT", "LLM", "TOOL", "GUARDRAIL", "RETRIEVER"}


def spans(base):
    """All spans of the project, page by page."""
    found, cursor = [], None
    while True:
        url = f"{base}/v1/projects/{PROJECT}/spans?limit=1000" + (f"&cursor={cursor}" if cursor else "")
        with urllib.request.urlopen(url) as answer:
            page = json.load(answer)
        found += page["data"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def settled(base):
    """The spans once no more come in."""
    before = -1
    while True:
        found = spans(base)
        if found and len(found) == before:
            return found
        before = len(found)
        time.sleep(3)


def main(base):
    found = settled(base)
    kinds = collections.Counter(span["span_kind"] for span in found)
    ids = {span["context"]["span_id"] for span in found}
    orphans = [span["name"] for span in found if span["parent_id"] and span["parent_id"] not in ids]
    models = [span["attributes"] for span in found if span["span_kind"] == "LLM"]
    tokens = sum(int(span.get("llm.token_count.total", 0)) for span in models)
    cost = sum(float(span.get("llm.cost.total", 0)) for span in models)
    print(f"{len(found)} spans in {len({span['context']['trace_id'] for span in found})} traces: {dict(kinds)}")
    print(f"{len(models)} model calls, {tokens} tokens, {cost:.6f} dollars; {len(orphans)} spans without their parent")
    missing = EXPECTED - set(kinds)
    untold = [span for span in models if "llm.token_count.total" not in span or "llm.cost.total" not in span]
    if missing or orphans or untold or not tokens:
        print(f"WRONG: missing kinds {missing or 'none'}, {len(untold)} model calls without tokens or cost, {orphans[:5]}")
        return 1
    print("as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
