"""Proves errata: finite inputs at which PyTorch's stored answer is wrong beyond rounding, and the reference right.

    errata.py --program build/lossproof            checks golden/errata.json; fails on any difference
    errata.py --program build/lossproof --write    writes it

The program says where the fixtures are outside the budget around the value of its exact oracle. Each place is then
computed from the written definition in high precision (definitions.py), which shares nothing with the program. It is an
erratum when PyTorch is outside the budget around that value too, and the exact oracle and the reference inside;
otherwise it is a fault of ours, and this fails.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpmath import mp, mpf

import definitions
import mechanisms
from lossproof_h5 import Case, Suite, read_suite
from questions import question

GOLDEN = Path(__file__).resolve().parent.parent
FORMAT = "lossproof errata 1"
EMPTY = json.dumps({"format": FORMAT, "pytorch": "none", "errata": []})

LARGEST = mpf(2) ** 1024 * (1 - mpf(2) ** -54)
"""From here on numbers round to infinity."""


@dataclass(frozen=True)
class Disagreement:
    """The worst element of an output at which the fixture is outside the budget around the exact value."""

    case: str
    output: str
    index: int
    exact: float
    pytorch: float
    budget: float
    off: str


@dataclass(frozen=True)
class Proof:
    """An erratum at one output of one case."""

    name: str
    case: str
    output: str
    index: int
    pytorch: float
    truth: mpf
    ratio: float

    def entry(self) -> dict[str, int | str]:
        """As the register holds it."""
        return {
            "index": self.index,
            "pytorch": number_text(self.pytorch),
            "true": mp.nstr(self.truth, 20, strip_zeros=True).removesuffix(".0"),
            "ratio": number_text(float(f"{self.ratio:.3g}")),
        }


class NoErratum(Exception):
    """A disagreement that PyTorch is not proven to be at fault for."""


def number_text(value: float) -> str:
    """The shortest decimal, or JSON's three strings."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


def disagreements(program: str, fixtures: Sequence[Path]) -> list[Disagreement]:
    """What the program finds when no erratum is registered."""
    with tempfile.TemporaryDirectory() as folder:
        register = Path(folder, "errata.json")
        register.write_text(EMPTY, encoding="utf-8")
        environment = {**os.environ, "LOSSPROOF_ERRATA": str(register)}
        return [one for fixture in fixtures for one in _disagreements_in(program, fixture, Path(folder), environment)]


def _disagreements_in(
    program: str, fixture: Path, folder: Path, environment: Mapping[str, str]
) -> Iterable[Disagreement]:
    """PyTorch's own outcomes, as a candidate for the same cases."""
    results = folder / "results.jsonl"
    command = [program, "certify", f"outcomes:{fixture}", str(fixture), "--json", str(results)]
    run = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if run.returncode not in (0, 1, 3, 5):
        raise SystemExit(f"errata: {' '.join(command)} failed: {run.stderr.strip()}")
    return list(_failures(results.read_text(encoding="utf-8").splitlines()))


def _failures(lines: Iterable[str]) -> Iterable[Disagreement]:
    for line in lines:
        record = json.loads(line)
        if record["record"] != "result" or record["verdict"] != "fail":
            continue
        if "got" not in record:
            yield Disagreement(record["case"], record["output"], 0, math.nan, math.nan, math.nan, record["alone"])
            continue
        numbers = [_number(record[key]) for key in ("expected", "got", "budget")]
        yield Disagreement(record["case"], record["output"], record["index"], *numbers, record["alone"])


def _number(text: str) -> float:
    return float.fromhex(text) if "0x" in text else float(text.replace("Infinity", "inf"))


def outside(value: float, truth: mpf, budget: float) -> float:
    """How many budgets the value is from the truth; infinite when its class is another."""
    expected_infinite = abs(truth) >= LARGEST
    if math.isnan(value):
        return math.inf
    if math.isinf(value):
        reachable = abs(truth) + mpf(budget) >= LARGEST and (truth > 0) == (value > 0)
        return 0.0 if reachable else math.inf
    if expected_infinite and abs(mpf(value) - truth) > mpf(budget):
        return math.inf
    return float(abs(mpf(value) - truth) / mpf(budget))


def prove(found: Disagreement, case: Case) -> Proof:
    """The proof, or NoErratum with the reason why there is none."""
    call = question(case)
    if found.output == "acceptance":
        raise NoErratum("one side accepts what the other rejects")
    if found.budget == 0:
        raise NoErratum("one side lacks this output")
    truth = definitions.evaluate(call, [found.output])[found.output][found.index]
    if not (truth.defined or _absurd(found.pytorch, truth)):
        raise NoErratum("a number is not finite, or the definition leaves the value open")
    if not outside(found.exact, truth.value, found.budget) <= 1:
        raise NoErratum(f"the exact oracle has {found.exact!r}, but {mp.nstr(truth.value, 20)} is true")
    if "reference" in found.off:
        raise NoErratum("the reference is wrong too")
    ratio = outside(found.pytorch, truth.value, found.budget)
    if ratio <= 1:
        raise NoErratum("PyTorch is within the budget of the true value")
    name = mechanisms.name_of(call, found.output, found.index, found.pytorch)
    return Proof(name, found.case, found.output, found.index, found.pytorch, truth.value, ratio)


def _absurd(pytorch: float, truth: definitions.Truth) -> bool:
    """Whether PyTorch has no finite number beside a kink, where every choice is finite."""
    return not math.isfinite(pytorch) and bool(mp.isfinite(truth.value))


def prove_all(
    found: Sequence[Disagreement], cases: Mapping[str, Case]
) -> tuple[list[Proof], list[tuple[Disagreement, str]]]:
    """The proofs, and the disagreements that have none, with the reason."""
    proofs, faults = [], []
    for one in found:
        try:
            proofs.append(prove(one, cases[one.case]))
        except NoErratum as reason:
            faults.append((one, str(reason)))
    return proofs, faults


def register_text(proofs: Sequence[Proof], pytorch: str) -> str:
    """The register: one line a case, everything in order."""
    parts = []
    names = sorted({proof.name for proof in proofs})
    wordless = [name for name in names if name not in mechanisms.MECHANISMS]
    if wordless:
        raise SystemExit(f"errata: mechanisms.py has no words for {', '.join(wordless)}")
    for name in names:
        mine = [proof for proof in proofs if proof.name == name]
        lines = [f"    {json.dumps(case)}: {_case_text(mine, case)}" for case in sorted({p.case for p in mine})]
        summary, source = mechanisms.MECHANISMS[name]
        head = (
            f'  {{"name": {json.dumps(name)},\n   "summary": {json.dumps(summary)},\n   "source": {json.dumps(source)},'
        )
        parts.append(head + '\n   "cases": {\n' + ",\n".join(lines) + "}}")
    return f'{{"format": "{FORMAT}", "pytorch": "{pytorch}", "errata": [\n' + ",\n".join(parts) + "]}\n"


def _case_text(proofs: Sequence[Proof], case: str) -> str:
    return json.dumps({p.output: p.entry() for p in sorted(proofs, key=lambda p: p.output) if p.case == case})


def pairs(text: str) -> set[tuple[str, str, str]]:
    """Erratum, case and output of everything that a register covers."""
    return {
        (erratum["name"], case, output)
        for erratum in json.loads(text)["errata"]
        for case, outputs in erratum["cases"].items()
        for output in outputs
    }


def compare(registered: str, proven: str) -> list[str]:
    """What is unregistered, what is gone; or that only proofs or words differ."""
    old, new = pairs(registered), pairs(proven)
    lines = [f"unregistered: {case} {output} ({name})" for name, case, output in sorted(new - old)]
    lines += [f"gone: {case} {output} ({name})" for name, case, output in sorted(old - new)]
    if not lines and registered != proven:
        lines = ["the same errata, but other proofs or words: run with --write"]
    return lines


def _load(fixtures: Sequence[Path]) -> tuple[dict[str, Case], str]:
    suites: list[Suite] = [read_suite(str(path)) for path in fixtures]
    versions = {suite.origin.producer_version for suite in suites}
    if len(versions) != 1:
        raise SystemExit(f"errata: the fixtures are of several versions of PyTorch: {', '.join(sorted(versions))}")
    return {case.id: case for suite in suites for case in suite.cases}, versions.pop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Proves the register of errata.")
    parser.add_argument("--program", required=True, help="the lossproof program")
    parser.add_argument("--fixtures", type=Path, default=GOLDEN / "fixtures", help="folder of the fixtures")
    parser.add_argument("--register", type=Path, default=GOLDEN / "errata.json")
    parser.add_argument("--write", action="store_true", help="write the register instead of checking it")
    options = parser.parse_args()
    fixtures = sorted(options.fixtures.glob("*.h5"))
    cases, pytorch = _load(fixtures)
    proofs, faults = prove_all(disagreements(options.program, fixtures), cases)
    for one, reason in faults:
        print(f"fault: {one.case} {one.output}[{one.index}]: exact {one.exact!r}, PyTorch {one.pytorch!r}: {reason}")
    text = register_text(proofs, pytorch)
    if options.write:
        options.register.write_text(text, encoding="utf-8")
        differences = []
    else:
        differences = compare(options.register.read_text(encoding="utf-8"), text)
    print("\n".join([*differences, f"{len(proofs)} proofs, {len(faults)} faults, {len(differences)} differences"]))
    return 1 if faults or differences else 0


if __name__ == "__main__":
    sys.exit(main())
