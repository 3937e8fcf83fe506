"""Values of tools and variables as JSON that reads back to the same value, and the policy's redactions.

What JSON has no form for stands in an object with one field that starts with "$": {"$bytes": base64}, {"$tuple": […]},
{"$dict": [[key, value], …]}, {"$number": "nan"}, {"$int": "0x…"}; and what is only described, {"$other": "DataFrame"}. A dict of
the action's own whose keys start with "$" is written as "$dict", so none is taken for another.

A redaction names an argument or a field (`password`), a field in one (`card.number`; in each member, where there is a list), both
wherever they occur, `return` for the result, or `"*"` for everything. What is redacted is `null`, and the record lists the paths:
an action that sends the word "redacted" is not mistaken for one that was. What doesn't work: blanking the same text wherever the
action repeats it, because then whoever writes the action chooses which part of his own source the trail forgets.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic_core

MOST_BYTES = 64 * 1024  # of one value or text; of a larger one, size and digest are kept
RESULT = "return"
ALL = "*"
_DEEPEST = 64
_LONGEST = 12  # characters that JSON in ASCII takes for one: two escapes
_json = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode  # `json.dumps` makes one for each value


def form_of(value: Any) -> Any:
    """A value as JSON; described, where it is no plain data."""
    return _form(value, 0)


def value_of(form: Any) -> Any:
    """The inverse. Raises `ValueError` for what is only described, and for no form at all."""
    try:
        return _value(form)
    except RecursionError:
        raise ValueError("the value is nested too deep") from None


def _value(form: Any) -> Any:
    if isinstance(form, list):
        return [_value(item) for item in form]
    if not isinstance(form, dict):
        return form
    if len(form) == 1:
        ((name, held),) = form.items()
        if name.startswith("$"):
            return _special(name, held)
    return {key: _value(item) for key, item in form.items()}


def bounded(form: Any, most: int = MOST_BYTES) -> Any:
    """The form itself, or what stands for one that is too large."""
    if type(form) is str and len(form) * _LONGEST + 2 <= most:
        return form  # most results of tools: each is asked about while its action waits
    text = _json(form)
    if len(text) <= most:
        return form
    return {"$large": {"bytes": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}}


def text_of(text: str, most: int = MOST_BYTES) -> Any:
    """A text, or of a long one the beginning, its length and its digest."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"$cut": {"begins": text[:most], "characters": len(text), "sha256": digest}}


def redacted(arguments: Mapping[str, Any], paths: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The arguments' forms without what the paths name, and the paths that named something."""
    if ALL in paths:
        return dict.fromkeys(arguments), sorted(arguments)
    kept = {name: form_of(value) for name, value in arguments.items()}
    gone = []
    for path in paths:
        steps = path.split(".")
        if path != RESULT and _blank(kept, steps):
            gone.append(path)
    return kept, gone


def hides_arguments(paths: Sequence[str]) -> bool:
    return any(path != RESULT for path in paths)


def hides_result(paths: Sequence[str]) -> bool:
    return RESULT in paths or ALL in paths


def _blank(holder: Any, steps: list[str]) -> bool:
    """Wherever the path begins, however deep: `**options` are a dict below a name that no caller writes. Whether it did."""
    if isinstance(holder, list):
        return sum(_blank(item, steps) for item in holder) > 0  # every one, so no `any`
    if not isinstance(holder, dict):
        return False
    if len(holder) == 1 and next(iter(holder)) == "$dict":
        return sum([_blank_at(pair, 1, pair[0] == steps[0], steps) for pair in holder["$dict"]]) > 0
    return sum([_blank_at(holder, name, name == steps[0], steps) for name in list(holder)]) > 0


def _blank_at(holder: Any, place: Any, begins: bool, steps: list[str]) -> bool:
    return _blank_in(holder, place, steps) if begins else _blank(holder[place], steps)


def _blank_in(holder: Any, place: Any, steps: list[str]) -> bool:
    if len(steps) > 1 and isinstance(holder[place], dict | list):
        return _blank(holder[place], steps[1:])
    # A field that the policy names inside of something without fields: better too little in the trail than too much.
    holder[place] = None
    return True


def _form(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return {"$other": "nested too deep"}
    if value is None or isinstance(value, bool):
        return value
    if type(value) is str:
        return value
    if type(value) is int:
        return value if value.bit_length() < 10_000 else {"$int": hex(value)}
    if type(value) is float:
        return value if math.isfinite(value) else {"$number": repr(value)}
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if type(value) is list:
        return [_form(item, depth + 1) for item in value]
    if type(value) is tuple:
        return {"$tuple": [_form(item, depth + 1) for item in value]}
    if type(value) is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _form(item, depth + 1) for key, item in value.items()}
        return {"$dict": [[_form(key, depth + 1), _form(item, depth + 1)] for key, item in value.items()]}
    try:  # a tool's arguments as it takes them: models, dates
        plain = pydantic_core.to_jsonable_python(value)
    except (pydantic_core.PydanticSerializationError, ValueError, RecursionError):
        return {"$other": type(value).__name__[:100]}
    return _form(plain, depth + 1)


def _special(name: str, held: Any) -> Any:
    try:
        match name:
            case "$bytes":
                return base64.b64decode(held, validate=True)
            case "$tuple":
                return tuple(_value(item) for item in held)
            case "$dict":
                return {_value(key): _value(item) for key, item in held}
            case "$number" if held in ("nan", "inf", "-inf"):
                return float(held)
            case "$int":
                return int(held, 16)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError(f"{name} holds no value") from None
    raise ValueError(f"{name} stands for a value that was not written down")
