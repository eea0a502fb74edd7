"""Tests of the exporter: run with the exporter's virtual environment,

golden/export/venv/bin/python -m unittest discover -s golden/export/tests
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mpmath import mp, mpf

EXPORT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(EXPORT))

import ask
import definitions
import errata
import export
import mechanisms
import spread
import tape
from calls import Answer, Question
from lossproof_h5 import Case, Origin, Outcome, case_from_json, read_suite, write_fixtures
from questions import CASES, question, tutorial_case, tutorial_module


def kinds(*integers: str) -> dict[str, str]:
    return dict.fromkeys(integers, "index")


INDICES = {
    "ctc": kinds("targets", "input_lengths", "target_lengths"),
    "multi_margin": kinds("target"),
    "multilabel_margin": kinds("target"),
}


def row_of(loss: str, record: dict) -> dict:
    """As much of a registry row as reading a JSON case takes."""
    known = INDICES.get(loss, {})
    return {"name": loss, "inputs": [{"name": n, "kind": known.get(n, "real")} for n in record["inputs"]]}


def stored_cases() -> Iterator[Case]:
    for path in sorted(CASES.rglob("*.json")):
        for position, record in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            yield case_from_json(record, row_of(record["loss"], record), position)


class Tutorial(unittest.TestCase):
    def setUp(self) -> None:
        self.module = tutorial_module()
        self.cases = {record["id"]: tutorial_case(record) for record in self.module.cases()}

    def test_published_values_come_out(self) -> None:
        for name, published in self.module.PUBLISHED.items():
            value = float(ask.ask(question(self.cases[name])).outputs["loss"])
            self.assertEqual(f"{value:.4f}", f"{published:.4f}", name)

    def test_expectations_hold(self) -> None:
        for case in self.cases.values():
            self.assertEqual(ask.ask(question(case)).rejection is not None, case.expect == "reject", case.id)

    def test_inputs_are_float32_numbers(self) -> None:
        for case in self.cases.values():
            for array in case.inputs.values():
                self.assertTrue(np.array_equal(array, array.astype(np.float32)), case.id)

    def test_some_concatenated_sequences_are_infeasible_and_some_are_not(self) -> None:
        finite = np.isfinite(ask.ask(question(self.cases[self.module.INFEASIBLE])).outputs["loss"])
        self.assertTrue(finite.any())
        self.assertFalse(finite.all())

    def test_labels_of_ranking_include_zero(self) -> None:
        self.assertIn(0.0, self.cases["tutorial/margin_ranking/label-zero"].inputs["target"])


class StoredCases(unittest.TestCase):
    def test_pytorch_takes_and_refuses_what_the_cases_expect(self) -> None:
        for case in stored_cases():
            rejection = ask.ask(question(case)).rejection
            if case.expect != "either":
                self.assertEqual(rejection is not None, case.expect == "reject", f"{case.id}: {rejection}")

    def test_ids_name_the_loss_and_cases_say_what_they_hunt(self) -> None:
        names = [case.id for case in stored_cases()]
        self.assertEqual(len(names), len(set(names)))
        for case in stored_cases():
            self.assertEqual(case.id.split("/")[:2], ["bugs", case.loss])
            self.assertGreater(len(case.hunts), 20, case.id)


class Asking(unittest.TestCase):
    def test_gradients_are_found_by_trying(self) -> None:
        x, y = np.array([0.5, -1.0]), np.array([1.0, -1.0])
        self.assertEqual(
            set(ask.ask(Question("soft_margin", {"input": x, "target": y}, {})).outputs), {"loss", "grad/input"}
        )
        both = ask.ask(Question("l1", {"input": x, "target": y}, {}))
        self.assertEqual(set(both.outputs), {"loss", "grad/input", "grad/target"})

    def test_integers_have_no_gradient_and_keep_their_dtype(self) -> None:
        answer = ask.ask(
            Question(
                "l1", {"input": np.array([1, 2], dtype=np.uint8), "target": np.array([2, 1], dtype=np.uint8)}, {}, "sum"
            )
        )
        self.assertEqual(set(answer.outputs), {"loss"})
        self.assertEqual(answer.outputs["loss"].dtype, np.float64)

    def test_upstream_gradient_is_used(self) -> None:
        x, y, g = np.array([2.0, 3.0]), np.array([0.0, 0.0]), np.array([5.0, 0.0])
        answer = ask.ask(Question("l1", {"input": x, "target": y}, {}, "none", g))
        self.assertEqual(answer.outputs["grad/input"].tolist(), [5.0, 0.0])

    def test_whole_floats_become_integers_where_pytorch_wants_them(self) -> None:
        inputs = {"input": np.array([[0.1, 0.2]]), "target": np.array([0])}
        self.assertIsNone(ask.ask(Question("multi_margin", inputs, {"p": 2.0})).rejection)
        self.assertIsNone(
            ask.ask(Question("kl_div", {"input": np.ones(2), "target": np.ones(2)}, {"log_target": 1})).rejection
        )

    def test_a_rejection_has_class_and_one_line(self) -> None:
        answer = ask.ask(Question("l1", {"input": np.ones(2), "target": np.ones(3)}, {}))
        self.assertRegex(answer.rejection or "", r"^RuntimeError: The size of tensor a \(2\) must match")
        self.assertEqual(ask.describe(ValueError("at 0x7f01 \n stack")), "ValueError: at ADDRESS")

    def test_what_is_no_call_is_not_asked(self) -> None:
        with self.assertRaises(ask.NotACall):
            ask.ask(Question("l1", {"input": np.ones(2), "aim": np.ones(2)}, {}))
        with self.assertRaises(ask.NotACall):
            ask.ask(Question("l1", {"input": np.ones(2)}, {}))

    def test_labels_out_of_range_are_not_asked(self) -> None:
        inputs = {
            "log_probs": np.zeros((3, 1, 3)),
            "targets": np.array([[1, 3]]),
            "input_lengths": np.array([3]),
            "target_lengths": np.array([2]),
        }
        self.assertRegex(ask.ask(Question("ctc", inputs, {})).rejection or "", "^not asked")
        padded = {**inputs, "target_lengths": np.array([1])}
        self.assertIsNone(ask.ask(Question("ctc", padded, {})).rejection)


class Tape(unittest.TestCase):
    def slope(self, function, at: float) -> tape.Real:
        leaf = tape.real(at)
        return tape.gradients(function(leaf), [leaf])[0]

    def test_derivatives_of_the_elementary_functions(self) -> None:
        table = [
            (lambda x: x * x + 3 * x - 1, lambda x: 2 * x + 3),
            (lambda x: 1 / x, lambda x: -1 / x**2),
            (tape.exp, mp.exp),
            (tape.log, lambda x: 1 / x),
            (tape.log1p, lambda x: 1 / (1 + x)),
            (tape.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
            (lambda x: tape.power(x, tape.real(2.5)), lambda x: 2.5 * x**1.5),
            (lambda x: tape.power(tape.real(3), x), lambda x: 0),
            (lambda x: abs(-x), lambda x: 1),
            (tape.positive_part, lambda x: 1),
            (lambda x: tape.largest([x, tape.real(0.25)]), lambda x: 1),
            (lambda x: tape.total([x, x, x]), lambda x: 3),
        ]
        for function, derivative in table:
            got = self.slope(function, 1.75).value
            self.assertLess(abs(got - derivative(mpf(1.75))), mpf(2) ** -2000)

    def test_nothing_cancels(self) -> None:
        self.assertEqual((tape.real(1) + 5e-324 - 1).value, mpf(5e-324))
        tiny = tape.log1p(tape.exp(tape.real(-700.0)))
        self.assertLess(abs(tiny.value / mp.exp(-700) - 1), mpf(10) ** -300)

    def test_choices_are_marked(self) -> None:
        for function in (abs, tape.sign, tape.positive_part, tape.sqrt, lambda x: tape.largest([x, tape.real(0)])):
            leaf = tape.real(0.0)
            out = function(leaf)
            self.assertTrue(tape.at_kink(tape.gradients(out, [leaf])[0]) or tape.at_kink(out))
        self.assertFalse(tape.at_kink(self.slope(abs, 1.0)))

    def test_a_switch_that_rounding_decides_is_a_choice(self) -> None:
        third = tape.real(1) / 3
        leaf = tape.real(1.0)
        self.assertTrue(tape.at_kink(tape.gradients(abs(leaf / 3 - third), [leaf])[0]))

    def test_scale_counts_every_rounded_intermediate(self) -> None:
        a, b = tape.real(3.0), tape.real(-2.0)
        self.assertEqual(tape.scale(a), 3)
        self.assertEqual(tape.scale(a + b), 1)
        self.assertEqual(tape.scale((a + b) * a), 3 + 3)
        self.assertEqual(tape.scale((a - 5) + 2), 0 + 2)

    def test_what_is_not_finite_spreads(self) -> None:
        nan = tape.real(math.nan)
        for value in (
            abs(nan),
            tape.positive_part(nan),
            tape.largest([nan, tape.real(1)]),
            nan * 0,
            nan + 1,
            tape.log(nan),
        ):
            self.assertTrue(mp.isnan(value.value))


def random_question(random: np.random.RandomState, loss: str) -> Question:
    """An ordinary call with random options."""
    n, d = random.randint(1, 5), random.randint(2, 6)
    signs = random.choice([-1.0, 1.0], n)
    normal = random.randn

    def one_of(*values):
        return values[random.randint(len(values))]

    inputs, parameters = {
        "l1": lambda: ({"input": normal(n), "target": normal(n), "weight": abs(normal(n))}, {}),
        "mse": lambda: ({"input": normal(n, d), "target": normal(n, d)}, {}),
        "smooth_l1": lambda: ({"input": normal(n), "target": normal(n)}, {"beta": one_of(1.0, 0.3, 0.0)}),
        "poisson_nll": lambda: (
            {"input": abs(normal(n)), "target": abs(3 * normal(n))},
            {"log_input": one_of(True, False), "full": one_of(True, False)},
        ),
        "kl_div": lambda: ({"input": normal(n, d), "target": abs(normal(n, d))}, {"log_target": one_of(True, False)}),
        "margin_ranking": lambda: (
            {"input1": normal(n), "input2": normal(n), "target": signs},
            {"margin": one_of(0.0, 0.7)},
        ),
        "hinge_embedding": lambda: ({"input": normal(n), "target": signs}, {"margin": one_of(1.0, 0.3)}),
        "soft_margin": lambda: ({"input": 10 * normal(n), "target": signs}, {}),
        "multi_margin": lambda: (
            {"input": normal(n, d), "target": random.randint(0, d, n), "weight": abs(normal(d))},
            {"p": one_of(1, 2), "margin": one_of(1.0, 0.3)},
        ),
        "multilabel_margin": lambda: ({"input": normal(n, d), "target": random.randint(-1, d, (n, d))}, {}),
        "triplet_margin": lambda: (
            {"anchor": normal(n, d), "positive": normal(n, d), "negative": normal(n, d)},
            {"p": one_of(1.0, 2.0, 3.0, 1.5, math.inf), "swap": one_of(True, False), "margin": one_of(1.0, 0.3)},
        ),
        "cosine_embedding": lambda: (
            {"input1": normal(n, d), "input2": normal(n, d), "target": signs},
            {"margin": one_of(0.0, 0.3)},
        ),
        "ctc": lambda: (
            {
                "log_probs": normal(6, n, d) - 2,
                "targets": random.randint(1, d, (n, 3)),
                "input_lengths": random.randint(3, 7, n),
                "target_lengths": random.randint(0, 4, n),
            },
            {"zero_infinity": True},
        ),
    }[loss]()
    return Question(loss, inputs, parameters, one_of("none", "mean", "sum"))


def worst(asked: Question, answer: Answer) -> float:
    """The largest distance of an element from the definition, in budgets."""
    truths = definitions.evaluate(asked, list(answer.outputs))
    ratios = [0.0]
    for name, values in answer.outputs.items():
        for value, truth in zip(np.ravel(values), truths[name], strict=True):
            if truth.defined:
                budget = tape.BUDGET_UNITS * (tape.UNIT * truth.scale + mpf(2) ** -1074)
                ratios.append(float(abs(mpf(float(value)) - truth.value) / budget))
    return max(ratios)


class Definitions(unittest.TestCase):
    def test_pytorch_is_within_the_budget_on_ordinary_inputs(self) -> None:
        random = np.random.RandomState(5)
        for loss in (*definitions.TERMS, "ctc"):
            for _ in range(12):
                asked = random_question(random, loss)
                answer = ask.ask(asked)
                self.assertIsNone(answer.rejection)
                self.assertLess(worst(asked, answer), 1, asked)

    def test_a_fault_is_seen(self) -> None:
        random = np.random.RandomState(6)
        for loss in (*definitions.TERMS, "ctc"):
            asked = random_question(random, loss)
            outputs = dict(ask.ask(asked).outputs)
            for name in outputs:
                faulty = {**outputs, name: outputs[name] * (1 + 1e-9) + 1e-9}
                self.assertGreater(worst(asked, Answer(faulty)), 1, (loss, name))

    def test_upstream_gradients_enter(self) -> None:
        asked = Question(
            "mse", {"input": np.array([3.0, 1.0]), "target": np.zeros(2)}, {}, "none", np.array([2.0, 0.0])
        )
        slopes = definitions.evaluate(asked, ["grad/input"])["grad/input"]
        self.assertEqual([slope.value for slope in slopes], [12, 0])

    def test_closed_forms(self) -> None:
        def value(loss: str, inputs: dict, **parameters) -> mpf:
            reduction = parameters.pop("reduction", "sum")
            arrays = {k: np.asarray(v) for k, v in inputs.items()}
            return definitions.evaluate(Question(loss, arrays, parameters, reduction), ["loss"])["loss"][0].value

        uniform = np.full((3, 1, 3), -np.log(3.0))
        lengths = {"input_lengths": [3], "target_lengths": [2]}
        self.assertAlmostEqual(
            float(value("ctc", {"log_probs": uniform, "targets": [[1, 1]], **lengths})), 3 * math.log(3)
        )
        self.assertEqual(value("hinge_embedding", {"input": [0.5], "target": [0.0]}), 1)
        self.assertEqual(value("kl_div", {"input": [-1.0], "target": [0.0]}), 0)
        self.assertEqual(
            value("kl_div", {"input": np.zeros((4, 2)), "target": np.ones((4, 2))}, reduction="batchmean"), 0
        )
        self.assertEqual(
            value("l1", {"input": [1.0, 3.0], "target": [0.0, 0.0], "weight": [1.0, 3.0]}, reduction="mean"), 2.5
        )
        far = {"anchor": [[1e200, 0.0]], "positive": [[0.0, 0.0]], "negative": [[0.0, 0.0]]}
        self.assertEqual(value("triplet_margin", far, p=1.0, eps=0.0), 1)

    def test_what_is_not_finite_is_open_and_alone(self) -> None:
        asked = Question("soft_margin", {"input": np.array([math.inf, 1.0]), "target": np.ones(2)}, {}, "none")
        outputs = definitions.evaluate(asked, ["loss", "grad/input"])
        self.assertEqual([t.defined for t in outputs["loss"]], [False, True])
        self.assertEqual([t.defined for t in outputs["grad/input"]], [False, True])


SOFT = Question("soft_margin", {"input": np.array([-1000.0, 0.5]), "target": np.ones(2)}, {}, "none")
SOFT_CASE = Case(
    "bugs/soft_margin/x", "soft_margin", dict(SOFT.inputs), reduction="none", hunts="overflow", tags="test"
)


def soft_disagreement(**changes) -> errata.Disagreement:
    usual = {"output": "loss", "index": 0, "exact": 1000.0, "pytorch": math.inf, "budget": 1e-11, "off": "fixture"}
    return errata.Disagreement(case=SOFT_CASE.id, **{**usual, **changes})


class Errata(unittest.TestCase):
    def test_a_proof_holds_the_numbers(self) -> None:
        proof = errata.prove(soft_disagreement(), SOFT_CASE)
        self.assertEqual(proof.name, "soft_margin.overflow")
        self.assertEqual(proof.entry(), {"index": 0, "pytorch": "Infinity", "true": "1000", "ratio": "Infinity"})

    def test_no_proof_without_a_fault_of_pytorch_alone(self) -> None:
        for changes, reason in (
            ({"exact": 999.0}, "the exact oracle has"),
            ({"off": "candidate, fixture and reference"}, "is wrong too"),
            ({"pytorch": 1000.0}, "within the budget"),
            ({"output": "acceptance"}, "accepts"),
        ):
            with self.assertRaisesRegex(errata.NoErratum, reason):
                errata.prove(soft_disagreement(**changes), SOFT_CASE)
        infinite = Case(
            id="x", loss="soft_margin", inputs={"input": np.array([math.inf]), "target": np.ones(1)}, reduction="none"
        )
        with self.assertRaisesRegex(errata.NoErratum, "not finite"):
            errata.prove(soft_disagreement(), infinite)

    def test_distance_in_budgets(self) -> None:
        self.assertEqual(errata.outside(3.0, mpf(1), 0.5), 4)
        self.assertEqual(errata.outside(math.nan, mpf(1), 0.5), math.inf)
        self.assertEqual(errata.outside(math.inf, mpf(1), 0.5), math.inf)
        self.assertEqual(errata.outside(math.inf, mpf(2) ** 1024, 1e290), 0)
        self.assertEqual(errata.outside(-math.inf, mpf(2) ** 1024, 1e290), math.inf)
        self.assertEqual(errata.outside(1.0, mpf(2) ** 1025, 1e290), math.inf)

    def test_mechanisms_are_read_off_the_formula(self) -> None:
        self.assertEqual(mechanisms.name_of(SOFT, "loss", 0, math.inf), "soft_margin.overflow")
        tiny = Question("smooth_l1", {"input": np.array([1e-200]), "target": np.zeros(1)}, {"beta": 1e-160}, "none")
        self.assertEqual(mechanisms.name_of(tiny, "loss", 0, 0.0), "smooth_l1.underflow")
        huge = Question(
            "cosine_embedding",
            {"input1": np.full((1, 2), 1e80), "input2": np.full((1, 2), 1e80), "target": np.ones(1)},
            {},
        )
        self.assertEqual(mechanisms.name_of(huge, "loss", 0, 1.0), "cosine_embedding.overflow")
        plain = Question("l1", {"input": np.ones(1), "target": np.zeros(1)}, {})
        self.assertEqual(mechanisms.name_of(plain, "loss", 0, 2.0), "l1.rounding")

    def test_the_register_is_complete_and_ordered(self) -> None:
        proofs = [
            errata.prove(soft_disagreement(), SOFT_CASE),
            errata.prove(soft_disagreement(output="grad/input", exact=-1.0, pytorch=math.nan), SOFT_CASE),
        ]
        register = json.loads(errata.register_text(proofs, "2.13.0"))
        self.assertEqual(register["format"], errata.FORMAT)
        self.assertEqual(list(register["errata"][0]["cases"][SOFT_CASE.id]), ["grad/input", "loss"])
        self.assertEqual(set(register["errata"][0]), {"name", "summary", "source", "cases"})

    def test_what_appears_and_what_disappears_is_reported(self) -> None:
        full = errata.register_text([errata.prove(soft_disagreement(), SOFT_CASE)], "2.13.0")
        empty = errata.register_text([], "2.13.0")
        self.assertEqual(errata.compare(full, full), [])
        self.assertRegex(errata.compare(empty, full)[0], "^unregistered: bugs/soft_margin/x loss")
        self.assertRegex(errata.compare(full, empty)[0], "^gone: bugs/soft_margin/x loss")
        self.assertRegex(errata.compare(full.replace("1000", "1001"), full)[0], "other proofs or words")

    def test_results_of_the_program_are_understood(self) -> None:
        lines = [
            '{"record":"run"}',
            '{"record":"result","case":"a","output":"loss","verdict":"pass"}',
            '{"record":"result","case":"b","output":"acceptance","verdict":"fail","alone":"candidate"}',
            '{"record":"result","case":"c","output":"loss","verdict":"fail","index":2,"got":"0x1p+1","expected":"-Infinity","budget":"0x1p-50","alone":"candidate and fixture"}',
        ]
        found = list(errata._failures(lines))
        self.assertEqual([one.case for one in found], ["b", "c"])
        self.assertEqual((found[1].exact, found[1].pytorch, found[1].index), (-math.inf, 2.0, 2))

    def test_names_are_those_of_losses(self) -> None:
        for name, (summary, source) in mechanisms.MECHANISMS.items():
            self.assertIn(name.split(".")[0], {*definitions.TERMS, "ctc"})
            self.assertGreater(len(summary), 30)
            self.assertRegex(source, r"\.(cpp|py)")


class Spread(unittest.TestCase):
    def test_differences_are_scaled(self) -> None:
        asked = Question("l1", {"input": np.array([2.0]), "target": np.array([1.0])}, {}, "sum")
        base = ask.ask(asked)
        moved = Answer({**base.outputs, "loss": base.outputs["loss"] + 2.0**-50})
        found = spread.measure(["a"], [asked], [base], [moved])
        scale = definitions.evaluate(asked, ["loss"])["loss"][0].scale
        self.assertEqual((found.differing, found.changed), (1, []))
        self.assertAlmostEqual(found.units, float(mpf(2) ** -50 / (tape.UNIT * scale)))
        self.assertLessEqual(found.recorded, spread.CEILING)

    def test_a_change_of_class_is_named(self) -> None:
        base, other = Answer({"loss": np.array(1.0)}), Answer({"loss": np.array(math.inf)})
        self.assertEqual(spread.measure(["a"], [SOFT], [base], [other]).changed, ["a"])
        self.assertEqual(spread.measure(["a"], [SOFT], [base], [Answer(rejection="no")]).changed, ["a"])

    def test_a_child_answers_alike(self) -> None:
        child = spread.answers_under(spread.BASE, [SOFT])
        self.assertEqual(spread.measure(["a"], [SOFT], [ask.ask(SOFT)], child).differing, 0)


ROW = {
    "name": "soft_margin",
    "inputs": [{"name": name, "kind": "real", "differentiable": name == "input"} for name in ("input", "target")],
    "parameters": [],
}


class Fixtures(unittest.TestCase):
    def test_the_same_questions_give_the_same_bytes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("one.h5", "two.h5"):
                outcome = export.outcome(ROW, SOFT_CASE, ask.ask(SOFT))
                write_fixtures(f"{folder}/{name}", ROW, [SOFT_CASE], [outcome], Origin("pytorch", "2.13.0"))
            self.assertEqual(Path(folder, "one.h5").read_bytes(), Path(folder, "two.h5").read_bytes())
            suite = read_suite(f"{folder}/one.h5")
            self.assertEqual(suite.outcomes[0].outputs["loss"][0], math.inf)

    def test_rejections_are_kept_as_messages(self) -> None:
        kept = export.outcome(ROW, SOFT_CASE, Answer(rejection="E: no"))
        self.assertEqual(kept, Outcome(kind="rejected", message="E: no"))

    def test_a_gradient_that_is_left_out_is_zero(self) -> None:
        both = {**ROW, "inputs": [{**spec, "differentiable": True} for spec in ROW["inputs"]]}
        kept = export.outcome(both, SOFT_CASE, ask.ask(SOFT))
        self.assertEqual(kept.outputs["grad/target"].tolist(), [0.0, 0.0])

    def test_what_only_pytorch_takes_may_be_refused(self) -> None:
        refused = Case(**{**vars(SOFT_CASE), "expect": "reject"})
        self.assertEqual(export.settled(refused, Answer(of_integers=True)).expect, "either")
        self.assertEqual(export.settled(refused, Answer()).expect, "reject")
        self.assertEqual(export.settled(refused, Answer(rejection="E: no", of_integers=True)).expect, "reject")
        self.assertEqual(export.settled(SOFT_CASE, Answer(of_integers=True)).expect, "accept")
        labels = Case("x", "ctc", {"targets": np.ones((1, 2))}, expect="reject")
        self.assertEqual(export.settled(labels, Answer()).expect, "either")

    def test_surprises_are_told(self) -> None:
        answer = ask.ask(SOFT)
        self.assertEqual(export.surprises(ROW, [SOFT_CASE], [answer]), [])
        refused = Case(**{**vars(SOFT_CASE), "expect": "reject"})
        self.assertRegex(export.surprises(ROW, [refused], [answer])[0], "expects reject, but PyTorch accepts it")
        self.assertRegex(export.surprises(ROW, [SOFT_CASE], [Answer(rejection="E: no")])[0], "expects accept.*E: no")
        neither = {**ROW, "inputs": [{**spec, "differentiable": False} for spec in ROW["inputs"]]}
        self.assertRegex(export.surprises(neither, [SOFT_CASE], [answer])[0], "also gives grad/input")


if __name__ == "__main__":
    unittest.main()
