"""tools/campaign with programs that only pretend: what it counts, keeps, forgets and reports."""

import importlib.machinery
import importlib.util
import json
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOADER = importlib.machinery.SourceFileLoader("campaign", str(ROOT / "tools/campaign"))
sys.dont_write_bytecode = True
campaign = importlib.util.module_from_spec(importlib.util.spec_from_loader("campaign", LOADER))
LOADER.exec_module(campaign)

# As `lossproof fuzz` would: a record of so many seconds, with the finding or the regimes that a file beside it asks for.
PRETENDER = """#!/usr/bin/env python3
import json, pathlib, sys
words = dict(zip(sys.argv[3::2], sys.argv[4::2]))
told = pathlib.Path(sys.argv[0]).with_name("told.json")
more = json.loads(told.read_text()) if told.exists() else {}
record = {"seconds": float(words["--time"][:-1]), "executions": 1000, "regimes": ["a", "b"], "regimes_of": 2, "died": 0,
          "worst": [{"output": "loss", "ratio": "0x1p-4", "case": {"id": "w"}}], "findings": [], **more}
pathlib.Path(words["--json"]).write_text(json.dumps(record))
sys.exit(more.get("code", 0))
"""


class Campaign(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.state = pathlib.Path(self.folder.name)
        for place in ("program", "sanitized"):
            program = self.state / place / "lossproof"
            program.parent.mkdir()
            program.write_text(PRETENDER)
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def tearDown(self):
        self.folder.cleanup()

    def unit(self, kind="fuzz", wanted=120):
        return campaign.Unit(self.state, kind, "l1", wanted)

    def pretend(self, place="sanitized", **told):
        (self.state / place / "told.json").write_text(json.dumps(told))

    def run_all(self, unit):
        return campaign.campaign([unit], 1, float("inf"))

    def test_work_is_done_in_slices_and_kept(self):
        unit = self.unit().work()
        self.assertEqual((unit.known["seconds"], unit.known["executions"]), (60, 1000))
        again = self.unit()
        self.assertEqual(again.known["seconds"], 60)
        self.assertFalse(again.is_done())
        self.assertTrue(self.run_all(again))
        self.assertTrue(self.unit().is_done())
        self.assertEqual(self.unit().known["executions"], 2000)

    def test_changed_code_begins_anew(self):
        unit = self.unit().work()
        kept = json.loads(unit.path.read_text())
        unit.path.write_text(json.dumps({**kept, "code": "another"}))
        self.assertEqual(self.unit().known["seconds"], 0)

    def test_code_is_that_of_the_target(self):
        self.assertEqual(campaign.code_of("l1"), campaign.code_of("l1"))
        self.assertNotEqual(campaign.code_of("l1"), campaign.code_of("mse"))

    def test_the_first_finding_of_a_kind_is_kept(self):
        self.pretend(findings=[{"signature": "l1/loss/value", "text": "one", "seconds": 3, "case": {"id": "f"}}], code=3)
        unit = self.unit().work()
        self.pretend(findings=[{"signature": "l1/loss/value", "text": "two", "seconds": 1, "case": {"id": "g"}}], code=3)
        unit.work()
        self.assertEqual(unit.known["findings"]["l1/loss/value"]["text"], "one")

    def test_the_worst_error_is_kept(self):
        unit = self.unit().work()
        self.pretend(worst=[{"output": "loss", "ratio": "0x1p-2", "case": {"id": "x"}}])
        unit.work()
        self.pretend(worst=[{"output": "loss", "ratio": "0x1p-3", "case": {"id": "y"}}])
        unit.work()
        self.assertEqual(unit.known["worst"]["loss"]["case"]["id"], "x")

    def test_a_dead_harness_is_a_finding(self):
        self.pretend(died=1, code=3)
        self.assertIn("harness died", self.unit().work().known["findings"])

    def test_a_program_that_fails_is_told(self):
        self.pretend(code=99)
        with self.assertRaises(RuntimeError):
            self.unit().work()
        self.assertFalse(self.run_all(self.unit()))

    def test_regimes_that_are_not_reached(self):
        self.pretend("program", regimes=["a"])
        unit = self.unit("empty")
        self.run_all(unit)
        self.assertNotIn("all_regimes_after", unit.known)
        self.assertIn("not in 120 s", "\n".join(campaign.empty_rows([unit])))
        self.pretend("program")
        unit = campaign.Unit(self.state, "empty", "mse", 120)
        self.run_all(unit)
        self.assertEqual(unit.known["all_regimes_after"], 60)

    def test_records(self):
        self.pretend("program", findings=[{"signature": "l1/loss/value", "text": "a|b", "seconds": 3, "case": {"id": "f", "loss": "l1"}}])
        unit = self.unit("pytorch", 60).work()
        self.assertIn("| `l1/loss/value` | 3.0 s | a/b | pytorch-float32/l1-loss-value |", "\n".join(campaign.finding_rows([unit])))
        campaign.write_cases([unit], self.state / "cases.jsonl")
        case = json.loads((self.state / "cases.jsonl").read_text())
        self.assertEqual((case["id"], case["loss"]), ("pytorch-float32/l1-loss-value", "l1"))
        self.assertIn("| l1 | 60 | 1000 | 17 | 2/2 | loss 0.0625 | none |", "\n".join(campaign.fuzz_rows([self.unit().work()])))

    def test_usage(self):
        for words in (["nonsense"], ["fuzz", "--only", "l7"]):
            ended = subprocess.run([ROOT / "tools/campaign", "--state", self.state, *words], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 2)
            self.assertIn("expected", ended.stderr)
        ended = subprocess.run([ROOT / "tools/campaign", "--state", self.state, "--status", "plant"], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0)
        self.assertEqual(len(ended.stdout.splitlines()), len(campaign.losses()))


if __name__ == "__main__":
    unittest.main()
