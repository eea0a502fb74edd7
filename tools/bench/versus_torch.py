#!/usr/bin/env python3
"""Times the reference against PyTorch: same data, same machine, same run, one thread, float64, forward and backward.

usage: versus_torch.py [--program build/lossproof] [--rounds 5] [--loss LOSS ...] [--markdown] [--exact]

--exact times the exact oracle instead of the reference, on smaller shapes.

For every shape that `lossproof bench` times, the case is written by `bench --save`, read here, and both sides are timed
in alternation, so that a slow moment of the machine meets both. The figure is the median over all rounds; the ratio is
PyTorch's time over the reference's. PyTorch differentiates the same inputs as the reference does.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

LISTS = {"float64": np.float64, "int64": np.int64}


def read_tensor(packed: dict) -> torch.Tensor:
    raw = base64.b64decode(packed["data"])
    array = np.frombuffer(raw, dtype=LISTS[packed["dtype"]]).reshape(packed["shape"])
    return torch.from_numpy(array.copy())


def read_case(path: Path) -> tuple[str, dict[str, torch.Tensor], dict]:
    case = json.loads(path.read_text())
    return case["loss"], {k: read_tensor(v) for k, v in case["inputs"].items()}, case.get("params", {})


def time_torch(function, inputs: dict[str, torch.Tensor], wanted: list[str], repeats: int) -> list[float]:
    """Milliseconds of forward plus backward, gradients computed afresh each time."""
    leaves = {k: v.clone().requires_grad_(k in wanted) for k, v in inputs.items()}
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        loss = function(**leaves)
        torch.autograd.grad(loss, [leaves[k] for k in wanted])
        times.append(1e3 * (time.perf_counter() - start))
    return times


def time_reference(program: str, loss: str, repeats: int, options: list[str]) -> list[dict]:
    out = subprocess.run([program, "bench", "--json", "--loss", loss, "--repeat", str(repeats), *options], check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def measure(program: str, row: dict, folder: Path, rounds: int, options: list[str]) -> list[dict]:
    subprocess.run([program, "bench", "--save", str(folder), "--loss", row["name"], *options], check=True)
    wanted = [i["name"] for i in row["inputs"] if i["differentiable"]]
    function = getattr(F, row["functional"])
    files = sorted(folder.glob(f"{row['name']}.*.json"), key=lambda p: int(p.name.split(".")[1]))
    cases = [read_case(path)[1] for path in files]
    ours: list[list[float]] = [[] for _ in cases]
    theirs: list[list[float]] = [[] for _ in cases]
    shapes: list[str] = []
    for _ in range(rounds):
        times = time_reference(program, row["name"], 7, options)
        shapes = [t["shape"] for t in times]
        for k, inputs in enumerate(cases):
            ours[k].append(times[k]["milliseconds"])
            here = [n for n in wanted if n in inputs and inputs[n].is_floating_point()]
            theirs[k].append(statistics.median(time_torch(function, inputs, here, 7)))
    return [
        {"loss": row["name"], "shape": shapes[k], "torch_ms": statistics.median(theirs[k]),
         "reference_ms": statistics.median(ours[k])}
        for k in range(len(cases))
    ]


def print_results(results: list[dict], markdown: bool, side: str) -> None:
    line = "| {:18} | {:24} | {:>10} | {:>12} | {:>6} |" if markdown else "{:18} {:24} {:>10} {:>12} {:>6}"
    print(line.format("loss", "shape", "PyTorch ms", f"{side} ms", "ratio"))
    if markdown:
        print("|---|---|---:|---:|---:|")
    for r in results:
        ratio = r["torch_ms"] / r["reference_ms"]
        print(line.format(r["loss"], r["shape"], f"{r['torch_ms']:.3f}", f"{r['reference_ms']:.3f}", f"{ratio:.2f}"))
    logs = [math.log(r["torch_ms"] / r["reference_ms"]) for r in results]
    slower = sum(1 for x in logs if x < 0)
    print(f"\ngeometric mean {math.exp(sum(logs) / len(logs)):.2f} times as fast as PyTorch {torch.__version__}; "
          f"{slower} of {len(logs)} slower")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/lossproof")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loss", action="append", default=[])
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--exact", action="store_true")
    args = parser.parse_args()
    if not os.access(args.program, os.X_OK):
        print(f"versus_torch.py: {args.program} is not there; build it first (tools/demo)", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = json.loads(subprocess.run([args.program, "list", "--json"], check=True, capture_output=True).stdout)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            if not args.loss or row["name"] in args.loss:
                results += measure(args.program, row, Path(folder), args.rounds, ["--exact"] if args.exact else [])
    print_results(results, args.markdown, "exact" if args.exact else "reference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
