"""Findings of a certification, by kind, as Markdown.

    lossproof certify "exec:python3 tools/adapters/python/examples/torch_losses.py" --dtype float32 --json results.jsonl
    python3 tools/bench/findings.py results.jsonl > reports/published/pytorch-float32.md
"""

import collections
import json
import sys


def number(text):
    return text if text in ("NaN", "Infinity", "-Infinity") else f"{float.fromhex(text):.9g}"


def read(path):
    kinds, run, summary = collections.OrderedDict(), {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["record"] == "run":
                run = record
            elif record["record"] == "summary":
                summary = record
            elif record.get("verdict") == "fail":
                kinds.setdefault(record["signature"], []).append(record)
    return kinds, run, summary


def row(signature, records):
    worst = max(records, key=lambda r: (r.get("ratio") != "Infinity") and float.fromhex(r.get("ratio", "0x0p+0")))
    got, expected = (number(worst[k]) if k in worst else "" for k in ("got", "expected"))
    return f"| `{signature}` | {len(records)} | `{worst['case']}` | {got} | {expected} |"


def main():
    kinds, run, summary = read(sys.argv[1])
    print(f"`{run['candidate']}`, profile {run['profile']}, {summary['cases']} cases: {summary['pass']} outputs pass, "
          f"{summary['waived']} waived, {summary['inconclusive']} inconclusive, {summary['fail']} fail, of {len(kinds)} kinds.\n")
    print("| kind | outputs | for example | got | expected |\n|---|---:|---|---|---|")
    for signature, records in sorted(kinds.items()):
        print(row(signature, records))


if __name__ == "__main__":
    main()
