"""The lines of a policy that carry a reason, and those that its parent has already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safe_codeact.audit.subject import Subject
from safe_codeact.policy.effective import ToolRule
from safe_codeact.policy.tree import Node, Path, plain


def reasons(subject: Subject) -> Iterator[tuple[Path, str, str]]:
    """Place, label and `why` of each allowance. A denied tool needs none: the denial is the reason."""
    for path, rule in subject.imports():
        yield path, rule.module, rule.why
    for path, tool in subject.tools():
        if not tool.deny:
            yield path, f"tool {tool.name}", tool.why
    for path, line in subject.readable():
        yield path, line.path, line.why


def inherited_lines(subject: Subject) -> Iterator[tuple[Path, str]]:
    """The file's own lines that say of a module, a tool or a path what the parent says."""
    parent = subject.parent
    if parent is None:
        return
    before = {f"language.imports.{rule.module}": rule for rule in parent.language.imports}
    now = {f"language.imports.{rule.module}": rule for rule in subject.policy.language.imports}
    for index, line in enumerate(_items(subject.node(("language", "imports"), own=True))):
        name = _name(line, "module")
        key = f"language.imports.{name}"
        if key in before and key in now and (before[key].facade, before[key].deny) == (now[key].facade, now[key].deny):
            yield ("language", "imports", index), name
    readable = {line.path for line in parent.filesystem.read}
    for index, line in enumerate(_items(subject.node(("filesystem", "read"), own=True))):
        if _name(line, "path") in readable:
            yield ("filesystem", "read", index), _name(line, "path")
    tools = {rule.name: rule for rule in parent.tools}
    own = subject.node(("tools",), own=True)
    for rule in subject.policy.tools:
        line_node = own.entry(rule.name) if own is not None else None
        if line_node is not None and rule.name in tools and _says_only_why(line_node, rule.name, tools):
            yield ("tools", rule.name), f"tool {rule.name}"


def _says_only_why(line: Node, name: str, parents: Mapping[str, ToolRule]) -> bool:
    said = plain(line)
    return isinstance(said, dict) and all(
        value == getattr(parents[name], field) for field, value in said.items() if field != "why"
    )


def _items(node: Node | None) -> list[Node]:
    return node.items() if node is not None else []


def _name(line: Node, key: str) -> str:
    node = line.entry(key)
    return str(node.content) if node is not None else ""
