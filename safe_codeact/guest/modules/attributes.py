"""Attributes whose names are text, and the replacements for the library functions that take such names.

Threat: `attrgetter("__globals__")`, `update_wrapper(box, f, assigned=["__globals__"])`, `df.agg("__reduce__")`: the gate
reads names in source, and these are names in data. What may be read is `guest.guards`' decision; here the functions of
libraries are led to it.
"""

from __future__ import annotations

import dataclasses
import functools
import string
import sys
import types
import typing
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # CPython's own parser; typeshed leaves it out
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

from safe_codeact.gate.names import Stance, is_dunder, reading
from safe_codeact.gate.rules import g302_dynamic_attribute
from safe_codeact.guest.guards import attrgetter, methodcaller, shield
from safe_codeact.guest.guards.attributes import attributes_of
from safe_codeact.guest.guards.classes import judged_namespace
from safe_codeact.guest.guards.formats import judged_name
from safe_codeact.guest.guards.refusal import refusal
from safe_codeact.guest.guards.views import MARK
from safe_codeact.guest.waiting import all_names

_COPIED = frozenset((*functools.WRAPPER_ASSIGNMENTS, *functools.WRAPPER_UPDATES, "__type_params__"))


def library_name(name: str, what: str) -> str:
    """The name as an exact str, if an action could spell it on an object of a library.

    Raises `ActionRefused`; `what` says where the text was found.
    """
    text = str.__str__(name)
    if text.startswith("_") or reading(text) is not Stance.OPEN:
        raise refusal(g302_dynamic_attribute.RULE, f"{what} {text!r} names an attribute that actions may not read.")
    return text


def field_names(names: Iterable[Any]) -> None:
    """Refuses names that would make a special method of a class that is made from text."""
    for name in names:
        if isinstance(name, str) and is_dunder(str.__str__(name)):
            raise refusal(
                g302_dynamic_attribute.RULE,
                f"{name!r} cannot be a field or a member.",
                "Write a class statement with that method.",
            )


def action_frame() -> FrameType | None:
    """The nearest frame of the action's own code, or None. Its builtins are the guarded ones."""
    all_names()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and MARK not in frame.f_builtins:
        frame = frame.f_back
    return frame


def action_names() -> tuple[dict[str, Any], dict[str, Any]]:
    """Copies of the globals and locals of the action's code that is running, without what the interpreter put there."""
    frame = action_frame()
    if frame is None:
        return {}, {}
    found = (
        {name: value for name, value in names.items() if name[:2] != "__"}
        for names in (frame.f_globals, frame.f_locals)
    )
    own_globals, own_locals = found
    return own_globals, own_locals


def format_text(template: str, *args: Any, **kwargs: Any) -> str:
    """`template.format(...)` for a library that formats with a template of the action's: `guards.install` judges the fields."""
    return string.Formatter().vformat(template, args, kwargs)


def judged_template(template: str) -> str:
    """The template as an exact str, for a library that formats with it itself. Raises `ActionRefused` as `format_text`."""
    text = str.__str__(template)
    waiting = [text]
    while waiting:
        for _, field, spec, _ in string.Formatter().parse(waiting.pop()):
            for is_attribute, name in formatter_field_name_split(field or "")[1]:
                if is_attribute and judged_name(
                    name
                ):  # a private name: those of the action's objects are spelled otherwise
                    library_name(name, "the template's field")
            if spec:
                waiting.append(spec)
    return text


# ---- functools


def _copied(names: Iterable[str]) -> tuple[str, ...]:
    exact = tuple(str.__str__(name) for name in names)
    for name in exact:
        if name not in _COPIED:
            raise refusal(
                g302_dynamic_attribute.RULE,
                f"functools.update_wrapper copies {', '.join(sorted(_COPIED))}, and not {name!r}.",
            )
    return exact


def update_wrapper(
    wrapper: Any,
    wrapped: Any,
    assigned: Iterable[str] = functools.WRAPPER_ASSIGNMENTS,
    updated: Iterable[str] = functools.WRAPPER_UPDATES,
) -> Any:
    made = functools.update_wrapper(wrapper, wrapped, _copied(assigned), ())
    for _ in _copied(updated):  # `__dict__`; an object of the action's could say that its `__dict__` is something else
        try:
            found = attributes_of(wrapped)
        except AttributeError:
            continue
        attributes_of(made).update(found)
    return made


def wraps(
    wrapped: Any,
    assigned: Iterable[str] = functools.WRAPPER_ASSIGNMENTS,
    updated: Iterable[str] = functools.WRAPPER_UPDATES,
) -> Callable[[Any], Any]:
    return functools.partial(update_wrapper, wrapped=wrapped, assigned=assigned, updated=updated)


# ---- typing


def get_type_hints(obj: Any, globalns: Any = None, localns: Any = None, include_extras: bool = False) -> dict[str, Any]:
    """`typing.get_type_hints` over the action's own names; never over those of the module that `obj` says it is from."""
    frame = action_frame()
    own_globals, _ = action_names()
    names = own_globals | dict(globalns or {})
    names["__builtins__"] = frame.f_builtins if frame is not None else {}
    return typing.get_type_hints(obj, names, dict(localns or {}), include_extras)


def get_origin(tp: Any) -> Any:
    """`typing.get_origin`; of `type[int]` it is the action's own `type`."""
    return shield(typing.get_origin(tp))


def get_original_bases(cls: type, /) -> tuple[Any, ...]:
    """`types.get_original_bases` (3.12), with what stands for `type` among the bases of a metaclass."""
    return tuple(map(shield, types.get_original_bases(cls)))  # type: ignore[attr-defined]


# ---- dataclasses


def make_dataclass(
    cls_name: str, fields: Iterable[Any], *, bases: tuple[type, ...] = (), namespace: Any = None, **options: Any
) -> type:
    """`dataclasses.make_dataclass`, with names that a class statement could hold as well."""
    listed = [str.__str__(each) if isinstance(each, str) else tuple(each) for each in fields]
    field_names(each if isinstance(each, str) else each[0] for each in listed)
    members = judged_namespace(dict(namespace or {}))
    return dataclasses.make_dataclass(cls_name, listed, bases=bases, namespace=members, **options)


REPLACEMENTS: Mapping[str, Mapping[str, Any]] = {
    "dataclasses": {"make_dataclass": make_dataclass},
    "functools": {"update_wrapper": update_wrapper, "wraps": wraps},
    "operator": {"attrgetter": attrgetter, "methodcaller": methodcaller},
    "types": {"get_original_bases": get_original_bases},
    "typing": {"get_origin": get_origin, "get_type_hints": get_type_hints},
}
