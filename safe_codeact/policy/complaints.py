"""What the schema found wrong, in our words and at its place in the file.

pydantic says "Input should be greater than or equal to 32"; the author of a policy needs the field, the value he
wrote, the bound with its reason, and what to write instead. One row per kind of error, and a kind without a row is a
failed test.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from safe_codeact.errors import InvalidPolicy
from safe_codeact.frozen import dataclass
from safe_codeact.policy.fields import NO_UNLIMITED
from safe_codeact.policy.schema import PolicyFile
from safe_codeact.policy.tree import Mark, Node, Path, dotted, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a policy file."""

    message: str
    path: Path
    mark: Mark

    def exception(self) -> InvalidPolicy:
        return InvalidPolicy(
            self.message,
            file=self.mark.file,
            line=self.mark.line,
            column=self.mark.column,
            field=dotted(self.path) or None,
        )


def problems(error: ValidationError, root: Node) -> list[Problem]:
    """All of them, in the order of the file."""
    found = [_problem(detail, root) for detail in error.errors(include_url=False)]
    return sorted(found, key=lambda problem: (problem.mark.line or 0, problem.mark.column or 0))


def shown(value: object) -> str:
    """A value as it looks in a policy file, in at most about 80 characters and without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    size = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= 80 else f"{text[:70]}… ({size} characters)"


def did_you_mean(name: str, names: list[str]) -> str:
    """`: did you mean x?`, or the end of the sentence."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f": did you mean {close[0]}?" if close else "."


def _problem(detail: Any, root: Node) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    path = tuple(step for step in detail["loc"] if step != "[key]") + tuple(context.get("path", ()))
    if kind == "extra_forbidden":
        return Problem(message=_unknown_field(path), path=path, mark=place(root, path, at_key=True))
    if kind == "missing":
        return Problem(message=_missing_field(path), path=path, mark=place(root, path))
    at_key = detail["loc"][-1:] == ("[key]",)
    value = _value_at(detail["input"], context.get("path", ()))
    sentence = _SENTENCES[kind](_field_at(path), context, value)
    return Problem(message=_opening(path, value, at_key) + sentence, path=path, mark=place(root, path, at_key=at_key))


def _opening(path: Path, value: object, at_key: bool) -> str:
    if not path:
        return "the policy "
    if at_key or isinstance(value, Mapping | BaseModel | list):
        return f"{dotted(path)} "
    return f"{dotted(path)}={shown(value)} "


def _value_at(value: object, path: Path) -> object:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            value = getattr(value, str(step), None)
    return value


def _unknown_field(path: Path) -> str:
    name = str(path[-1])
    fields = list(_model_at(path[:-1]).model_fields)
    section = dotted(path[:-1]) or "a policy"
    elsewhere = [
        f"{top}.{name}"
        for top, field in PolicyFile.model_fields.items()
        if isinstance(field.annotation, type) and name in getattr(field.annotation, "model_fields", {})
    ]
    guess = f": did you mean {elsewhere[0]}?" if elsewhere and len(path) == 1 else did_you_mean(name, fields)
    return f"{dotted(path)} is not a field{guess} The fields of {section} are {', '.join(fields)}."


def _missing_field(path: Path) -> str:
    return f"{dotted(path[:-1])} has no `{path[-1]}`: add it, as `{path[-1]}: {_EXAMPLES.get(str(path[-1]), '…')}`."


_EXAMPLES = {"module": "math", "path": "/srv/data"}


def _fields_under(annotation: Any) -> Any:
    """What one more step of a path leads to: the items of a list, the values of a dict."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_args(annotation)[-1] if get_origin(annotation) in (list, dict) else annotation


def _model_at(path: Path) -> type[BaseModel]:
    current: Any = PolicyFile
    for step in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(step)].annotation
        else:
            current = _fields_under(current)
    assert isinstance(current, type)
    assert issubclass(current, BaseModel)
    return current


def _field_at(path: Path) -> FieldInfo | None:
    """The field that a path names; for an item of a list, the list's."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    try:
        return _model_at(path[:-1]).model_fields.get(str(path[-1])) if path else None
    except AssertionError:
        return None


def _bounds(field: FieldInfo | None) -> tuple[float, float] | None:
    if field is None:
        return None
    low = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    return None if low is None or high is None else (low, high)


def _reason(field: FieldInfo | None, side: str) -> str:
    extra = field.json_schema_extra if field is not None else None
    reasons: Any = extra.get("x-why", {}) if isinstance(extra, dict) else {}
    return str(reasons[side])


def _number(noun: str) -> Callable[[FieldInfo | None, Any, object], str]:
    def sentence(field: FieldInfo | None, context: Any, value: object) -> str:
        bounds = _bounds(field)
        span = f" from {bounds[0]:g} to {bounds[1]:.10g}" if bounds else ""
        quotes = (
            ", without quotes" if isinstance(value, str) and value.strip("+-").replace(".", "", 1).isdigit() else ""
        )
        return f"must be a {noun}{span}{quotes}.{f' {NO_UNLIMITED}' if bounds else ''}"

    return sentence


def _choice(field: FieldInfo | None, context: Any, value: object) -> str:
    choices = [str(choice) for choice in get_args(field.annotation)] if field is not None else []
    guess = did_you_mean(value, choices) if isinstance(value, str) else "."
    listed = f"one of {', '.join(choices)}" if len(choices) > 1 else f"{choices[0]}"
    return f"must be {listed}{guess}"


def _says(text: str) -> Callable[[FieldInfo | None, Any, object], str]:
    return lambda field, context, value: text


# Every kind of error that the models of `schema` can raise, with the rest of the sentence that starts with
# `field=value`.
_SENTENCES: dict[str, Callable[[FieldInfo | None, Any, object], str]] = {
    "policy": lambda field, context, value: context["message"] + ("" if context["message"].endswith(".") else "."),
    "int_type": _number("whole number"),
    "int_from_float": _number("whole number"),
    "float_type": _number("number"),
    "finite_number": _number("number"),
    "greater_than_equal": lambda field, context, value: (
        f"must be at least {context['ge']:g}: {_reason(field, 'low')}. {NO_UNLIMITED}"
    ),
    "less_than_equal": lambda field, context, value: (
        f"must be at most {context['le']:.10g}: {_reason(field, 'high')}. {NO_UNLIMITED}"
    ),
    "literal_error": _choice,
    "bool_type": _says("must be true or false, without quotes."),
    "string_type": _says("must be text: put it in quotes."),
    "string_too_long": lambda field, context, value: (
        f"must have at most {context['max_length']} characters, and has {len(str(value))}: shorten it."
    ),
    "string_pattern_mismatch": _says("must be the code of a rule of the gate, as G401."),
    "list_type": _says("must be a list: one item per line, each after a dash."),
    "dict_type": _says("must be a mapping: one `name: value` per line."),
    "model_type": _says("must be a mapping: one `name: value` per line."),
}
