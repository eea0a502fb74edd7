"""The adapter: what functions get and what becomes of what they give; and a served program as lossproof sees it."""

import json
import os
import subprocess
import sys
import unittest
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import lossproof_adapter as adapter
import numpy as np
from lossproof_adapter import Case, Reject, bfloat16_bits, sum_to

ONE = np.array([1.0])


def asked(**changes):
    inputs = {"input": np.array([1.0, 2.0]), "target": np.array([0.0, 2.5])}
    return Case("l1", inputs, want={"loss": "float64", "grad/input": "float64"}, **changes)


def said(function, case=None):
    return json.loads(adapter.answer({"l1": function}, case or asked()))


def numbers(packed):
    return adapter._read_tensor(packed).tolist()


class Answers(unittest.TestCase):
    def test_a_dictionary_a_tuple_or_the_loss_alone(self):
        for result in ({"loss": 3, "grad/input": [1, 2]}, (3, [1, 2]), (3, [1, 2], [5, 6])):
            got = said(lambda case: result)
            self.assertEqual((got["status"], numbers(got["loss"])), ("ok", 3.0))
            self.assertEqual({n: numbers(t) for n, t in got["grad"].items()}, {"input": [1.0, 2.0]})
        self.assertEqual(said(lambda case: np.float32(3))["grad"], {})

    def test_outputs_are_rounded_to_the_wanted_dtype(self):
        case = Case("l1", {}, want={"loss": "float32"})
        got = said(lambda case: 1 + 2.0**-24 + 2.0**-50, case)["loss"]
        self.assertEqual((got["dtype"], got["shape"], numbers(got)), ("float32", [], 1 + 2.0**-23))

    def test_what_a_function_raises_is_its_answer(self):
        def raiser(error):
            def function(case):
                raise error

            return function

        for error, status, message in (
            (Reject("shapes"), "rejected", "shapes"),
            (ValueError("beta"), "rejected", "beta"),
            (NotImplementedError("half"), "unsupported", "half"),
            (ZeroDivisionError("division by zero"), "crashed", "ZeroDivisionError: division by zero (test_adapter.py"),
            (RecursionError("too deep"), "crashed", "RecursionError: too deep"),
        ):
            got = said(raiser(error))
            self.assertEqual((got["id"], got["status"]), ("", status))
            self.assertTrue(got["message"].startswith(message), got)

    def test_no_function_is_unsupported(self):
        self.assertEqual(json.loads(adapter.answer({}, asked()))["status"], "unsupported")

    def test_a_result_that_is_none_is_the_functions_fault(self):
        for result in (None, {"grad/input": ONE}, {"loss": 1, "gard/input": ONE}, "one", {"loss": 1j}):
            self.assertEqual(said(lambda case: result)["status"], "crashed")

    def test_non_finite_numbers_and_signed_zeros_survive(self):
        got = said(lambda case: (np.nan, [-0.0, -np.inf]))
        self.assertTrue(np.isnan(numbers(got["loss"])))
        self.assertEqual(np.signbit(numbers(got["grad"]["input"])).tolist(), [True, True])


class Cases(unittest.TestCase):
    LINE = (
        b'{"id": "a", "loss": "smooth_l1", "dtype": "bfloat16", "params": {"reduction": "sum", "beta": "Infinity"}, '
        b'"inputs": {"input": {"dtype":"bfloat16","shape":[2,1],"data":"gD/AAA=="}, '
        b'"target": {"dtype":"int32","shape":[0],"data":""}}, '
        b'"grad_output": {"dtype":"float16","shape":[],"data":"ADw="}, "want": {"loss": "bfloat16"}}'
    )

    def test_a_question_is_read(self):
        case = adapter._read_case(self.LINE)
        self.assertEqual((case.id, case.loss, case.reduction, case.beta), ("a", "smooth_l1", "sum", np.inf))
        self.assertEqual((case.input.dtype, case.input.shape), (np.float32, (2, 1)))
        self.assertEqual(case.dtypes, {"input": "bfloat16", "target": "int32"})
        self.assertEqual(case.bits("input").ravel().tolist(), [0x3F80, 0x00C0])
        self.assertEqual((case.target.size, case.grad_output.item()), (0, 1.0))

    def test_inputs_may_be_written(self):
        case = adapter._read_case(self.LINE)
        case.grad_output[...] = 2

    def test_what_a_case_does_not_have(self):
        with self.assertRaisesRegex(AttributeError, "smooth_l1 has neither an input nor a parameter 'weight'"):
            adapter._read_case(self.LINE).weight


class Rounding(unittest.TestCase):
    def nearest(self, x):
        """bfloat16 by exact search among the neighbours."""
        if not np.isfinite(x):
            return {np.inf: 0x7F80, -np.inf: 0xFF80}.get(x, 0x7FC0)
        with np.errstate(over="ignore"):
            near = int(np.float32(x).view(np.uint32) >> 16) & 0x7FFF
        size = abs(Fraction(float(x)))

        def value(bits):
            if bits >= 0x7F80:
                return Fraction(2) ** 128
            return Fraction(float(np.uint32(bits << 16).view(np.float32)))

        best = min((abs(value(b) - size), b & 1, b) for b in range(max(near - 2, 0), min(near + 2, 0x7F80) + 1))
        return best[2] | (0x8000 if np.signbit(x) else 0)

    def test_float64_is_rounded_once(self):
        rng = np.random.default_rng(1)
        values = rng.standard_normal(3000) * 2.0 ** rng.integers(-140, 128, 3000)
        ties = (1 + (2 * rng.integers(0, 128, 500) + 1) * 2.0**-8) * (1 + rng.integers(-1, 2, 500) * 2.0**-50)
        edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, 2.0**-134, 2.0**-134 * 1.0001, 3.3895e38]
        values = np.concatenate([values, ties, edges])
        got = bfloat16_bits(values)
        for x, bits in zip(values, got.tolist()):
            self.assertEqual(bits, self.nearest(x), x)

    def test_float32_and_bits(self):
        values = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, np.nan, -0.0], np.float32)
        self.assertEqual(bfloat16_bits(values).tolist(), [0x3F80, 0x3F82, 0x7FC0, 0x8000])
        self.assertEqual(bfloat16_bits(np.array([7], np.uint16)).tolist(), [7])

    def test_a_number_keeps_its_shape(self):
        self.assertEqual(bfloat16_bits(np.float64(1.0)).shape, ())
        self.assertEqual(bfloat16_bits(np.zeros((0, 3), np.float32)).shape, (0, 3))


class Shapes(unittest.TestCase):
    def test_sum_to_undoes_broadcasting(self):
        for shape in ((), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1), (1, 2, 3)):
            full = np.ones((2, 3)) + np.zeros(shape)
            self.assertEqual(sum_to(full, shape).shape, shape)
            self.assertEqual(sum_to(full, shape).sum(), 6.0)
        self.assertEqual(sum_to(np.zeros((0, 4)), (1, 4)).tolist(), [[0.0] * 4])


PROGRAM = """
import os, sys
sys.path.insert(0, {root!r})
from lossproof_adapter import claim_stdout, serve
claim_stdout()
print("before")
def l1(case):
    print("a stray print"); os.write(1, b"a stray write\\n"); sys.stdout.flush()
    os.system("echo a stray child")
    return abs(case.input - case.target).sum()
serve({{"l1": l1}}, name="talkative", reductions=["sum"])
"""

HELLO = '{"lossproof": {"protocol": 1, "version": "0"}}\n'


class Served(unittest.TestCase):
    def start(self, text=PROGRAM):
        source = text.format(root=str(ROOT))
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", source], stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def question(self, name):
        x = adapter._write_tensor([3.0], "float64")
        return (
            f'{{"id": "{name}", "loss": "l1", "params": {{"reduction": "sum"}}, '
            f'"inputs": {{"input": {x}, "target": {x}}}, "want": {{"loss": "float64"}}}}\n'
        )

    def test_stray_prints_do_no_harm_and_answers_come_in_order(self):
        names = [str(i) for i in range(300)]
        program = self.start()
        out, err = program.communicate(HELLO + "".join(map(self.question, names)), timeout=60)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(lines[0]["manifest"], {
            "dtypes": ["float64"], "deterministic": True, "losses": ["l1"], "reductions": ["sum"]})  # fmt: skip
        self.assertEqual([line["id"] for line in lines[1:]], names)
        self.assertIn("a stray print", err)
        self.assertIn("a stray write", err)
        self.assertIn("a stray child", err)
        self.assertEqual(program.returncode, 0)

    def test_an_answer_does_not_wait_for_the_next_question(self):
        with self.start() as program:
            program.stdin.write(HELLO)
            program.stdin.flush()
            self.assertIn("talkative", program.stdout.readline())
            half = self.question("x")
            program.stdin.write(half[:20])
            program.stdin.flush()
            program.stdin.write(half[20:])
            program.stdin.flush()
            self.assertEqual(json.loads(program.stdout.readline())["id"], "x")
            program.communicate()

    def test_another_protocol_is_refused(self):
        program = self.start()
        out, err = program.communicate('{"lossproof": {"protocol": 9}}\n', timeout=60)
        self.assertEqual(out, "")
        self.assertIn("protocol 9", err)
        self.assertNotEqual(program.returncode, 0)

    def test_a_long_line_arrives_whole(self):
        big = adapter._write_tensor(np.arange(300000.0), "float64")
        line = self.question("big").replace(adapter._write_tensor([3.0], "float64"), big)
        out, _ = self.start().communicate(HELLO + line, timeout=60)
        self.assertEqual(numbers(json.loads(out.splitlines()[1])["loss"]), 0.0)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "error")
    unittest.main()
