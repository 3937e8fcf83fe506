"""`@tool`: a host function that actions may call, with what the model sees of it.

Arguments come from a worker that may be hostile: they are bound to the signature and validated by pydantic from the
annotations before the function sees them.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from safe_codeact.wire import messages

_MARK = "__safe_codeact_tool__"


class Misused(Exception):
    """Arguments that do not fit the signature: not the tool's own exception. `kind` is what the action sees."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What an approver is asked about: the tool's name and its validated arguments."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An approver's answer; `reason` is shown to the action when the call is rejected."""

    approved: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A host function with what the model sees of it."""

    function: Callable[..., Any]
    name: str
    description: str
    signature: inspect.Signature
    validators: Mapping[str, pydantic.TypeAdapter[Any]]
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Tool:
        """Raises `TypeError` for what is not a function, or has no usable name."""
        marked: dict[str, str] = getattr(function, _MARK, {})
        name = str(marked.get("name") or getattr(function, "__name__", ""))
        if not callable(function) or not name.isidentifier() or name.startswith("_"):
            raise TypeError(
                f"{function!r} cannot be a tool: expected a function whose name is a public identifier; "
                "give it one with @tool(name=…)"
            )
        hints = typing.get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        return cls(
            function=function,
            name=name,
            description=marked.get("description") or inspect.getdoc(function) or "",
            signature=signature,
            validators={
                parameter: pydantic.TypeAdapter(hints[parameter])
                for parameter in signature.parameters
                if parameter in hints
            },
            is_async=inspect.iscoroutinefunction(function),
        )

    def stub(self) -> messages.ToolStub:
        """What the worker is told."""
        return messages.ToolStub(
            name=self.name, signature=str(self.signature), description=self.description, is_async=self.is_async
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """The call's arguments, validated. Raises `Misused` with the signature."""
        usage = f"{self.name}{self.signature}"
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise Misused("TypeError", f"{self.name}: {error}. Usage: {usage}") from None
        for name, given in list(bound.arguments.items()):
            if name in self.validators:
                bound.arguments[name] = self._validated(name, given, usage)
        return bound

    def _validated(self, name: str, given: Any, usage: str) -> Any:
        validator = self.validators[name]
        kind = self.signature.parameters[name].kind
        try:
            if kind is inspect.Parameter.VAR_POSITIONAL:
                return tuple(validator.validate_python(item) for item in given)
            if kind is inspect.Parameter.VAR_KEYWORD:
                return {key: validator.validate_python(item) for key, item in given.items()}
            return validator.validate_python(given)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = "".join(f"[{part!r}]" for part in first["loc"])
            raise Misused("ValueError", f"{self.name}: {name}{place}: {first['msg']}. Usage: {usage}") from None


def tool(
    function: Callable[..., Any] | None = None, *, name: str | None = None, description: str | None = None
) -> Callable[..., Any]:
    """Mark a host function as a tool: `@tool` or `@tool(name=…, description=…)`.

    The function stays an ordinary function. Its signature and docstring are what the model sees; its annotations are
    what arguments are validated against. It runs in your process, with your rights: never in the sandbox.
    """
    if function is None:
        return functools.partial(tool, name=name, description=description)
    setattr(function, _MARK, {"name": name, "description": description})
    Tool.of(function)  # what cannot be a tool says so here, not at the first call
    return function
