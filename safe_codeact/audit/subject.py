"""What the rules are told of a policy: as it is enforced, as it was written, and what it extends."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safe_codeact.audit.finding import Fix
from safe_codeact.policy.effective import ImportRule, Policy, ReadablePath, ToolRule
from safe_codeact.policy.rehearsal import Judge
from safe_codeact.policy.tree import Mark, Node, Path, place

if TYPE_CHECKING:
    from safe_codeact.policy.load import Source


@dataclass(frozen=True, slots=True)
class Subject:
    """`files` is the chain: the file itself, what it extends, and so on. `parent` is the policy that it extends."""

    policy: Policy
    root: Node
    files: tuple[Source, ...]
    parent: Policy | None
    judge: Judge
    today: datetime.date

    @property
    def file(self) -> Source:
        return self.files[0]

    def node(self, path: Path, *, own: bool = False) -> Node | None:
        """What the merged tree (or the file's own) holds at `path`."""
        node: Node | None = self.file.root if own else self.root
        for step in path:
            if node is None:
                return None
            if isinstance(step, int):
                items = node.items()
                node = items[step] if step < len(items) else None
            else:
                node = node.entry(step)
        return node

    def mark(self, path: Path, *, at_key: bool = False, own: bool = False) -> Mark:
        return place(self.file.root if own else self.root, path, at_key=at_key)

    def is_given(self, path: Path) -> bool:
        """Whether a file of the chain says it, instead of leaving it to the default."""
        return self.node(path) is not None

    def says_itself(self, path: Path) -> bool:
        """Whether this very file says it."""
        return self.node(path, own=True) is not None

    def imports(self) -> Iterator[tuple[Path, ImportRule]]:
        """The modules that the policy allows, with the place of each line."""
        rules = {rule.module: rule for rule in self.policy.language.imports}
        for path, module in self._lines("language", "imports", key="module"):
            if module in rules:
                yield path, rules[module]

    def readable(self) -> Iterator[tuple[Path, ReadablePath]]:
        rules = {rule.path: rule for rule in self.policy.filesystem.read}
        for path, name in self._lines("filesystem", "read", key="path"):
            yield path, rules[name]

    def tools(self) -> Iterator[tuple[Path, ToolRule]]:
        """Every tool line, denied ones too, except a denied `"*"`."""
        for rule in self.policy.tools:
            yield ("tools", rule.name), rule

    def _lines(self, *section: str, key: str) -> Iterator[tuple[Path, str]]:
        node = self.node(section)
        for index, line in enumerate(node.items() if node is not None else ()):
            name = line.entry(key)
            if name is not None:
                yield (*section, index), str(name.content)

    # ---- text, for carets and fixes

    def line_of(self, mark: Mark) -> str:
        """The line of text that a mark points at; empty where there is none."""
        text = next((source.text for source in self.files if source.label == mark.file), "")
        lines = text.splitlines()
        return lines[mark.line - 1] if mark.line is not None and mark.line <= len(lines) else ""

    def replacing(self, path: Path, text: str, description: str) -> Fix | None:
        """The edit that writes `text` in place of a scalar. None where it is not the file's own to change."""
        mark = self.mark(path)
        width = width_at(self.line_of(mark), mark.column or 1)
        if mark.file != self.file.label or mark.line is None or mark.column is None or not width:
            return None
        end = mark.column + width
        return Fix(
            description=description, line=mark.line, column=mark.column, end_line=mark.line, end_column=end, text=text
        )

    def adding(self, path: Path, text: str, description: str) -> Fix | None:
        """The edit that adds a field after the scalar at `path`, where its mapping stands in braces on one line."""
        inner = self.replacing(path, "", description)
        mapping = self.node(path[:-1])
        if inner is None or mapping is None or self.line_of(mapping.mark)[(mapping.mark.column or 1) - 1 :][:1] != "{":
            return None
        end = inner.end_column
        return Fix(
            description=description, line=inner.line, column=end, end_line=inner.line, end_column=end, text=f", {text}"
        )

    def deleting_item(self, path: Path, description: str, *, own: bool = False) -> Fix | None:
        """The edit that takes a list's item away, where it has its line for itself: `- {…}`."""
        mark = self.mark(path, own=own)
        text = self.line_of(mark).split(" #")[0].strip()
        if mark.file != self.file.label or mark.line is None or not (text.startswith("- {") and text.endswith("}")):
            return None
        return Fix(description=description, line=mark.line, column=1, end_line=mark.line + 1, end_column=1, text="")


def width_at(line: str, column: int) -> int:
    """How many characters the scalar, list or mapping that starts at a place has on its line."""
    rest = line[column - 1 :]
    if rest[:1] in ("'", '"'):
        end = rest.find(rest[0], 1)
        return end + 1 if end > 0 else len(rest)
    if rest[:1] in ("{", "["):
        return len(rest.split(" #")[0].rstrip())
    for index, character in enumerate(rest):
        if (
            character in ",}]"
            or rest[index : index + 2] in (": ", " #")
            or (character == ":" and index + 1 == len(rest))
        ):
            return len(rest[:index].rstrip())
    return len(rest.rstrip())


def subject_of(path: str, *, judge: Judge, today: datetime.date) -> Subject:
    """Reads a policy file and all that it extends. Raises `InvalidPolicy`."""
    from safe_codeact.policy.load import (
        chain_of,
        finished,
        merged,
    )  # pydantic loads sockets, which the rules do without

    chain = chain_of(path)
    root = merged(chain)
    parent = finished(chain[1:], merged(chain[1:])) if len(chain) > 1 else None
    return Subject(policy=finished(chain, root), root=root, files=tuple(chain), parent=parent, judge=judge, today=today)


def identity_of(root: Node, path: Path) -> str:
    """The field, named by what its lines are about: `language.imports[os].facade`, wherever the line stands."""
    text, node = "", root
    for step in path:
        if isinstance(step, int):
            items = node.items()
            if step >= len(items):
                break
            node = items[step]
            text += f"[{_label(node)}]"
        else:
            inner = node.entry(step)
            text += f".{step}" if text else step
            if inner is None:
                break
            node = inner
    return text


def _label(line: Node) -> str:
    for key in ("module", "path", "allow", "deny"):
        named = line.entry(key)
        if named is not None:
            return str(named.content)
    return str(line.content)
