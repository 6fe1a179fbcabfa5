"""`--junitxml`: each check a test case, with its status and finding as properties."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.plugin.project import Project


def test_a_check_carries_its_finding(project: Project) -> None:
    project.toys("contract.holds", "fuzz.fails", "fuzz.undecided")
    project.run("--junitxml=junit.xml")
    suite = ElementTree.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    properties = {
        str(case.get("name")): {one.get("name"): str(one.get("value")) for one in case.iter("property")}
        for case in suite.iter("testcase")
    }
    assert {name: one["mlready.status"] for name, one in properties.items()} == {
        "contract.holds": "pass",
        "fuzz.fails": "fail",
        "fuzz.undecided": "inconclusive",
    }
    finding = json.loads(properties["fuzz.fails"]["mlready"])
    assert finding["measurement"]["value"] == 0.312
    assert properties["fuzz.fails"]["mlready.summary"] == "it does not hold"


def test_a_users_test_carries_its_finding(project: Project) -> None:
    project.tests("@mark.mlready('team.rule')\ndef test_rule():\n    assert False, 'not this'\n")
    project.run("--junitxml=junit.xml")
    cases = ElementTree.parse(project.path / "junit.xml").getroot().iter("testcase")
    case = next(one for one in cases if one.get("name") == "test_rule")
    found = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert found["mlready.status"] == "fail"
    assert "not this" in str(found["mlready.summary"])
