"""GitHub's workflow commands: a line per finding, which the host shows beside the changed line.

A message is data in a line of a small language: what has a meaning there (`%`, line ends; in properties `:` and `,`, too) is
escaped, or a policy's text could write commands of its own.
"""

from __future__ import annotations

from safe_codeact.audit.examination import Examination
from safe_codeact.audit.finding import Severity

_COMMANDS = {Severity.LOW: "notice", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}


def render(done: Examination) -> str:
    """One line per finding, and one per check that did not finish."""
    lines = [
        f"::{_COMMANDS[each.severity]} file={_property(each.file)},line={each.line},col={each.column},"
        f"endColumn={each.column + each.width},title={_property(f'{each.code} {each.name} ({each.severity})')}"
        f"::{_data(each.message)}"
        for each in done.findings
    ]
    lines += [
        f"::error file={_property(each.file)},title={each.code}::{_data(f'the check did not finish: {each.message}')}"
        for each in done.broken
    ]
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
