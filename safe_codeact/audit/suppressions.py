"""`# audit: allow A120 until 2027-06-30: why` — a finding that the author knows of, and lives with.

It stands on the finding's line, or on lines of comment directly above it. A rule, a reason of ten characters, and if
wanted a date from which on it no longer counts. Threat: a suppression outlives its reason, or hides what nobody looked at.
What doesn't work: one that covers a whole file, or every rule. What we do: one line, one rule, one reason, and one that
suppresses nothing is a finding itself. Only comments count: the same text inside quotes is data.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import yaml

_MARKED = re.compile(r"#\s*audit\s*:\s*(?P<rest>.*)", re.I)
_FORM = re.compile(r"allow\s+(?P<code>A\d{3})(?:\s+until\s+(?P<until>\d{4}-\d{2}-\d{2}))?\s*:\s*(?P<reason>.*)")
SHORTEST_REASON = 10


@dataclass(frozen=True, slots=True)
class Suppression:
    """`covers` is the line whose findings it is about; `complaint` says why it does not count."""

    line: int
    column: int
    width: int
    covers: int
    code: str = ""
    reason: str = ""
    until: datetime.date | None = None
    complaint: str = ""

    def is_expired(self, today: datetime.date) -> bool:
        return self.until is not None and today > self.until


def suppressions(text: str) -> list[Suppression]:
    """All of a file, usable or not."""
    lines = text.splitlines()
    spans = _scalars(text)
    found = []
    for number, line in enumerate(lines, start=1):
        for match in _MARKED.finditer(line):
            at = match.start()
            begins_comment = at == 0 or line[at - 1] in " \t"
            quoted = any(start <= (number - 1, at) < end for start, end in spans)
            if begins_comment and not quoted:
                found.append(_read(match, number, _covered(lines, number, at)))
                break
    return found


def _covered(lines: list[str], number: int, at: int) -> int:
    if lines[number - 1][:at].strip():
        return number
    below = number
    while below < len(lines) and (not lines[below].strip() or lines[below].lstrip().startswith("#")):
        below += 1
    return below + 1


def _read(match: re.Match[str], line: int, covers: int) -> Suppression:
    column, rest = match.start() + 1, match["rest"].strip()
    width = len(match.group().rstrip())
    form = _FORM.fullmatch(rest)
    if form is None:
        complaint = (
            f"{rest[:60]!r} is not of the form `# audit: allow A120 until 2027-06-30: why` (`until …` may be missing)"
        )
        return Suppression(line, column, width, covers, complaint=complaint)
    code, reason, until, complaint = form["code"], form["reason"].strip(), None, ""
    if len(reason) < SHORTEST_REASON:
        complaint = (
            f"{code} is allowed without a reason: say in at least {SHORTEST_REASON} characters why it is right here"
        )
    if form["until"] is not None:
        try:
            until = datetime.date.fromisoformat(form["until"])
        except ValueError:
            complaint = f"{form['until']} is no date: write year-month-day"
    return Suppression(line, column, width, covers, code, reason, until, complaint)


def _scalars(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where values stand, as (line, column) from 0: a `#` in them begins no comment."""
    spans = []
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                if start is not None and end is not None:
                    spans.append(((start.line, start.column), (end.line, end.column)))
    except yaml.YAMLError:
        return []
    return spans
