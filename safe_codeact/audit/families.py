"""Checks that several rules share: each of them is one line of a table, with a page and a code of its own."""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.deeds import Deed, deeds, is_watched
from safe_codeact.audit.finding import Severity
from safe_codeact.audit.knowledge import Effect, granted
from safe_codeact.audit.rule import Check, Found
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.tree import Path, dotted


def imports_that(effect: Effect) -> Check:
    """The import lines that hand out an effect. Where the gate is off, no line about imports says anything."""

    def check(subject: Subject) -> Iterator[Found]:
        if not subject.policy.language.restricted:
            return
        for path, rule in subject.imports():
            grants = [grant for grant in granted(rule) if grant.effect is effect]
            reasons = [grant.reason for grant in grants]
            if grants:
                place = (*path, "module")
                fix = subject.adding(place, "facade: true", "use the stand-in") if rule.module in CURATED else None
                severities = {grant.severity for grant in grants}
                yield Found(
                    path=place,
                    message=f"{rule.module} {effect.value}: it {'; and it '.join(reasons)}.",
                    severity=severities.pop() if len(severities) == 1 else None,
                    fix=fix,
                )

    return check


def limit_above(field: str, most: float, unit: str, why: str) -> Check:
    """A figure of `limits` (or of `agent`) that is larger than work of this kind needs."""
    section, _, name = field.partition(".")

    def check(subject: Subject) -> Iterator[Found]:
        value = getattr(getattr(subject.policy, section), name)
        if value > most and not (
            field.startswith("limits.workspace") and subject.policy.filesystem.workspace == "none"
        ):
            path = (section, name)
            fix = subject.replacing(path, f"{most:g}", f"lower it to {most:g}")
            yield Found(path=path, message=f"{field}={value:g} is more than {most:g} {unit}: {why}.", fix=fix)

    return check


def tools_that(deed: Deed, advice: str) -> Check:
    """Tools that by name or reason do something which cannot be undone, and that nobody and nothing looks at."""

    def check(subject: Subject) -> Iterator[Found]:
        for path, tool in subject.tools():
            word = deeds(tool).get(deed)
            if word is not None and not tool.deny and not is_watched(tool):
                yield Found(
                    path=path,
                    at_key=True,
                    message=f"{tool.name} {deed.value}, as its line says ({word!r}), and neither `approval: ask` nor a `when` "
                    f"looks at a call: {advice}.",
                )

    return check


def isolation_below(field: str, what: str, *, off: Severity, preferred: Severity | None) -> Check:
    """A kernel protection that is not required."""
    severities = {"off": off, "preferred": preferred}
    consequences = {
        "off": "nobody asks for",
        "preferred": "a machine that lacks it does without",
    }

    def check(subject: Subject) -> Iterator[Found]:
        asked = getattr(subject.policy.isolation, field)
        severity = severities.get(asked)
        if severity is not None:
            path: Path = ("isolation", field)
            yield Found(
                path=path,
                message=f"{dotted(path)}={asked}: {consequences[asked]} {what}.",
                severity=severity,
                fix=subject.replacing(path, "required", "require it"),
            )

    return check
