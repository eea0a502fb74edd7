"""Asks PyTorch every question and stores the answers: golden/fixtures/LOSS.h5.

    golden/export/setup                                   once: the virtual environment
    golden/export/venv/bin/python golden/export/export.py --program build/lossproof

The questions are the generator's (suite `core`), the JSON files below golden/cases, and golden/cases/tutorial.py.
A second run on the same machine writes the same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import spread

os.environ.update(spread.BASE)

import numpy as np
import torch

from ask import NotACall, ask
from calls import Answer
from lossproof_h5 import Case, Origin, Outcome, write_fixtures
from questions import Row, generated, question, registry, stored, tutorial

EXPORTER_VERSION = "1"
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def cases_of(program: str, row: Row, seed: int, minimum: int) -> list[Case]:
    """Every case of a loss, ids unlike each other."""
    cases = [*generated(program, row, seed, minimum), *stored(row), *tutorial(row)]
    ids = [case.id for case in cases]
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise SystemExit(f"export: these ids occur more than once: {', '.join(twice)}")
    return cases


def outcome(row: Row, case: Case, answer: Answer) -> Outcome:
    """The answer as the fixtures hold it. A promised gradient that PyTorch leaves out, because the loss does not depend
    on the input (triplet_margin with p = 0), is 0."""
    if answer.rejection is not None:
        return Outcome(kind="rejected", message=answer.rejection)
    left_out = promised(row, case) - set(answer.outputs)
    zeros = {name: np.zeros(case.inputs[name.removeprefix("grad/")].shape) for name in left_out}
    return Outcome(outputs={**answer.outputs, **zeros})


def settled(case: Case, answer: Answer) -> Case:
    """The case with what may be expected of it. Integers where PyTorch gives up the dtype of a loss, or takes floating
    labels for integers, may be refused, though PyTorch does not."""
    labels = case.inputs.get("targets")
    floating_labels = labels is not None and labels.dtype.kind != "i"
    tolerated = answer.rejection is None and (answer.of_integers or floating_labels)
    return replace(case, expect="either") if case.expect == "reject" and tolerated else case


def surprises(row: Row, cases: Sequence[Case], answers: Sequence[Answer]) -> list[str]:
    """Where PyTorch takes what a case expects it to refuse, or the reverse, or gives gradients that the row denies."""
    found = []
    for case, answer in zip(cases, answers, strict=True):
        if case.expect != "either" and (answer.rejection is not None) != (case.expect == "reject"):
            found.append(f"{case.id}: expects {case.expect}, but PyTorch " + (answer.rejection or "accepts it"))
        extra = set(answer.outputs) - promised(row, case) - {"loss"}
        if extra:
            found.append(f"{case.id}: PyTorch also gives {', '.join(sorted(extra))}")
    return found


def promised(row: Row, case: Case) -> set[str]:
    """The gradients that the registry promises: of floating inputs that it calls differentiable."""
    floating = {name for name, array in case.inputs.items() if array.dtype.kind == "f" or array.dtype == np.uint16}
    return {f"grad/{spec['name']}" for spec in row["inputs"] if spec["differentiable"] and spec["name"] in floating}


def processor() -> str:
    """The processor's name, as the kernel tells it, and the widest instruction set that PyTorch knows in it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    widest = [name for name in spread.NEEDED if name in spread.modes_here()]
    return ", ".join([names[0] if names else "unknown processor", *widest[-1:]])


def describe_spread(cases: Sequence[Case], answers: Sequence[Answer]) -> str:
    """Asks again under other instruction sets, and says how far the answers move."""
    questions = [question(case) for case in cases]
    ids = [case.id for case in cases]
    parts, total = [], spread.Spread()
    parts += [f"{mode} not here" for mode in spread.MODES if mode not in spread.modes_here()]
    for mode, environment in spread.modes_here().items():
        other = spread.measure(ids, questions, answers, spread.answers_under(environment, questions))
        parts.append(f"{mode} {other.differing} of {len(ids)} cases")
        total.units = max(total.units, other.units)
        total.changed += [name for name in other.changed if name not in total.changed]
    changed = f"; other class in {', '.join(total.changed)}" if total.changed else ""
    return (
        f"spread {total.recorded:g} u*scale (twice the largest seen, at most 8); differing: {', '.join(parts)}{changed}"
    )


def export(program: str, row: Row, folder: Path, seed: int, minimum: int, measure: bool) -> list[str]:
    """Writes the fixtures of one loss and returns the surprises."""
    cases = cases_of(program, row, seed, minimum)
    answers = []
    for case in cases:
        try:
            answers.append(ask(question(case)))
        except NotACall as error:
            raise SystemExit(f"export: {case.id}: {error}") from error
    cases = [settled(case, answer) for case, answer in zip(cases, answers, strict=True)]
    modes = ", ".join(f"{name}={value}" for name, value in spread.BASE.items())
    note = f"{processor()}; float64, one thread; {modes}"
    if measure:
        note += "; " + describe_spread(cases, answers)
    origin = Origin("pytorch", torch.__version__.split("+")[0], EXPORTER_VERSION, note, seed)
    outcomes = [outcome(row, case, answer) for case, answer in zip(cases, answers, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    write_fixtures(str(folder / f"{row['name']}.h5"), row, cases, outcomes, origin)
    print(
        f"{row['name']}: {len(cases)} cases, {sum(a.rejection is not None for a in answers)} rejected", file=sys.stderr
    )
    return surprises(row, cases, answers)


def main() -> int:
    parser = argparse.ArgumentParser(description="Asks PyTorch every question and stores the answers.")
    parser.add_argument("--program", required=True, help="the lossproof program")
    parser.add_argument("--loss", action="append", help="only this loss; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="of the generated cases")
    parser.add_argument("--cases", type=int, default=400, help="at least this many generated cases a loss")
    parser.add_argument("-o", "--output", type=Path, default=FIXTURES, help="folder of the fixtures")
    parser.add_argument("--no-spread", action="store_true", help="do not measure the spread over instruction sets")
    options = parser.parse_args()
    rows = registry(options.program)
    found = []
    for name in options.loss or rows:
        if name not in rows:
            parser.error(f"the program has no loss {name}")
        found += export(options.program, rows[name], options.output, options.seed, options.cases, not options.no_spread)
    for line in found:
        print(f"surprise: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
