"""JSON Schemas as Python signatures: for tools that another system describes (an MCP server, an agent framework).

Threat: the schema may have been written by an attacker. A library that evaluates JSON Schema follows `$ref` in circles,
expands a few hundred bytes into billions of nodes, and matches `pattern` with a backtracking engine, for ever and with
the interpreter's lock held. So a schema is read once, within a budget of nodes and depth, into types and validators of
pydantic, whose patterns are matched in linear time. A `$ref` that leads back to itself, and what lies beyond the budget
or is not understood (`not`, `if`, `contains`, a pattern with look-around), is a value of any kind: it is the described
system's to check. So a call that passes here fits the schema as far as it was read, and no further.
"""

from __future__ import annotations

import inspect
import keyword
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union

from pydantic_core import SchemaError, SchemaValidator, core_schema

MOST_PARAMETERS = 64
_MOST_NODES = 1_000  # of one tool's schema, after `$ref`s are followed
_MOST_DEPTH = 8
_MOST_CHOICES = 100
_MOST_SHOWN_CHOICES = 12
_CONSTANTS = (str, int, bool, type(None))
_PLAIN_DEFAULTS = (bool, int, float, str, type(None))
_MOST_DEFAULT = 100
_MOST_SHOWN = 300  # characters of one parameter's type
_MOST_PATTERN = 1_000


class _NotGiven:
    """The default of a parameter whose own default only the described system knows."""

    def __repr__(self) -> str:
        return "..."


NOT_GIVEN = _NotGiven()


class UnusableSchema(ValueError):
    """A schema that no call can be checked against; the message says why, without quoting it at length."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """Annotates a type with a validator: `Annotated[dict, _Checked(…)]` is shown as `dict` and checked in full."""

    schema: Any

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        return self.schema


@dataclass(frozen=True, slots=True)
class Read:
    """What one schema node came to: the type that is shown, and what pydantic checks."""

    shown: Any
    check: Any

    @property
    def annotation(self) -> Any:
        """For a signature, in which no type is shown at length."""
        is_short = len(inspect.formatannotation(self.shown)) <= _MOST_SHOWN
        return Annotated[self.shown if is_short else Any, _Checked(self.check)]


@dataclass(frozen=True, slots=True)
class Described:
    """A tool's parameters as a signature; `names` gives the described system's name of each."""

    signature: inspect.Signature
    names: Mapping[str, str]
    notes: tuple[str, ...]  # one line for each parameter that has a description or a shape

    @property
    def length(self) -> int:
        """About how many characters a model is shown of it."""
        types = [typing.get_args(parameter.annotation)[0] for parameter in self.signature.parameters.values()]
        return (
            sum(map(len, self.names))
            + sum(map(len, self.notes))
            + sum(len(inspect.formatannotation(one)) for one in types)
        )


def describe(schema: Mapping[str, Any], returns: Mapping[str, Any] | None = None) -> Described:
    """The signature for a JSON Schema of type object, required parameters first. Raises `UnusableSchema`."""
    reader = _Reader(schema)
    root = reader.resolved(schema)
    properties = root.get("properties", {})
    if root.get("type", "object") != "object" or not isinstance(properties, dict):
        raise UnusableSchema("its arguments are not described as an object with properties")
    if len(properties) > MOST_PARAMETERS:
        raise UnusableSchema(f"it has {len(properties)} parameters; at most {MOST_PARAMETERS} are taken")
    required = {name for name in _list(root.get("required")) if isinstance(name, str)}
    parameters: list[inspect.Parameter] = []
    names: dict[str, str] = {}
    notes = []
    for original in sorted(properties, key=lambda name: name not in required):
        name = identifier(original)
        if name in names:
            raise UnusableSchema(f"two of its parameters would both be called {name}")
        names[name] = original
        node = properties[original]
        read = reader.read(node)
        default = inspect.Parameter.empty if original in required else _default(node, read)
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=read.annotation, default=default
            )
        )
        notes += _note(name, node)
    extra = root.get("additionalProperties")
    if extra is True or (isinstance(extra, dict) and extra):
        name = next(free for free in _candidates("others") if free not in names)
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.VAR_KEYWORD, annotation=reader.read(extra).annotation)
        )
    result = (
        inspect.Signature.empty if returns is None else typing.get_args(_Reader(returns).read(returns).annotation)[0]
    )
    return Described(inspect.Signature(parameters, return_annotation=result), names, tuple(notes))


def identifier(name: str) -> str:
    """A name that Python takes, from any text: `max-results` becomes `max_results`, `from` becomes `from_`."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name[:100]).strip("_") or "value"
    plain = f"_{plain}"[1:] if not plain[0].isdigit() else f"n{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def _candidates(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in range(2, MOST_PARAMETERS + 3))


def _default(node: Any, read: Read) -> Any:
    if not isinstance(node, dict) or "default" not in node:
        return NOT_GIVEN
    default = node["default"]
    if type(default) not in _PLAIN_DEFAULTS or (isinstance(default, str) and len(default) > _MOST_DEFAULT):
        return NOT_GIVEN
    return default if default is None or _fits(read, default) else NOT_GIVEN


def _fits(read: Read, value: Any) -> bool:
    try:
        return bool(SchemaValidator(read.check).isinstance_python(value))
    except SchemaError:
        return False


def _note(name: str, node: Any) -> list[str]:
    if not isinstance(node, dict):
        return []
    text = node.get("description")
    shape = _shape(node)
    said = " ".join(part for part in (shape, one_line(text, 300) if isinstance(text, str) else "") if part)
    return [f"{name}: {said}"] if said else []


def _shape(node: dict[str, Any]) -> str:
    """The keys of an object, which its type does not say."""
    properties = node.get("properties")
    if not isinstance(properties, dict) or not properties:
        return ""
    required = _list(node.get("required"))
    keys = [f"{one_line(str(key), 60)}{'' if key in required else '?'}" for key in list(properties)[:20]]
    return f"{{{', '.join(keys)}}}" + (" and more." if len(properties) > 20 else ".")


def one_line(text: str, limit: int) -> str:
    """Text of a stranger for a prompt, a message or a log: printable, in one line, bounded."""
    printable = "".join(character if character.isprintable() else " " for character in text[: limit * 2])
    flat = " ".join(printable.split())
    return flat if len(flat) <= limit else flat[:limit].rstrip() + " …"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_ANY = Read(Any, core_schema.any_schema())
_NONE = Read(None, core_schema.none_schema())


@dataclass(slots=True)
class _Reader:
    """Reads the nodes of one schema document within one budget."""

    document: Mapping[str, Any]
    nodes: int = 0
    path: list[str] = field(default_factory=list)  # the `$ref`s that led here

    def resolved(self, node: Any) -> dict[str, Any]:
        """A node without `$ref`; `{}` where it leads nowhere, outside the document, or in a circle."""
        seen: set[str] = set()
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            reference = node["$ref"]
            if reference in seen:
                return {}
            seen.add(reference)
            node = _pointed(self.document, reference)
        return node if isinstance(node, dict) else {}

    def read(self, node: Any) -> Read:
        """Any node; what is not understood is `Any`."""
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(self.path) > _MOST_DEPTH or not isinstance(node, dict):
            return _ANY
        reference = node.get("$ref")
        if isinstance(reference, str) and reference in self.path:
            return _ANY
        self.path.append(reference if isinstance(reference, str) else "")
        try:
            return self._read(self.resolved(node))
        finally:
            self.path.pop()

    def _read(self, node: dict[str, Any]) -> Read:
        if "const" in node:
            return _choice([node["const"]])
        if isinstance(node.get("enum"), list):
            return _choice(node["enum"])
        for key in ("anyOf", "oneOf"):
            if isinstance(node.get(key), list):
                return _union([self.read(part) for part in node[key][:_MOST_CHOICES]], len(node[key]))
        kind = node.get("type")
        if isinstance(kind, list):
            return _union([self._of_type(str(one), node) for one in kind[:10]], len(kind))
        return self._of_type(kind, node)

    def _of_type(self, kind: Any, node: dict[str, Any]) -> Read:
        match kind:
            case "string":
                return Read(str, _text(node))
            case "integer":
                return Read(int, core_schema.int_schema(strict=True, **_whole(_bounds(node))))
            case "number":
                bounds = _bounds(node)
                return Read(
                    float,
                    core_schema.union_schema(
                        [
                            core_schema.int_schema(strict=True, **_whole(bounds)),
                            core_schema.float_schema(strict=True, allow_inf_nan=False, **bounds),
                        ],
                        custom_error_type="number",
                        custom_error_message="Input should be a finite number" + _said(bounds),
                    ),
                )
            case "boolean":
                return Read(bool, core_schema.bool_schema(strict=True))
            case "null":
                return _NONE
            case "array":
                items = self.read(node.get("items", {}))
                return Read(
                    list if items.shown is Any else types.GenericAlias(list, items.shown),
                    core_schema.list_schema(items.check, **_sizes(node, "min_length", "max_length", "Items")),
                )
            case "object":
                return self._object(node)
        return _ANY

    def _object(self, node: dict[str, Any]) -> Read:
        properties = node.get("properties")
        extra = node.get("additionalProperties", True)
        if not isinstance(properties, dict) or not properties:
            values = self.read(extra) if isinstance(extra, dict) else _ANY
            shown = dict if values.shown is Any else types.GenericAlias(dict, (str, values.shown))
            return Read(shown, core_schema.dict_schema(core_schema.str_schema(strict=True), values.check))
        required = _list(node.get("required"))
        fields = {
            str(key): core_schema.typed_dict_field(self.read(part).check, required=key in required)
            for key, part in properties.items()
        }
        behaviour: Any = "forbid" if extra is False else "allow"
        return Read(dict, core_schema.typed_dict_schema(fields, extra_behavior=behaviour))


def _pointed(document: Any, reference: str) -> Any:
    """Where `#/$defs/Point` points; None outside the document. No address is ever fetched."""
    if not reference.startswith("#"):
        return None
    for part in reference[1:].split("/")[1:20]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _choice(values: list[Any]) -> Read:
    taken = [value for value in values[:_MOST_CHOICES] if type(value) in _CONSTANTS]
    if len(taken) != len(values) or not taken:
        return _ANY
    check = core_schema.literal_schema(taken)
    if len(taken) > _MOST_SHOWN_CHOICES or any(len(str(value)) > 60 for value in taken):
        kinds = {type(value) for value in taken}
        return Read(kinds.pop() if len(kinds) == 1 else Any, check)
    return Read(Literal[tuple(taken)], check)


def _union(parts: list[Read], given: int) -> Read:
    if not parts or given > len(parts) or any(part.check is _ANY.check for part in parts):
        return _ANY
    shown = Any if any(part.shown is Any for part in parts) else Union[tuple(part.shown for part in parts)]  # noqa: UP007
    return Read(shown, core_schema.union_schema([part.check for part in parts]))


def _text(node: dict[str, Any]) -> Any:
    sizes = _sizes(node, "min_length", "max_length", "Length")
    pattern = node.get("pattern")
    if isinstance(pattern, str) and len(pattern) <= _MOST_PATTERN:
        schema = core_schema.str_schema(strict=True, pattern=pattern, **sizes)
        try:
            SchemaValidator(schema)
        except SchemaError:  # look-around, back-references: what a linear engine does not have
            pass
        else:
            return schema
    return core_schema.str_schema(strict=True, **sizes)


def _bounds(node: dict[str, Any]) -> dict[str, Any]:
    wanted = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
    return {ours: node[theirs] for theirs, ours in wanted.items() if _is_usual(node.get(theirs))}


def _is_usual(number: Any) -> bool:
    """Whether a bound may be handed on: neither infinite, nor an int that no float holds."""
    return type(number) in (int, float) and -(2**63) < number < 2**63


def _whole(bounds: dict[str, Any]) -> dict[str, Any]:
    """Bounds of an int: pydantic takes none with a fraction there, and the described system checks those itself."""
    return {key: int(value) for key, value in bounds.items() if value == int(value)}


def _said(bounds: dict[str, Any]) -> str:
    signs = {"ge": ">=", "le": "<=", "gt": ">", "lt": "<"}
    parts = [f"{signs[key]} {value}" for key, value in bounds.items()]
    return f" {' and '.join(parts)}" if parts else ""


def _sizes(node: dict[str, Any], least: str, most: str, what: str) -> dict[str, Any]:
    pairs = ((f"min{what}", least), (f"max{what}", most))
    return {ours: node[theirs] for theirs, ours in pairs if type(node.get(theirs)) is int and 0 <= node[theirs] < 2**31}
