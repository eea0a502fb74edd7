"""How far PyTorch's answers move with the instruction set: the same questions under other CPU modes, in children.

The stored answers come from the plainest mode, BASE, which every machine has. The spread of a loss is the largest
difference from it, in units of u times the scale of the element.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mpmath import mpf

import definitions
import tape
from calls import Answer, Question

BASE = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}
"""What the fixtures are made under."""

MODES: dict[str, Mapping[str, str]] = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "MKL_CBWR": "AVX512"},
    "unrestricted": {},
}

NEEDED = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
"""Processor flags without which PyTorch, told to use a mode, dies of an illegal instruction."""

SMALLEST_NORMAL = mpf(2) ** -1022

CEILING = 8.0
"""The spread that is written down is twice the measured one, at most this."""


@dataclass
class Spread:
    """The largest scaled difference, and the cases whose class (finite, infinite, NaN, rejected) changed."""

    units: float = 0.0
    differing: int = 0
    changed: list[str] = field(default_factory=list)

    @property
    def recorded(self) -> float:
        """Twice the measured spread, at most CEILING, to three digits."""
        return float(f"{min(CEILING, 2 * self.units):.3g}")


def flags() -> set[str]:
    """What the processor can do, as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())


def modes_here() -> dict[str, Mapping[str, str]]:
    """The modes that this processor has."""
    return {name: mode for name, mode in MODES.items() if NEEDED.get(name, set()) <= flags()}


def answers_under(mode: Mapping[str, str], questions: Sequence[Question]) -> list[Answer]:
    """Asks in a child process whose environment holds this mode and no other."""
    environment = {k: v for k, v in os.environ.items() if k not in BASE} | dict(mode)
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = f"{folder}/asked", f"{folder}/answered"
        with open(asked, "wb") as file:
            pickle.dump(list(questions), file)
        subprocess.run([sys.executable, __file__, asked, answered], check=True, env=environment)
        with open(answered, "rb") as file:
            return pickle.load(file)


def measure(
    ids: Sequence[str], questions: Sequence[Question], base: Sequence[Answer], other: Sequence[Answer]
) -> Spread:
    """Compares two lists of answers to the same questions."""
    spread = Spread()
    for name, question, a, b in zip(ids, questions, base, other, strict=True):
        if _same(a, b):
            continue
        spread.differing += 1
        if not _same_class(a, b):
            spread.changed.append(name)
        else:
            spread.units = max(spread.units, _distance(question, a, b))
    return spread


def _same(a: Answer, b: Answer) -> bool:
    return (
        a.rejection == b.rejection
        and a.outputs.keys() == b.outputs.keys()
        and all(np.array_equal(a.outputs[k], b.outputs[k], equal_nan=True) for k in a.outputs)
    )


def _same_class(a: Answer, b: Answer) -> bool:
    if (a.rejection is None) != (b.rejection is None) or a.outputs.keys() != b.outputs.keys():
        return False
    return all(
        np.array_equal(np.isfinite(a.outputs[k]), np.isfinite(b.outputs[k]))
        and np.array_equal(np.isnan(a.outputs[k]), np.isnan(b.outputs[k]))
        for k in a.outputs
    )


def _distance(question: Question, a: Answer, b: Answer) -> float:
    """The largest difference in units of u times the scale, over elements that have one (finite inputs, no kink); what
    lies below the smallest normal number counts none."""
    truths = definitions.evaluate(question, list(a.outputs))
    worst = 0.0
    for name, values in a.outputs.items():
        left, right = np.ravel(values), np.ravel(b.outputs[name])
        for i in np.flatnonzero(np.isfinite(left) & (left != right)):
            difference = abs(mpf(float(left[i])) - mpf(float(right[i])))
            if truths[name][i].defined and difference > SMALLEST_NORMAL:
                worst = max(worst, float(difference / (tape.UNIT * truths[name][i].scale)))
    return worst


def _child(asked: str, answered: str) -> None:
    from ask import ask

    with open(asked, "rb") as file:
        questions = pickle.load(file)
    with open(answered, "wb") as file:
        pickle.dump([ask(question) for question in questions], file)


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
