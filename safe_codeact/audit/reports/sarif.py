"""SARIF 2.1.0 (OASIS, errata 01), which code hosts and editors read.

Places are 1-based in characters (`columnKind: unicodeCodePoints`, as the YAML reader counts). Fingerprints are of the field,
not of the line, so a host recognises a finding that has moved. A check that did not finish makes the run unsuccessful.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from safe_codeact.audit.examination import Broken, Examination
from safe_codeact.audit.finding import Finding, Fix, Severity
from safe_codeact.audit.rules import RULES, page, summary

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}
# GitHub sorts by this figure: above 9 is critical, above 7 high, above 4 medium.
_SCORES = {Severity.LOW: "2.0", Severity.MEDIUM: "5.0", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
_INDEX = {rule.code: index for index, rule in enumerate(RULES)}


def document(done: Examination, *, version: str) -> dict[str, Any]:
    """The log of one run. `version` is this package's."""
    rules = [
        {
            "id": rule.code,
            "name": "".join(part.capitalize() for part in rule.name.split("-")),
            "shortDescription": {"text": _sentence(summary(rule.code))},
            "fullDescription": {"text": _sentence(summary(rule.code))},
            "help": {"text": page(rule.code).strip()},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            "properties": {"security-severity": _SCORES[rule.severity], "precision": _precision(rule.confidence.name)},
        }
        for rule in RULES
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "safe-codeact", "semanticVersion": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not done.broken,
                        "toolExecutionNotifications": [_notification(each) for each in done.broken],
                    }
                ],
                "results": [_result(each) for each in (*done.findings, *done.suppressed)],
            }
        ],
    }


def _precision(confidence: str) -> str:
    return confidence.lower()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": _INDEX[finding.code],
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.file)},
                    "region": {
                        "startLine": finding.line,
                        "startColumn": finding.column,
                        "endColumn": finding.column + finding.width,
                    },
                }
            }
        ],
        "partialFingerprints": {"policyField/v1": finding.fingerprint},
        "properties": {"severity": str(finding.severity), "confidence": str(finding.confidence)},
    }
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.file, finding.fix)]
    if finding.suppressed_by is not None:
        result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": finding.suppressed_by}]
    return result


def _fix(file: str, fix: Fix) -> dict[str, Any]:
    return {
        "description": {"text": fix.description},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": _uri(file)},
                "replacements": [
                    {
                        "deletedRegion": {
                            "startLine": fix.line,
                            "startColumn": fix.column,
                            "endLine": fix.end_line,
                            "endColumn": fix.end_column,
                        },
                        "insertedContent": {"text": fix.text},
                    }
                ],
            }
        ],
    }


def _notification(broken: Broken) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": f"{broken.file}: the check {broken.code} did not finish: {broken.message}"},
        "associatedRule": {"id": broken.code, "index": _INDEX.get(broken.code, -1)},
    }


def _uri(file: str) -> str:
    """Relative to the working folder where the file is in it: hosts resolve that against the checkout."""
    relative = os.path.relpath(file)
    if relative.startswith(".."):
        return "file://" + quote(os.fsencode(os.path.abspath(file)))  # a name need not be UTF-8
    return quote(os.fsencode(relative))
