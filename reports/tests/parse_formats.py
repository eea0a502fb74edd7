"""The golden files of every format, read by the libraries that others read them with.   parse_formats.py FOLDER"""

import csv
import json
import pathlib
import re
import sys
import unittest
import xml.etree.ElementTree

FOLDER = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "golden")


def results(who):
    lines = [json.loads(line) for line in (FOLDER / f"{who}.jsonl").read_text().splitlines()]
    return lines[0], [line for line in lines if line["record"] == "result"], lines[-1]


class Formats(unittest.TestCase):
    def test_junit(self):
        for who, fails in (("pass", 0), ("fail", 4)):
            root = xml.etree.ElementTree.parse(FOLDER / f"{who}.junit").getroot()
            self.assertEqual(root.tag, "testsuites")
            self.assertEqual(len(root.findall(".//failure")), fails)
            for suite in root:
                self.assertEqual(suite.tag, "testsuite")
                cases = suite.findall("testcase")
                self.assertEqual(int(suite.get("tests")), len(cases))
                self.assertEqual(int(suite.get("failures")), len(suite.findall("testcase/failure")))
                self.assertEqual(int(suite.get("errors")), len(suite.findall("testcase/error")))
                self.assertEqual(int(suite.get("skipped")), len(suite.findall("testcase/skipped")))
                self.assertTrue(all(case.get("name") and case.get("classname") for case in cases))
                order = [child.tag for child in suite]
                self.assertEqual(order, sorted(order, key=["properties", "testcase"].index))

    def test_sarif(self):
        for who in ("pass", "fail"):
            document = json.loads((FOLDER / f"{who}.sarif").read_text())
            self.assertEqual(document["version"], "2.1.0")
            (run,) = document["runs"]
            rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
            told = [r["signature"] for r in results(who)[1] if r["verdict"] != "pass"]
            self.assertEqual([r["partialFingerprints"]["lossproof/v1"] for r in run["results"]], told)
            for result in run["results"]:
                self.assertIn(result["ruleId"], rules)
                self.assertIn(result["level"], ("error", "warning"))
                self.assertTrue(result["message"]["text"])
                place = result["locations"][0]["physicalLocation"]
                self.assertRegex(place["artifactLocation"]["uri"], r"^[\w.~/%-]+$")
                self.assertGreaterEqual(place["region"]["startLine"], 1)

    def test_tap(self):
        for who in ("pass", "fail"):
            lines = (FOLDER / f"{who}.tap").read_text().splitlines()
            self.assertEqual(lines[0], "TAP version 14")
            plan = int(re.fullmatch(r"1\.\.(\d+)", lines[1]).group(1))
            points = [re.fullmatch(r"(not )?ok (\d+) - (.*)", line) for line in lines if re.match(r"(not )?ok", line)]
            self.assertEqual([int(point.group(2)) for point in points], list(range(1, plan + 1)))
            fails = sum(r["verdict"] == "fail" for r in results(who)[1])
            self.assertEqual(sum(bool(point.group(1)) for point in points), fails)
            self.assertEqual(lines.count("  ---"), lines.count("  ..."))

    def test_csv(self):
        for who in ("pass", "fail"):
            rows = list(csv.DictReader((FOLDER / f"{who}.csv").open(newline="")))
            self.assertTrue(rows)
            for row in rows:
                self.assertGreaterEqual(float(row["worst_ratio"]), 0)
                self.assertNotIn(None, row)

    def test_html(self):
        for who in ("pass", "fail", "worse", "better"):
            data = json.loads((FOLDER / f"{who}.html").read_text())
            texts = len(data["names"])
            for record in data["records"]:
                self.assertEqual(len(record), 11)
                self.assertTrue(all(0 <= record[k] < texts for k in (1, 2, 3, 4, 8, 9, 10)))
        self.assertNotIn("<", (FOLDER / "fail.html").read_text())

    def test_script_is_python(self):
        scripts = [r["script"] for r in results("fail")[1] if "script" in r]
        self.assertTrue(scripts)
        for script in scripts:
            compile(script, "script", "exec")

    def test_markdown(self):
        for who in ("pass", "fail", "worse"):
            rows = [line for line in (FOLDER / f"{who}.markdown").read_text().splitlines() if line.startswith("| `")]
            self.assertTrue(all(row.count("|") == 10 for row in rows))


if __name__ == "__main__":
    unittest.main()
