"""The effective policy as YAML, each line with the place that it comes from: what `policy show` prints.

A reviewer of `extends: strict` reads four files to know what holds. Here the result stands in one, and every line says
where to change it: a file's line, several where a child changed fields of its parent's line, or `default`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.example_lines import as_line
from safe_codeact.policy.load import Source, chain_of, finished, in_one_line, merged
from safe_codeact.policy.tree import Mark, Node

DEFAULT = "default"
_LISTS = {("language", "imports"): "module", ("filesystem", "read"): "path"}


@dataclass(frozen=True, slots=True)
class Line:
    """`text` is YAML, indented; `origins` are `file:line` places, `default`, or nothing for the head of a section."""

    text: str
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traced:
    """A policy, its files (the first extends the second, and so on) and the merged tree with their places."""

    policy: Policy
    root: Node
    files: tuple[Source, ...]

    def place(self, *path: str | int) -> str | None:
        """`file:line` of what a file of the chain says at `path`; None for a default."""
        node: Node | None = self.root
        for step in path:
            if node is None:
                return None
            items = node.items()
            node = items[step] if isinstance(step, int) and step < len(items) else node.entry(str(step))
        return None if node is None else _shown(node.mark)

    def place_of(self, node: Node) -> str:
        """`file:line` of a node of the tree."""
        return _shown(node.mark)

    def lines_of(self, *section: str, key: str) -> dict[str, Node]:
        """The lines of `language.imports` or `filesystem.read` by module or path."""
        node: Node | None = self.root
        for step in section:
            node = node.entry(step) if node is not None else None
        named = {}
        for line in node.items() if node is not None else ():
            name = line.entry(key)
            if name is not None:
                named[str(name.content)] = line
        return named

    def gone(self) -> dict[str, str]:
        """The modules that a line takes away as a whole, and where."""
        return {
            module: _shown(line.mark)
            for module, line in self.lines_of("language", "imports", key="module").items()
            if any(item.content == "*" for item in _items(line.entry("deny")))
        }


def trace(source: str | os.PathLike[str]) -> Traced:
    """Raises `InvalidPolicy`."""
    chain = chain_of(source)
    root = merged(chain)
    return Traced(finished(chain, root), root, tuple(chain))


def shown_lines(traced: Traced) -> Iterator[Line]:
    """The whole policy, in the order of the schema."""
    plain = traced.policy.to_plain()
    name = traced.place("name")
    yield Line("version: 1", _origin(traced.place("version")))
    if plain["name"]:
        yield Line(f"name: {in_one_line([plain['name']])[1:-1]}", (name,) if name else ("the file's name",))
    for section in ("language", "tools", "limits", "filesystem", "isolation", "output", "agent", "examples"):
        yield from _section(traced, section, plain[section])


def render(traced: Traced) -> str:
    """YAML that loads to the same digest, each line with its origin as a comment."""
    lines = list(shown_lines(traced))
    width = min(72, max(len(line.text) for line in lines if line.origins))
    gone = [
        f"# not allowed, and below here it cannot be: {module} ({where})" for module, where in traced.gone().items()
    ]
    return "\n".join(
        [f"{line.text:{width}}  # {', '.join(line.origins)}" if line.origins else line.text for line in lines] + gone
    )


def _section(traced: Traced, section: str, values: Any) -> Iterator[Line]:
    if section == "tools":
        yield from _tools(traced, values)
    elif section == "examples":
        if values:
            yield Line("examples:")
        for number, example in enumerate(values):
            yield Line(f"  - {in_one_line(as_line(example))}", _origin(traced.place("examples", number)))
    else:
        yield Line(f"{section}:")
        for field, value in values.items():
            if (section, field) in _LISTS:
                yield from _list(traced, section, field, value)
            elif field != "functions" or value:
                yield Line(f"  {field}: {_scalar(value)}", _origin(traced.place(section, field)))


def _list(traced: Traced, section: str, field: str, lines: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    key = _LISTS[section, field]
    nodes = traced.lines_of(section, field, key=key)
    yield Line(f"  {field}:" if lines else f"  {field}: []", () if lines else _origin(traced.place(section, field)))
    for line in lines:
        said = {name: value for name, value in line.items() if value not in ("", [], False)}
        yield Line(f"    - {in_one_line(said)}", _origins_of(nodes[line[key]]))


def _tools(traced: Traced, tools: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    yield Line("tools:" if tools else "tools: {}", () if tools else _origin(traced.place("tools")))
    holder = traced.root.entry("tools")
    for rule in tools:
        said = {name: value for name, value in rule.items() if name != "name" and value not in ("", None, False, [])}
        node = holder.entry(rule["name"]) if holder is not None else None
        name = in_one_line({rule["name"]: 0})[1:-4]
        yield Line(f"  {name}: {in_one_line(said)}", _origins_of(node) if node is not None else (DEFAULT,))


def _scalar(value: object) -> str:
    return in_one_line([value])[1:-1]


def _origin(place: str | None) -> tuple[str, ...]:
    return (DEFAULT,) if place is None else (place,)


def _origins_of(node: Node) -> tuple[str, ...]:
    """Where a line stands, and where those of its fields do that another file gave."""
    marks = (
        [node.mark, *(entry.mark for entry in node.content.values())] if isinstance(node.content, dict) else [node.mark]
    )
    marks += [item.mark for item in _items(node.entry("deny"))]
    return tuple(dict.fromkeys(_shown(mark) for mark in marks))


def _items(node: Node | None) -> list[Node]:
    return node.items() if node is not None else []


def _shown(mark: Mark) -> str:
    return f"{os.path.basename(mark.file or '')}:{mark.line}"
