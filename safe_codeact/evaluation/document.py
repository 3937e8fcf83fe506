"""A task file's YAML as values that know where they stand, so that every complaint names file, line and column.

YAML resolves plain text by rules that authors of tasks trip over (`no`, `1:30`, `2025-01-01`), repeats blocks by alias,
and lets a key be given twice. Nothing here guesses: each of these is refused with the way to write it plainly.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import yaml

from safe_codeact.errors import SafeCodeActError

MAX_BYTES = 1024 * 1024
_SHOWN = 60
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_FRACTION = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_KINDS = {yaml.MappingNode: "a mapping", yaml.SequenceNode: "a list", yaml.ScalarNode: "a value"}


class InvalidTasks(SafeCodeActError):
    """A task file, or a module of tools, that cannot be used. The message begins with `file:line:column:`."""


class _Loader(yaml.SafeLoader):
    """Composes nodes; without aliases, which a reader of the file does not see the content of."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias repeats a block: write it out", event.start_mark)
        return super().compose_node(parent, index)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Value:
    """A node with its file and its path in it ("tasks[3].answer")."""

    node: yaml.Node
    file: str
    path: str = ""

    def wrong(self, message: str) -> InvalidTasks:
        """The complaint about this value, to be raised."""
        mark = self.node.start_mark
        field = f"{self.path}: " if self.path else ""
        return InvalidTasks(f"{self.file}:{mark.line + 1}:{mark.column + 1}: {field}{message}")

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Value]:
        """A mapping's values by name. Raises `InvalidTasks` for unknown, missing and repeated names."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"expected a mapping with {', '.join(required)}, not {_KINDS[type(self.node)]}.")
        found: dict[str, Value] = {}
        known = [*required, *optional]
        for key, node in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            place = Value(key, self.file, self.path)
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f" Did you mean {near[0]}?" if near else ""
                raise place.wrong(
                    f"there is no field {name[:_SHOWN]!r} here.{meant} The fields are {', '.join(known)}."
                )
            if name in found:
                raise place.wrong(f"{name} is given twice: keep one of the two.")
            found[name] = Value(node, self.file, f"{self.path}.{name}" if self.path else name)
        missing = [name for name in required if name not in found]
        if missing:
            raise self.wrong(f"{' and '.join(missing)} must be given.")
        return found

    def items(self) -> list[Value]:
        """A list's values. Raises `InvalidTasks` where it is none, or empty."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong(f"expected a list, not {_KINDS[type(self.node)]}.")
        if not self.node.value:
            raise self.wrong("the list is empty: leave the field out, or name something.")
        return [Value(node, self.file, f"{self.path}[{number}]") for number, node in enumerate(self.node.value)]

    def text(self) -> str:
        """Text that is not blank."""
        value = self.plain()
        if not isinstance(value, str):
            raise self.wrong(f'expected text, but {str(value)[:_SHOWN]} is none: put it in quotes ("…").')
        if not value.strip():
            raise self.wrong("the text is empty.")
        return value

    def number(self) -> int | float:
        """A number in decimal digits."""
        value = self.plain()
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(f"expected a number, not {str(value)[:_SHOWN]!r}: write it in plain digits (300, 0.5).")
        return value

    def plain(self) -> Any:
        """As plain data: None, truth values, numbers, text, lists, mappings with text for keys."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Value(node, self.file, f"{self.path}[{n}]").plain() for n, node in enumerate(self.node.value)]
        if isinstance(self.node, yaml.MappingNode):
            names = [key.value for key, _ in self.node.value if isinstance(key, yaml.ScalarNode)]
            return {name: value.plain() for name, value in self.fields((), names).items()}
        return self._scalar()

    def _scalar(self) -> Any:
        text, tag = str(self.node.value), self.node.tag.removeprefix(_TAG)
        if tag == "str":
            return text
        if tag == "bool" and text in ("true", "false"):
            return text == "true"
        if tag == "null" and text in ("null", ""):
            return None
        if tag == "int" and _WHOLE.fullmatch(text):
            return int(text)
        if tag == "float" and _FRACTION.fullmatch(text):
            return float(text)
        raise self.wrong(
            f"{text[:_SHOWN]} is one thing to YAML and another to its readers: put it in quotes, or write a number in "
            "plain decimal digits, and true or false for a truth value."
        )


def parse(raw: bytes, file: str) -> Value:
    """The root of one task file. Raises `InvalidTasks` with the place of the first thing that is wrong."""
    if len(raw) > MAX_BYTES:
        raise InvalidTasks(f"{file}: has more than {MAX_BYTES} bytes: split the tasks over several files.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidTasks(
            f"{file}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8."
        ) from None
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise InvalidTasks(f"{place}: this is not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise InvalidTasks(f"{file}: this is not YAML: {str(error).splitlines()[0]}.") from None
    except RecursionError:
        raise InvalidTasks(f"{file}: lists and mappings are nested too deep to be tasks.") from None
    if root is None:
        raise InvalidTasks(f"{file}:1:1: the file is empty: it needs version, domain, tools and tasks.")
    return Value(root, file)
