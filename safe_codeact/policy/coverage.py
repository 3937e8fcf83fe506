"""Which lines of a policy its examples exercise: what would go unnoticed if a line were wrong.

A grant is exercised by a program that uses it, a bound by a program that comes to it. What the gate decides alone (a denied name,
functions in formulas, `restricted`) is exercised where some example is judged otherwise without the line; the rest shows when an
example is run (`reached`), and so only in one that says what it shows. Some lines no example can come to; each of those has the
place that proves it. What a line says of a value that no example has is not known: a line that is exercised is not a proven one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from safe_codeact.policy.effective import ImportRule, Language, Limits, ToolRule
from safe_codeact.policy.origins import DEFAULT, Traced
from safe_codeact.policy.rehearsal import Judge, Rehearsal, source_of, tools_of

_EXAMPLE_KB: Final = 10  # the longest example
# By the lines' section: what is no example's, and whose it is.
ELSEWHERE: Final[Mapping[str, str]] = {
    "isolation": "`safe-codeact doctor --policy …` proves them",
    "zygote": "an example is one session",
    "workspace": "the policy gives no workspace to write to",
    "tools": "the policy has no tools",
    "agent": "the agent's loop keeps to them, and an example has none",
    "timeout": "the tools of an example answer at once",
    "redact": "`safe-codeact trail show` has what is left of a call",
    "source": f"an example has at most {_EXAMPLE_KB} KiB",
}
_TOOL_ELSEWHERE = {"timeout_seconds": "timeout", "approval_seconds": "timeout", "redact": "redact"}


@dataclass(frozen=True, slots=True)
class LineUse:
    """One line. `elsewhere` is a key of `ELSEWHERE` where no example can exercise it, else ""."""

    section: str  # "import", "denied name", "tool", "limit", "file", "language"
    path: str  # "limits.cpu_seconds", "tools.refund.when"
    place: str  # `file:line`, or "default"
    is_exercised: bool = False
    elsewhere: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return {
            "path": self.path,
            "place": self.place,
            "exercised": None if self.elsewhere else self.is_exercised,
            "elsewhere": ELSEWHERE[self.elsewhere] if self.elsewhere else None,
        }


def coverage(traced: Traced, judge: Judge, done: Rehearsal, reached: Collection[str]) -> list[LineUse]:
    """Every line that grants or bounds something, in the order of the schema. `reached`: paths that runs came to."""
    return list(_Lines(traced, judge, done, reached).all())


class _Lines:
    def __init__(self, traced: Traced, judge: Judge, done: Rehearsal, reached: Collection[str]) -> None:
        self._traced, self._policy, self._judge = traced, traced.policy, judge
        self._done, self._reached = done, reached
        self._tools = tools_of(traced.policy)
        self._allowed: dict[str, bool] = {}

    def all(self) -> Iterator[LineUse]:
        yield from self._language()
        yield from self._imports()
        for rule in self._policy.tools:
            yield from self._tool(rule)
        for field in dataclasses.fields(Limits):
            yield self._limit(field.name)
        yield from self._files()
        if self._traced.place("output", "on_limit") is not None:
            yield self._line("limit", "limits.output_kb" in self._reached, "output", "on_limit")
        for section in ("isolation", "agent"):
            for field in dataclasses.fields(getattr(self._policy, section)):
                path = f"{section}.{field.name}"
                elsewhere = field.name if field.name in ELSEWHERE else section
                yield LineUse(section, path, self._place(section, field.name), elsewhere=elsewhere)

    def _place(self, *path: str | int) -> str:
        return self._traced.place(*path) or DEFAULT

    def _line(self, section: str, is_exercised: bool, *path: str) -> LineUse:
        return LineUse(section, ".".join(path), self._place(*path), is_exercised)

    # ---- what the gate decides alone

    def _language(self) -> Iterator[LineUse]:
        language = self._policy.language
        other = "compiled" if language.interpreter == "expression" else "expression"
        without = {
            "interpreter": {"interpreter": other, "functions": False, "imports": ()},
            "functions": {"functions": not language.functions},
            "restricted": {"restricted": not language.restricted},
        }
        for field, changes in without.items():
            if self._traced.place("language", field) is not None:
                changed = dataclasses.replace(language, **changes)  # type: ignore[arg-type]
                yield self._line("language", self._matters(changed, ""), "language", field)

    def _imports(self) -> Iterator[LineUse]:
        nodes = self._traced.lines_of("language", "imports", key="module")
        for rule in self._policy.language.imports if self._policy.language.restricted else ():
            node = nodes.get(rule.module)
            place = self._traced.place_of(node) if node is not None else DEFAULT
            path = f"language.imports.{rule.module}"
            yield LineUse("import", path, place, rule.module not in self._done.idle_imports)
            for name in rule.deny:
                yield LineUse(
                    "denied name", f"{path}.deny.{name}", place, self._matters(self._granting(rule, name), name)
                )

    def _granting(self, rule: ImportRule, name: str) -> Language:
        """The language without that name among those that are denied."""
        language = self._policy.language
        wider = dataclasses.replace(rule, deny=tuple(each for each in rule.deny if each != name))
        return dataclasses.replace(
            language, imports=tuple(wider if each is rule else each for each in language.imports)
        )

    def _matters(self, language: Language, word: str) -> bool:
        """Whether some example that has the word is judged otherwise then."""
        other = dataclasses.replace(self._policy, language=language)
        sources = [source_of(example) for example in self._policy.examples]
        return any(
            self._is_allowed(source) != self._judge(source, other, self._tools).allowed
            for source in sources
            if word in source
        )

    def _is_allowed(self, source: str) -> bool:
        if source not in self._allowed:
            self._allowed[source] = self._judge(source, self._policy, self._tools).allowed
        return self._allowed[source]

    # ---- what shows when an example is run

    def _tool(self, rule: ToolRule) -> Iterator[LineUse]:
        path = f"tools.{rule.name}"
        if rule.deny:
            yield self._line("tool", f"{path}.deny" in self._reached, "tools", rule.name)
            return
        yield self._line("tool", rule.name not in self._done.idle_tools and self._is_used(rule), "tools", rule.name)
        for field in dataclasses.fields(rule):
            if field.name in ("name", "why", "deny") or self._traced.place("tools", rule.name, field.name) is None:
                continue
            line = self._line("tool", f"{path}.{field.name}" in self._reached, "tools", rule.name, field.name)
            yield dataclasses.replace(line, elsewhere=_TOOL_ELSEWHERE.get(field.name, ""))

    def _is_used(self, rule: ToolRule) -> bool:
        return rule.name != "*" or "tools.*" in self._reached

    def _limit(self, field: str) -> LineUse:
        path = f"limits.{field}"
        refused = any("G101" in self._codes(number) for number in range(len(self._policy.examples)))
        is_exercised = refused if field == "source_kb" else path in self._reached
        line = self._line("limit", is_exercised, "limits", field)
        nobodys = {
            "source_kb": "source" if self._policy.limits.source_kb >= _EXAMPLE_KB else "",
            "workspace_mb": "workspace" if self._policy.filesystem.workspace != "rw" else "",
            "workspace_files": "workspace" if self._policy.filesystem.workspace != "rw" else "",
            "tool_calls": "" if self._policy.tools else "tools",
        }
        return dataclasses.replace(line, elsewhere=nobodys.get(field, ""))

    def _codes(self, number: int) -> Sequence[str]:
        """What an example says it is refused by, where it is."""
        outcome = self._done.outcomes[number]
        return [outcome.example.rule or ""] if not outcome.complaint else []

    def _files(self) -> Iterator[LineUse]:
        path = f"filesystem.workspace: {self._policy.filesystem.workspace}"
        yield LineUse("file", path, self._place("filesystem", "workspace"), "filesystem.workspace" in self._reached)
        nodes = self._traced.lines_of("filesystem", "read", key="path")
        for readable in self._policy.filesystem.read:
            path = f"filesystem.read.{readable.path}"
            node = nodes.get(readable.path)
            place = self._traced.place_of(node) if node is not None else DEFAULT
            yield LineUse("file", path, place, path in self._reached)
