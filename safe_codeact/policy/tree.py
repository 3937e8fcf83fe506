"""A policy file as a tree whose every node knows where it was written.

The schema's complaints are about values; a reviewer needs lines. So the values stay in their nodes through `extends`
until the very end, and a merged policy still says of each line which file it came from.
"""

from __future__ import annotations

from typing import TypeAlias

from safe_codeact.frozen import dataclass

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str | int, ...]  # ("language", "imports", 3, "module")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place: `file` as the user named it (None for a mapping given in Python), `line` and `column` 1-based."""

    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a mapping: where its key stands, and what it holds."""

    mark: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a list or a mapping. The containers are filled while the tree is built and left alone afterwards."""

    mark: Mark
    content: Scalar | list[Node] | dict[str, Entry]

    def entry(self, key: str) -> Node | None:
        """The node under `key`, or None where this is no mapping or has no such key."""
        if isinstance(self.content, dict) and key in self.content:
            return self.content[key].node
        return None

    def items(self) -> list[Node]:
        """The nodes of a list; nothing for any other node."""
        return self.content if isinstance(self.content, list) else []


def plain(node: Node) -> object:
    """The tree as dicts, lists and scalars. Recursive: `document` bounds the depth of what it builds."""
    if isinstance(node.content, dict):
        return {key: plain(entry.node) for key, entry in node.content.items()}
    if isinstance(node.content, list):
        return [plain(item) for item in node.content]
    return node.content


def place(root: Node, path: Path, *, at_key: bool = False) -> Mark:
    """Where `path` was written: its value, or its key. For what is not there, the nearest thing around it."""
    mark, node = root.mark, root
    for step in path:
        if isinstance(step, str) and isinstance(node.content, dict) and step in node.content:
            entry = node.content[step]
            mark, node = (entry.mark if at_key else entry.node.mark), entry.node
        elif isinstance(step, int) and isinstance(node.content, list) and step < len(node.content):
            node = node.content[step]
            mark = node.mark
        else:
            break
    return mark


def dotted(path: Path) -> str:
    """`language.imports[3].module`: how messages name a field."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step[:60]}" if text else step[:60]
    return text
