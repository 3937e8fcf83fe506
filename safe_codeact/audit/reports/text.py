"""For people: each finding with its line and a caret under what it is about."""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.examination import Examination
from safe_codeact.audit.finding import Finding, Severity

_WIDEST = 110  # characters of a line that are shown


def render(done: Examination) -> str:
    """The whole report, with a last line that sums it up."""
    return "\n".join((*_findings(done), *_suppressed(done), *_broken(done), summary(done)))


def summary(done: Examination) -> str:
    """`3 findings (1 high, 2 low) in 1 file; 1 suppressed.`"""
    files = len(done.files)
    counts = [(severity, sum(each.severity is severity for each in done.findings)) for severity in reversed(Severity)]
    said = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    total = len(done.findings)
    opening = f"{total} {'finding' if total == 1 else 'findings'} ({said})" if total else "nothing found"
    suppressed = f"; {len(done.suppressed)} suppressed with a reason" if done.suppressed else ""
    broken = f"; {len(done.broken)} checks did not finish, so the audit failed" if done.broken else ""
    return f"{opening} in {files} {'file' if files == 1 else 'files'}{suppressed}{broken}."


def _findings(done: Examination) -> Iterator[str]:
    for each in done.findings:
        yield f"{_one_line(each.file)}:{each.line}:{each.column}: {each.severity} {each.code} {each.name}: {each.message}"
        yield from _excerpt(done.texts.get(each.file, ""), each)
        if each.fix is not None:
            yield f"       = fix: {each.fix.description}"


def _excerpt(text: str, finding: Finding) -> Iterator[str]:
    lines = text.splitlines()
    if not finding.identity or finding.line > len(lines):
        return
    line, at = lines[finding.line - 1].replace("\t", " "), finding.column - 1
    start = 0 if at < _WIDEST - 20 else at - 20
    shown = line[start : start + _WIDEST]
    width = max(1, min(finding.width, len(shown) - (at - start)))
    yield f"{finding.line:6} | {shown}"
    yield f"{'':6} | {'':{at - start}}{'^' * width}"


def _suppressed(done: Examination) -> Iterator[str]:
    for each in done.suppressed:
        yield f"{_one_line(each.file)}:{each.line}: suppressed {each.code} {each.name}: {each.suppressed_by}"


def _broken(done: Examination) -> Iterator[str]:
    for each in done.broken:
        yield f"{_one_line(each.file)}: the check {each.code} did not finish: {each.message}"


def _one_line(file: str) -> str:
    """A file's name may hold a line end, and what comes after it must not look like a line of ours."""
    return file.replace("\n", "\\n").replace("\r", "\\r")
