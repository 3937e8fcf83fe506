"""The required structure of SARIF 2.1.0, for what this package writes: a strict check written by hand from the standard.

The official schema is asked as well (`test_audit_reports`), and models that were generated from it (`pydantic_sarif`). This is stricter in one way: a property that is not in the tables below is refused, where the
standard knows more than we use; and it looks across objects, which no schema does: that an index leads to its rule.
"""

from __future__ import annotations

import re
from typing import Any

_LEVELS = ("none", "note", "warning", "error")
_TEXT, _WHOLE = str, int
# name → (properties: (kind, required)). A kind is a Python type, a tuple of texts, a name in this table, or [kind].
_OBJECTS: dict[str, dict[str, tuple[Any, bool]]] = {
    "log": {"$schema": (_TEXT, False), "version": (("2.1.0",), True), "runs": (["run"], True)},
    "run": {
        "tool": ("tool", True),
        "columnKind": (("utf16CodeUnits", "unicodeCodePoints"), False),
        "invocations": (["invocation"], False),
        "results": (["result"], False),
    },
    "tool": {"driver": ("driver", True)},
    "driver": {"name": (_TEXT, True), "semanticVersion": (_TEXT, False), "rules": (["rule"], False)},
    "rule": {
        "id": (_TEXT, True),
        "name": (_TEXT, False),
        "shortDescription": ("message", False),
        "fullDescription": ("message", False),
        "help": ("message", False),
        "defaultConfiguration": ("configuration", False),
        "properties": (dict, False),
    },
    "configuration": {"level": (_LEVELS, False)},
    "invocation": {"executionSuccessful": (bool, True), "toolExecutionNotifications": (["notification"], False)},
    "notification": {"level": (_LEVELS, False), "message": ("message", True), "associatedRule": ("reference", False)},
    "reference": {"id": (_TEXT, False), "index": (_WHOLE, False)},
    "message": {"text": (_TEXT, True)},
    "result": {
        "ruleId": (_TEXT, False),
        "ruleIndex": (_WHOLE, False),
        "level": (_LEVELS, False),
        "message": ("message", True),
        "locations": (["location"], False),
        "partialFingerprints": (dict, False),
        "fixes": (["fix"], False),
        "suppressions": (["suppression"], False),
        "properties": (dict, False),
    },
    "location": {"physicalLocation": ("physical", False)},
    "physical": {"artifactLocation": ("artifact", False), "region": ("region", False)},
    "artifact": {"uri": (_TEXT, False)},
    "region": dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), (_WHOLE, False)),
    "fix": {"description": ("message", False), "artifactChanges": (["change"], True)},
    "change": {"artifactLocation": ("artifact", True), "replacements": (["replacement"], True)},
    "replacement": {"deletedRegion": ("region", True), "insertedContent": ("message", False)},
    "suppression": {
        "kind": (("inSource", "external"), True),
        "status": (("accepted", "underReview", "rejected"), False),
        "justification": (_TEXT, False),
    },
}
_URI = re.compile(r"(file://)?[A-Za-z0-9/._~%!$&'()*+,;=:@-]+")
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


def complaints(log: Any) -> list[str]:
    """What is wrong with a log; empty for a good one."""
    found = list(_object(log, "log", "log"))
    for run in log["runs"] if not found else ():
        rules = run["tool"]["driver"]["rules"]
        ids = [rule["id"] for rule in rules]
        if len(set(ids)) != len(ids):
            found.append("two rules have one id")
        if not _VERSION.fullmatch(run["tool"]["driver"]["semanticVersion"]):
            found.append("semanticVersion is none")
        for result in run["results"]:
            found += _result(result, ids)
    return found


def _result(result: Any, ids: list[str]) -> list[str]:
    found = []
    if ids[result["ruleIndex"]] != result["ruleId"]:
        found.append(f"ruleIndex of {result['ruleId']} leads to another rule")
    if not result["locations"] or len(result["partialFingerprints"]["policyField/v1"]) != 32:
        found.append("a result has a place and a fingerprint")
    if result.get("fixes") == []:
        found.append("fixes is not empty where it is there")
    for location in result["locations"]:
        physical = location["physicalLocation"]
        if not _URI.fullmatch(physical["artifactLocation"]["uri"]):
            found.append(f"{physical['artifactLocation']['uri']!r} is no URI reference")
        region = physical["region"]
        if region["startLine"] < 1 or region["startColumn"] < 1 or region["endColumn"] < region["startColumn"]:
            found.append(f"{region} is no region")
    return found


def _object(value: Any, kind: str, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    known = _OBJECTS[kind]
    found = [f"{where}.{name} is unknown" for name in value if name not in known]
    found += [f"{where}.{name} is missing" for name, (_, required) in known.items() if required and name not in value]
    for name in value:
        if name in known:
            found += _value(value[name], known[name][0], f"{where}.{name}")
    return found


def _value(value: Any, kind: Any, where: str) -> list[str]:
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [each for index, item in enumerate(value) for each in _value(item, kind[0], f"{where}[{index}]")]
    if isinstance(kind, tuple):
        return [] if value in kind else [f"{where}={value!r} is none of {kind}"]
    if isinstance(kind, str):
        return _object(value, kind, where)
    return [] if type(value) is kind else [f"{where}={value!r} is no {kind.__name__}"]
