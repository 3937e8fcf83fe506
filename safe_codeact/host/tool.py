"""`@tool`: a host function that actions may call, with what the model sees of it.

Arguments come from a worker that may be hostile: they are bound to the signature and validated by pydantic from the
annotations before the function sees them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pydantic

from safe_codeact.frozen import dataclass
from safe_codeact.host.binding import Binder
from safe_codeact.host.typed_dicts import readable_by_pydantic
from safe_codeact.wire import messages

_MARK = "__safe_codeact_tool__"


class IdempotencyKey(str):
    """Annotate a parameter of a tool with it to be given the call's key: the same text whenever the same call is made
    again, another one for every other call. It is no parameter that a model sees."""

    __slots__ = ()


class Misused(Exception):
    """Arguments that do not fit the signature: not the tool's own exception. `kind` is what the action sees."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an action could do, as far as can be said without running it: `source` is all of it; `tools` and `imports` are
    those it names, by the gate's report, which was made before any of it ran; `files` are those of its workspace, which it
    may change where `workspace` is "rw"; `readable` are the policy's other paths."""

    source: str
    tools: tuple[str, ...]
    imports: tuple[str, ...]
    workspace: str
    files: tuple[str, ...]
    readable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What an approver is asked about: the tool's name, its validated arguments, and the action that makes the call."""

    name: str
    arguments: dict[str, Any]
    preview: Preview | None = None


class _NotMade:
    def __repr__(self) -> str:
        return "NOT_MADE"


NOT_MADE: Any = _NotMade()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An approver's answer; `reason` is shown to the action when the call is rejected.

    `later`: nobody can say yet. The action is put aside and its process ends; `session.resume` goes on with the answer.
    `arguments`: to be used instead of the action's, all of them, by the names of the parameters, as `ToolCall.arguments` has
    them. They are validated as the action's were, and held to the policy's `when`.
    `result`: what the call returned, where it turned out that it was made already: it is not made again.
    """

    approved: bool
    reason: str = ""
    later: bool = False
    arguments: Mapping[str, Any] | None = None
    result: Any = NOT_MADE


@dataclass(frozen=True, slots=True)
class Tool:
    """A host function with what the model sees of it."""

    function: Callable[..., Any]
    name: str
    description: str
    signature: inspect.Signature
    binder: Binder
    shown: str  # the signature as a model reads it
    validators: Mapping[str, pydantic.TypeAdapter[Any]]
    is_async: bool
    read_only: bool = False  # it changes nothing: making the call twice does no harm
    returns: pydantic.TypeAdapter[Any] | None = None
    key_parameter: str = ""  # the parameter that takes the call's key

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Tool:
        """Raises `TypeError` for what is not a function, or has no usable name."""
        marked: dict[str, Any] = getattr(function, _MARK, {})
        name = str(marked.get("name") or getattr(function, "__name__", ""))
        if not callable(function) or not name.isidentifier() or name.startswith("_"):
            raise TypeError(
                f"{function!r} cannot be a tool: expected a function whose name is a public identifier; "
                "give it one with @tool(name=…)"
            )
        signature, hints = _resolved(function, name)
        signature, key_parameter = _without_key(signature, hints, name)
        return cls(
            function=function,
            name=name,
            description=marked.get("description") or inspect.getdoc(function) or "",
            signature=signature,
            binder=Binder(signature),
            shown=_shown(signature),
            validators={
                parameter: _validator(name, parameter, hints[parameter])
                for parameter in signature.parameters
                if parameter in hints
            },
            is_async=inspect.iscoroutinefunction(function),
            read_only=bool(marked.get("read_only")),
            returns=_result_validator(signature.return_annotation),
            key_parameter=key_parameter,
        )

    def stub(self, *, asks: bool = False) -> messages.ToolStub:
        """What the worker is told."""
        return messages.ToolStub(
            name=self.name, signature=self.shown, description=self.description, is_async=self.is_async, asks=asks
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """The call's arguments, validated. Raises `Misused` with the signature."""
        try:
            bound = self.binder.bind(args, kwargs)
        except TypeError as error:
            raise Misused("TypeError", f"{self.name}: {error}. Usage: {self.usage}") from None
        for name, given in bound.arguments.items():
            if name in self.validators:
                bound.arguments[name] = self._validated(name, given)  # no key comes or goes
        return bound

    @property
    def usage(self) -> str:
        """What a wrong call is shown."""
        return f"{self.name}{self.shown}"

    def rebind(self, arguments: Mapping[str, Any]) -> inspect.BoundArguments:
        """As `bind`, from what `bind(…).arguments` has: all arguments by the names of the parameters."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        unknown = [name for name in arguments if name not in self.signature.parameters]
        if unknown:
            raise Misused("TypeError", f"{self.name}: there is no parameter {unknown[0]!r}. Usage: {self.usage}")
        for name, parameter in self.signature.parameters.items():
            if name not in arguments:
                continue
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                args.append(arguments[name])
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional = [each for each in self.signature.parameters if each in kwargs] if arguments[name] else []
                args += [*(kwargs.pop(each) for each in positional), *arguments[name]]
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                kwargs.update(arguments[name])
            else:
                kwargs[name] = arguments[name]
        return self.bind(args, kwargs)

    def _validated(self, name: str, given: Any) -> Any:
        validator = self.validators[name].validator  # the adapter's own method asks for what was said when it was made
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
            raise Misused("ValueError", f"{self.name}: {name}{place}: {first['msg']}. Usage: {self.usage}") from None


class _Elided:
    """Stands for a default that is an object of the host: its repr may say an address, or a key that it holds."""

    def __repr__(self) -> str:
        return "..."


_ELIDED = _Elided()
_PLAIN_DEFAULTS = (type(None), bool, int, float, str, bytes)


def _resolved(function: Callable[..., Any], name: str) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature with annotations as types, and those of the parameters.

    Under `from __future__ import annotations` they are text. A parameter whose text names nothing cannot be validated,
    so it is no parameter of a tool; the result's is only shown, and then as it is written.
    """
    signature = inspect.signature(function)
    scope = _scope(function)
    hints: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.annotation is not parameter.empty:
            try:
                hints[parameter.name] = _evaluated(parameter.annotation, scope)
            except NameError as error:
                raise TypeError(
                    f"{name} cannot be a tool: {error.name!r} in the annotation of {parameter.name!r} is not a name of "
                    "its module, so arguments cannot be validated against it. Import it there at run time, or define "
                    "it at the top level"
                ) from None
    returns = signature.return_annotation
    with contextlib.suppress(NameError):
        returns = returns if returns is signature.empty else _evaluated(returns, scope)
    parameters = [
        parameter.replace(annotation=hints.get(parameter.name, parameter.empty))
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=returns), hints


def _without_key(signature: inspect.Signature, hints: dict[str, Any], name: str) -> tuple[inspect.Signature, str]:
    """The signature that actions see, and the parameter that is the host's to fill in."""
    keys = [parameter for parameter in signature.parameters if hints.get(parameter) is IdempotencyKey]
    if not keys:
        return signature, ""
    if len(keys) > 1 or signature.parameters[keys[0]].kind not in _BY_KEYWORD:
        raise TypeError(f"{name} cannot be a tool: one parameter may be an IdempotencyKey, and it must take a keyword")
    del hints[keys[0]]
    rest = [parameter for parameter in signature.parameters.values() if parameter.name != keys[0]]
    return signature.replace(parameters=rest), keys[0]


_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _scope(function: Callable[..., Any]) -> dict[str, Any]:
    """The names of the module that the function's annotations were written in."""
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if not hasattr(inner, "__globals__"):
        inner = type(inner).__call__
    return getattr(inner, "__globals__", {})


def _evaluated(annotation: Any, scope: dict[str, Any] | None = None, *, constraints: bool = True) -> Any:
    """An annotation as a type, whether it was text or not; without `constraints`, `Annotated[int, …]` as `int`."""
    holder = type("_Holder", (), {"__annotations__": {"held": annotation}})
    return typing.get_type_hints(holder, globalns=scope, include_extras=constraints)["held"]


def _validator(name: str, parameter: str, hint: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return pydantic.TypeAdapter(readable_by_pydantic(hint))
    except pydantic.PydanticUserError as error:
        raise TypeError(
            f"{name} cannot be a tool: no value of an action can be checked against the annotation of {parameter!r} "
            f"({inspect.formatannotation(hint)}): {str(error).splitlines()[0]}"
        ) from None


def _result_validator(annotation: Any) -> pydantic.TypeAdapter[Any] | None:
    """None where results cannot be checked against the annotation: they are shown as they are, or refused as no data."""
    if annotation is inspect.Signature.empty or isinstance(annotation, str):
        return None
    try:
        return pydantic.TypeAdapter(readable_by_pydantic(annotation))
    except (pydantic.PydanticUserError, TypeError, NameError):
        return None


def _shown(signature: inspect.Signature) -> str:
    """As a model reads it: plain types without their constraints, and no object of the host."""
    parameters = [
        parameter.replace(
            annotation=_unconstrained(parameter.annotation),
            default=parameter.default
            if parameter.default is parameter.empty or type(parameter.default) in _PLAIN_DEFAULTS
            else _ELIDED,
        )
        for parameter in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    returns = signature.return_annotation
    if returns is inspect.Signature.empty:
        return text
    return f"{text} -> {returns if isinstance(returns, str) else inspect.formatannotation(_unconstrained(returns))}"


def _unconstrained(annotation: Any) -> Any:
    if annotation is inspect.Signature.empty:
        return annotation
    plain = _evaluated(annotation, constraints=False)
    return None if plain is type(None) else plain


def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
) -> Callable[..., Any]:
    """Mark a host function as a tool: `@tool` or `@tool(name=…, description=…)`.

    `read_only=True` says that it changes nothing, and may be called again if nobody knows whether a call happened.

    The function stays an ordinary function. Its signature and docstring are what the model sees; its annotations are
    what arguments are validated against. It runs in your process, with your rights: never in the sandbox.
    """
    if function is None:
        return functools.partial(tool, name=name, description=description, read_only=read_only)
    setattr(function, _MARK, {"name": name, "description": description, "read_only": read_only})
    Tool.of(function)  # what cannot be a tool says so here, not at the first call
    return function
