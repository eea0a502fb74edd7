"""The Python twin of golden/hdf5.h against the C code: with_python test_lossproof_h5.py HDF5_COPY"""

import hashlib
import io
import math
import os
import pathlib
import re
import runpy
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from unittest import mock

import h5py
import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(GOLDEN / "export"))
import lossproof_h5 as twin  # noqa: E402

COPY = ""  # the program hdf5_copy: set from the command line

# The loss "plain" of golden/tests/fake_losses.h, as `list --json` would print it.
ROW = {
    "name": "plain",
    "inputs": [{"name": name, "kind": kind} for name, kind in
               (("input", "real"), ("target", "real"), ("labels", "index"), ("weight", "real"))],
    "parameters": [
        {"name": "margin", "type": "real", "default": 1.0},
        {"name": "p", "type": "int", "default": 2},
        {"name": "full", "type": "bool", "default": False},
    ],
}
NUMBERS = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan, 5e-324, 1e-40, 6e-8, 1e300, 0.1]
SHAPES = [(), (0,), (3,), (2, 3), (1, 0, 4), (2, 1, 2), (1,) * 8]


def random_tensor(rng, dtype):
    shape = SHAPES[rng.integers(len(SHAPES))]
    count = math.prod(shape)
    if "float" in dtype:
        values = np.where(rng.random(count) < 0.4, rng.choice(NUMBERS, count), rng.normal(size=count))
        with np.errstate(over="ignore"):
            bits = twin.bfloat16_bits(values) if dtype == "bfloat16" else values.astype(dtype)
        return bits.reshape(shape)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def random_case(rng, i):
    dtypes = list(twin.DTYPES)
    names = ["input", "target", *[name for name in ("labels", "weight") if rng.random() < 0.5]]
    return twin.Case(
        id=f"random/{i}",
        loss="plain",
        inputs={name: random_tensor(rng, dtypes[rng.integers(len(dtypes))]) for name in names},
        params={"margin": float(rng.normal()), "p": int(rng.integers(5)), "full": bool(rng.integers(2))},
        reduction=["none", "mean", "sum", "average", ""][rng.integers(5)],
        dtype=dtypes[rng.integers(4)],
        grad_output=random_tensor(rng, "float64") if rng.random() < 0.5 else None,
        expect=twin.EXPECTATIONS[rng.integers(3)],
        hunts="é→𝄞 " * rng.integers(3),
        tags="shape=a value=b" if rng.random() < 0.5 else "",
    )


def random_outcome(rng):
    if rng.random() < 0.3:
        return twin.Outcome(twin.KINDS[1 + rng.integers(4)], "no: é")
    names = ["loss", *[name for name in ("grad/input", "grad/weight") if rng.random() < 0.5]]
    return twin.Outcome("ok", "", {name: random_tensor(rng, list(twin.DTYPES)[rng.integers(4)]) for name in names})


def random_suite(seed=1, n=60):
    rng = np.random.default_rng(seed)
    cases = [random_case(rng, i) for i in range(n)]
    return cases, [random_outcome(rng) for _ in cases]


ORIGIN = twin.Origin("pytorch", "2.13.0", "1", "spread: é", 2**64 - 1)


def same_array(a, b):
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_arrays(a, b):
    return a.keys() == b.keys() and all(same_array(a[name], b[name]) for name in a)


class TwinTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def path(self, name):
        return str(self.folder / name)

    def copy(self, source, target):
        done = subprocess.run([COPY, self.path(source), self.path(target)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def check_cases(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            for field in ("id", "loss", "params", "reduction", "dtype", "expect", "hunts", "tags"):
                self.assertEqual(getattr(a, field), getattr(b, field), a.id)
            self.assertTrue(same_arrays(a.inputs, b.inputs), a.id)
            self.assertTrue(same_array(a.grad_output, b.grad_output), a.id)

    def check_outcomes(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            self.assertEqual((a.kind, a.message), (b.kind, b.message))
            self.assertTrue(same_arrays(a.outputs, b.outputs))

    def test_round_trip(self):
        cases, outcomes = random_suite()
        twin.write_fixtures(self.path("a.h5"), ROW, cases, outcomes, ORIGIN)
        suite = twin.read_suite(self.path("a.h5"))
        self.assertEqual((suite.kind, suite.loss, suite.origin), ("fixtures", "plain", ORIGIN))
        self.check_cases(suite.cases, cases)
        self.check_outcomes(suite.outcomes, outcomes)

    def test_c_reads_what_python_writes_and_python_what_c_writes(self):
        cases, outcomes = random_suite()
        twin.write_fixtures(self.path("a.h5"), ROW, cases, outcomes, ORIGIN)
        twin.write_questions(self.path("b.h5"), ROW, cases, ORIGIN)
        twin.write_answers(self.path("c.h5"), ROW, [case.id for case in cases], outcomes, ORIGIN)
        for name in ("a.h5", "b.h5", "c.h5"):
            self.copy(name, "copy.h5")
            original, copy = twin.read_columns(self.path(name)), twin.read_columns(self.path("copy.h5"))
            self.assertEqual(list(sorted(original)), list(sorted(copy)))
            for path in original:
                self.assertTrue(same_array(original[path], copy[path]), path)

    def test_json_lines_of_c(self):
        cases, outcomes = random_suite()
        twin.write_fixtures(self.path("a.h5"), ROW, cases, outcomes, ORIGIN)
        self.copy("a.h5", "a.jsonl")
        self.check_cases(twin.read_jsonl(self.path("a.jsonl")), cases)
        self.check_outcomes(twin.read_jsonl_outcomes(self.path("a.jsonl")), outcomes)

    def test_same_content_same_bytes(self):
        cases, outcomes = random_suite()
        for name in ("a.h5", "b.h5"):
            twin.write_fixtures(self.path(name), ROW, cases, outcomes, ORIGIN)
        digests = {hashlib.sha256((self.folder / name).read_bytes()).digest() for name in ("a.h5", "b.h5")}
        self.assertEqual(len(digests), 1)

    def test_parameters(self):
        case = twin.Case("a", "plain", {"input": np.ones(1), "target": np.ones(1)}, {"margin": -0.0, "p": 1.5})
        twin.write_questions(self.path("a.h5"), ROW, [case], ORIGIN)
        params = twin.read_cases(self.path("a.h5"))[0].params
        self.assertEqual(params, {"margin": 0.0, "p": 1.5, "full": False})
        self.assertEqual(math.copysign(1, params["margin"]), -1)
        self.assertIs(params["full"], False)
        self.assertIsInstance(twin.plain_number(2.0), int)
        self.assertEqual(twin.plain_number(math.inf), math.inf)

    def test_readable_json_lines(self):
        line = (
            '{"loss": "plain", "dtype": "float32", "params": {"reduction": "sum", "p": 2.0, "full": true}, '
            '"inputs": {"input": [[1, "NaN"], ["-Infinity", "0x1.8p+1"]], "target": [], "labels": [1, -1], '
            '"weight": null}, "shapes": {"target": [0, 3]}, "dtypes": {"labels": "int8"}, "grad_output": 1}\n'
        )
        (self.folder / "a.jsonl").write_text(line * 2)
        case = twin.read_jsonl(self.path("a.jsonl"), {"plain": ROW})[1]
        self.assertEqual((case.id, case.reduction, case.params), ("1", "sum", {"p": 2, "full": True}))
        expected = np.array([[1, math.nan], [-math.inf, 3]], dtype=np.float32)
        self.assertTrue(same_array(case.inputs["input"], expected))
        self.assertTrue(same_array(case.inputs["target"], np.zeros((0, 3), np.float32)))
        self.assertTrue(same_array(case.inputs["labels"], np.array([1, -1], np.int8)))
        self.assertNotIn("weight", case.inputs)
        self.assertTrue(same_array(case.grad_output, np.array(1, np.float32)))
        self.assertEqual(twin.read_jsonl(self.path("a.jsonl"))[0].inputs["labels"].dtype, np.int8)
        with self.assertRaisesRegex(twin.FormatError, "ragged"):
            twin.case_from_json({"loss": "plain", "inputs": {"input": [[1.0], [1.0, 2.0]]}})

    def test_bfloat16(self):
        bits = np.arange(0x10000, dtype=np.uint16)
        values = twin.bfloat16_values(bits)
        numbers = ~np.isnan(values)
        self.assertTrue((twin.bfloat16_bits(values)[numbers] == bits[numbers]).all())
        self.assertTrue(np.isnan(twin.bfloat16_values(twin.bfloat16_bits(values[~numbers]))).all())
        halfway = [1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-40, 3.4e38, 2**-134, 2**-134 * (1 + 2**-30)]
        self.assertEqual(list(twin.bfloat16_bits(halfway)), [0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x0000, 0x0001])

    def test_what_cannot_be_written(self):
        good = twin.Case("a", "plain", {"input": np.ones(1), "target": np.ones(1)})
        bad = {
            "same id": [good, good],
            "not one line": [twin.Case("a\nb", "plain", good.inputs)],
            "has no 'inptu'": [twin.Case("a", "plain", {"inptu": np.ones(1)})],
            "has no 'beta'": [twin.Case("a", "plain", good.inputs, {"beta": 1.0})],
            "there is no 'maybe'": [twin.Case("a", "plain", good.inputs, expect="maybe")],
            "zero byte": [twin.Case("a", "plain", good.inputs, hunts="\0")],
            "no tensor has numpy's dtype complex128": [twin.Case("a", "plain", {"input": np.ones(1, complex)})],
        }
        for message, cases in bad.items():
            with self.assertRaisesRegex(twin.FormatError, message):
                twin.write_questions(self.path("a.h5"), ROW, cases, ORIGIN)
        with self.assertRaisesRegex(twin.FormatError, "1 cases with 0 outcomes"):
            twin.write_fixtures(self.path("a.h5"), ROW, [good], [], ORIGIN)
        self.assertEqual(os.listdir(self.folder), [])

    def test_changed_files_are_refused(self):
        cases, outcomes = random_suite(n=5)
        changes = {
            "sha256": lambda file: file["cases/id"].write_direct(np.zeros(file["cases/id"].shape, np.uint8)),
            "variable length": lambda file: file.attrs.__setitem__("loss", "plain"),
            "@format: ": lambda file: file.attrs.__setitem__("format", np.bytes_("else")),
            "@format_version": lambda file: file.attrs.__setitem__("format_version", np.int64(2)),
        }
        for message, change in changes.items():
            twin.write_fixtures(self.path("a.h5"), ROW, cases, outcomes, ORIGIN)
            with h5py.File(self.path("a.h5"), "r+") as file:
                change(file)
            with self.assertRaisesRegex(twin.FormatError, message):
                twin.read_suite(self.path("a.h5"))

    def test_example_in_the_readme(self):
        readme = (GOLDEN / "README.md").read_text(encoding="utf-8")
        example = re.search(r"^## HDF5$.*?^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE).group(1)
        self.assertLessEqual(len([line for line in example.splitlines() if line.strip()]), 20)
        cases, outcomes = random_suite()
        twin.write_fixtures(self.path("a.h5"), ROW, cases, outcomes, ORIGIN)
        (self.folder / "example.py").write_text(example)
        printed = io.StringIO()
        with redirect_stdout(printed), mock.patch.object(sys, "argv", ["example.py", self.path("a.h5")]):
            shown = runpy.run_path(self.path("example.py"))
        for case, outcome in zip(cases, outcomes):
            self.assertIn(f"{case.id} {case.reduction} {outcome.kind}\n", printed.getvalue())
        with h5py.File(self.path("a.h5")) as file:
            for i, case in enumerate(cases):
                values = shown["tensor"](file["inputs/input"], i)
                self.assertEqual(values.shape, case.inputs["input"].shape)
                self.assertTrue(np.array_equal(values, case.inputs["input"], equal_nan=True))


if __name__ == "__main__":
    COPY = sys.argv.pop(1)
    unittest.main(verbosity=1)
