"""Where cases come from: the generator of the program, the stored JSON files, and the tutorial suite."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calls import Question
from lossproof_h5 import Case, bfloat16_values, case_from_json, read_jsonl

CASES = Path(__file__).resolve().parent.parent / "cases"

Row = Mapping[str, Any]
"""A loss's object in the output of `lossproof list --json`."""


def registry(program: str) -> dict[str, Row]:
    """The rows of all losses that the program was built with, by name."""
    listed = json.loads(_run([program, "list", "--json"]))
    return {row["name"]: row for row in (listed["losses"] if isinstance(listed, dict) else listed)}


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed: {run.stderr.strip()}")
    return run.stdout


def generated(program: str, row: Row, seed: int, minimum: int) -> list[Case]:
    """The `core` suite of a loss."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/core.jsonl"
        options = ["--loss", row["name"], "--seed", str(seed), "--cases", str(minimum), "--packed", "-o", path]
        _run([program, "generate", *options])
        return read_jsonl(path, {row["name"]: row})


def stored(row: Row, folder: Path = CASES) -> Iterator[Case]:
    """The cases of the loss in the JSON files below the folder, file by file."""
    for path in sorted(folder.rglob("*.json")):
        for position, record in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            if record["loss"] == row["name"]:
                yield case_from_json(record, row, position)


def tutorial(row: Row) -> Iterator[Case]:
    """The cases of the loss in the tutorial suite."""
    for record in tutorial_module().cases():
        if record["loss"] == row["name"]:
            yield tutorial_case(record)


def tutorial_module() -> Any:
    """golden/cases/tutorial.py."""
    spec = importlib.util.spec_from_file_location("tutorial", CASES / "tutorial.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tutorial_case(record: Mapping[str, Any]) -> Case:
    """A case from the tutorial suite's form, whose tensors are arrays already."""
    params = dict(record["params"])
    return Case(
        id=record["id"],
        loss=record["loss"],
        inputs=dict(record["inputs"]),
        reduction=params.pop("reduction", "mean"),
        params=params,
        expect=record.get("expect", "accept"),
        hunts=record["hunts"],
    )


def question(case: Case) -> Question:
    """The call that a case stands for."""
    inputs = {name: _numbers(array) for name, array in case.inputs.items()}
    upstream = None if case.grad_output is None else _numbers(case.grad_output)
    return Question(case.loss, inputs, case.params, case.reduction, upstream)


def _numbers(array: np.ndarray) -> np.ndarray:
    """The array as numpy knows its numbers: the bits of bfloat16 become float32."""
    return bfloat16_values(array) if array.dtype == np.uint16 else array
