"""One file, or a folder of them, under every rule: findings, suppressions applied, and which checks did not finish.

A check that crashes has failed, and with it the audit: what it would have said is not known (`Examination.broken`).
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safe_codeact.audit.finding import Finding, Fix, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.rules import (
    RULES,
    a100_unusable_file,
    a197_suppression_unclear,
    a198_suppression_unused,
    a199_suppression_expired,
)
from safe_codeact.audit.subject import Subject, identity_of, subject_of, width_at
from safe_codeact.audit.suppressions import Suppression, suppressions
from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy import shipped
from safe_codeact.policy.rehearsal import Judge

_MOST_SHOWN = 256 * 1024
_CODES = frozenset(rule.code for rule in RULES)


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that did not finish."""

    file: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Examination:
    """`findings` are those that count; `suppressed` have a reason in the file; `texts` are for showing lines."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    broken: tuple[Broken, ...]
    texts: dict[str, str]

    def fails(self, fail_on: Severity) -> bool:
        """Whether a finding is as bad as `fail_on`, or a check did not finish."""
        return bool(self.broken) or any(finding.severity >= fail_on for finding in self.findings)


def policy_files(paths: Iterable[str]) -> list[str]:
    """The policy files of paths: themselves, all `*.yaml` and `*.yml` below a folder, or a shipped policy's."""
    found: list[str] = []
    for path in paths:
        shipped_file = shipped.path(path) if "/" not in path else None
        if os.path.isdir(path):
            below = sorted(str(file) for suffix in ("yaml", "yml") for file in Path(path).rglob(f"*.{suffix}"))
            if not below:
                raise InvalidPolicy(f"{path}: there is no *.yaml or *.yml in this folder: name the policy files.")
            found += below
        elif shipped_file is not None and not os.path.exists(path):
            found.append(str(shipped_file))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def examine(
    files: Sequence[str], *, judge: Judge, today: datetime.date | None = None, rules: Sequence[Rule] = RULES
) -> Examination:
    """Audits policy files. `judge` is the gate, for the examples; `today` decides which suppressions have expired."""
    day = today or datetime.datetime.now(datetime.UTC).date()
    counted: list[Finding] = []
    suppressed: list[Finding] = []
    broken: list[Broken] = []
    texts: dict[str, str] = {}
    for file in files:
        try:
            subject = subject_of(os.path.abspath(file) if "/" not in file else file, judge=judge, today=day)
        except InvalidPolicy as error:
            counted.append(_unusable(file, error))
            texts[file] = _text_of(file)
            continue
        shown = {each.label or "": _shown(each.label or "", file, index) for index, each in enumerate(subject.files)}
        texts |= {shown[source.label or ""]: source.text for source in subject.files}
        found, failed = _walk(subject, rules, shown)
        broken += [replace(each, file=file) for each in failed]
        open_here, excused = _suppressed(subject, found, shown)
        counted += open_here
        suppressed += excused
    told = {(each.file, each.code, each.identity) for each in (*counted, *suppressed)}
    counted = [each for each in counted if (each.inherited_from, each.code, each.identity) not in told]
    return Examination(
        tuple(files),
        tuple(sorted(set(counted), key=_place)),
        tuple(sorted(suppressed, key=_place)),
        tuple(broken),
        texts,
    )


def _text_of(file: str) -> str:
    """The text of a file that is no policy, for showing where; empty where that cannot be shown either."""
    try:
        raw = Path(file).read_bytes() if os.path.isfile(file) and os.path.getsize(file) <= _MOST_SHOWN else b""
    except OSError:
        return ""
    return raw.decode("utf-8", errors="replace")


def _place(finding: Finding) -> tuple[str, int, int, str, str]:
    return finding.file, finding.line, finding.column, finding.code, finding.message


def _shown(label: str, file: str, index: int) -> str:
    """The file itself is called what the caller calls it."""
    return file if index == 0 else os.path.relpath(label) if label.startswith(os.getcwd() + "/") else label


def _walk(subject: Subject, rules: Sequence[Rule], shown: dict[str, str]) -> tuple[list[Finding], list[Broken]]:
    found: list[Finding] = []
    broken: list[Broken] = []
    for rule in rules:
        if rule.check is None:
            continue
        try:
            found += [_finding(rule, each, subject, shown) for each in rule.check(subject)]
        except Exception as error:  # fails the audit, and does not keep the other rules from speaking
            broken.append(Broken("", rule.code, f"{type(error).__name__}: {error}"))
    return found, broken


def _finding(rule: Rule, found: Found, subject: Subject, shown: dict[str, str]) -> Finding:
    mark = subject.mark(found.path, at_key=found.at_key, own=found.own)
    line = subject.line_of(mark)
    root = subject.file.root if found.own else subject.root
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity if found.severity is None else found.severity,
        confidence=rule.confidence if found.confidence is None else found.confidence,
        message=found.message,
        file=shown.get(mark.file or "", mark.file or ""),
        line=mark.line or 1,
        column=mark.column or 1,
        width=max(1, width_at(line, mark.column or 1)) if found.path else 1,
        identity=identity_of(root, found.path),
        fix=found.fix,
    )


def _suppressed(subject: Subject, found: list[Finding], shown: dict[str, str]) -> tuple[list[Finding], list[Finding]]:
    """What counts, and what the file excuses.

    What a file inherits is said at its `extends` line, from medium on: there it can be excused, for this file alone.
    """
    own = shown[subject.file.label or ""]
    written = {shown[source.label or ""]: suppressions(source.text) for source in subject.files}
    counted: list[Finding] = []
    excused: list[Finding] = []
    used: set[Suppression] = set()
    for finding in found:
        if finding.file != own:
            if finding.severity < Severity.MEDIUM or _match(written[finding.file], finding, subject.today):
                continue
            finding = _inherited(subject, finding, own)
        used.update(each for each in written[own] if _excuses(each, finding))
        match = _match(written[own], finding, subject.today)
        if match is None:
            counted.append(finding)
        else:
            excused.append(replace(finding, suppressed_by=match.reason))
    for each in written[own]:
        complaint = _complaint(each, each in used, subject.today)
        if complaint is not None:
            counted.append(_about(each, own, *complaint))
    return counted, excused


def _match(written: list[Suppression], finding: Finding, today: datetime.date) -> Suppression | None:
    return next((each for each in written if _excuses(each, finding) and not each.is_expired(today)), None)


def _inherited(subject: Subject, finding: Finding, own: str) -> Finding:
    mark = subject.mark(("extends",), own=True)
    return replace(
        finding,
        message=f"{finding.message} (said in {finding.file}:{finding.line})",
        inherited_from=finding.file,
        file=own,
        line=mark.line or 1,
        column=mark.column or 1,
        width=max(1, width_at(subject.line_of(mark), mark.column or 1)),
        fix=None,
    )


def _excuses(each: Suppression, finding: Finding) -> bool:
    return not each.complaint and each.code == finding.code and each.covers == finding.line


def _complaint(each: Suppression, is_used: bool, today: datetime.date) -> tuple[Rule, str, bool] | None:
    if each.complaint:
        return a197_suppression_unclear.RULE, f"{each.complaint}.", False
    if each.code not in _CODES:
        return a197_suppression_unclear.RULE, f"{each.code} is not a rule of the audit.", False
    if not is_used:
        return a198_suppression_unused.RULE, f"{each.code} finds nothing here: delete the comment.", True
    if each.is_expired(today):
        return (
            a199_suppression_expired.RULE,
            f"{each.code} was allowed until {each.until}, and that day has passed.",
            False,
        )
    return None


def _about(each: Suppression, file: str, rule: Rule, message: str, deletable: bool) -> Finding:
    fix = Fix(
        description="delete the comment",
        line=each.line,
        column=each.column,
        end_line=each.line,
        end_column=each.column + each.width,
        text="",
    )
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity,
        confidence=rule.confidence,
        message=message,
        file=file,
        line=each.line,
        column=each.column,
        width=each.width,
        identity=f"# audit: allow {each.code}",
        fix=fix if deletable else None,
    )


def _unusable(file: str, error: InvalidPolicy) -> Finding:
    rule = a100_unusable_file.RULE
    at = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
    message = str(error).removeprefix(f"{at}: ") if at else str(error)
    ours = error.file is not None and os.path.realpath(error.file) == os.path.realpath(file)
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=rule.severity,
        confidence=rule.confidence,
        message=message if ours else str(error),
        file=file,
        line=error.line or 1 if ours else 1,
        column=error.column or 1 if ours else 1,
        identity=error.field or "",
    )
