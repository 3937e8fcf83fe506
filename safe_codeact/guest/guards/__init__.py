"""The builtins that actions run with: harmless ones as they are, dynamic ones guarded, tools by name.

A guard is safe to call with anything, and replacing one gains nothing: compiled code holds calls of guards *instead of*
what they guard, with arguments that the action has anyway. So this dictionary may be seen and changed by an action
without a loss, and a forged guard may stand in the globals of an `exec`. The exception are the guards of hook methods
(`HOOK_GUARDS`): a class may only have a hook whose globals are the session's.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from safe_codeact.gate.guard_calls import FORMAT, HOOK, MATCH_ARGS, READ, SLOTS, TYPE_OF, WRITE
from safe_codeact.gate.names import words
from safe_codeact.gate.rules import g301_unavailable_builtin
from safe_codeact.guest.guards import attributes, classes, formats, library
from safe_codeact.guest.guards.attributes import guarded_getattr
from safe_codeact.guest.guards.dynamic import DynamicCode
from safe_codeact.guest.guards.library import attrgetter, install, methodcaller
from safe_codeact.guest.guards.metaclasses import TYPE, Metaclass, shield, type_of
from safe_codeact.guest.guards.own import HOME
from safe_codeact.guest.guards.refusal import ActionRefused, refusal
from safe_codeact.guest.guards.views import MARK, Names, caller, local_names
from safe_codeact.policy.effective import Policy

__all__ = [
    "KEPT",
    "ActionRefused",
    "attrgetter",
    "guarded_builtins",
    "guarded_getattr",
    "install",
    "methodcaller",
    "shield",
    "stands_for_type",
]

# As they are: they compute, or they make and describe objects; none takes the name of an attribute or a text to run.
OPEN: frozenset[str] = words(
    "abs aiter all anext any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod "
    "enumerate filter float format frozenset hash hex id int isinstance issubclass iter len list map max "
    "memoryview min next object oct ord pow print property range repr reversed round set slice sorted "
    "staticmethod str sum super tuple zip NotImplemented Ellipsis __debug__ None True False"
)

_EXCEPTIONS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and not name.startswith("_")
}
_UNGUARDED: Mapping[str, object] = {**{name: getattr(builtins, name) for name in OPEN}, **_EXCEPTIONS}
_GUARDS: dict[str, Callable[..., Any]] = {
    READ: attributes.read,
    WRITE: attributes.write,
    FORMAT: formats.format_call,
    TYPE_OF: type_of,
    **{HOOK + name: guard for name, guard in classes.HOOK_GUARDS.items()},
    SLOTS: classes.slots,
    MATCH_ARGS: classes.match_args,
    "__build_class__": classes.build_class,
}


# Guards that lie in an action's variables and classes, by the name under which a snapshot refers to them.
KEPT: Mapping[str, Any] = {
    **formats.UNBOUND,
    "metaclass_new": classes.metaclass_new,
    "store": library.store,
    "type": shield(type),
}


def stands_for_type(obj: object) -> bool:
    """Whether this is a stand-in of `type`: every reading of the name makes one of its own."""
    return type(obj) is Metaclass and obj == type  # noqa: E721  # what it equals is how it says what it stands for


def guarded_builtins(
    policy: Policy,
    importer: Callable[..., Any],
    *,
    namespace: dict[str, Any],
    open_: Callable[..., Any] | None = None,
    tools: Mapping[str, Callable[..., Any]] | None = None,
) -> dict[str, object]:
    """The `__builtins__` of an action that runs in `namespace`.

    `importer(name, globals, locals, fromlist, level)` answers import statements; `open_` is the guarded `open`, or None
    where the policy gives no workspace. A tool wins over a builtin of its name.
    """
    tools = tools or {}
    if not policy.language.restricted:
        given: dict[str, object] = {**vars(builtins), **tools, MARK: True}
        return given
    dynamic = DynamicCode(policy, tuple(tools), namespace)
    made: dict[str, object] = {**_UNGUARDED, **_GUARDS}
    made.update(_looking(namespace))
    made.update({name: _unavailable(name, hint) for name, hint in _UNAVAILABLE.items()})
    made.update(
        getattr=attributes.guarded_getattr,
        hasattr=attributes.guarded_hasattr,
        setattr=attributes.guarded_setattr,
        delattr=attributes.guarded_delattr,
        input=_input,
        exit=_exit,
        quit=_exit,
        eval=dynamic.eval(),
        exec=dynamic.exec(),
        type=TYPE,
        __import__=importer,
        __name__="builtins",
    )
    if open_ is not None:
        made["open"] = open_
    made[MARK] = True
    made.update(tools)
    dynamic.builtins = made
    HOME.enter(namespace, made)
    return made


def _looking(namespace: dict[str, Any]) -> dict[str, object]:
    """globals, locals, vars and dir, of whichever of the action's frames calls them."""

    def globals() -> Names:
        frame = caller()
        return Names(namespace if frame is None else frame.f_globals)

    def locals() -> Any:
        frame = caller()
        return Names(namespace) if frame is None else local_names(frame)

    def vars(*obj: Any) -> Any:
        if not obj:
            frame = caller()
            return Names(namespace) if frame is None else local_names(frame)
        try:
            return attributes.attributes_of(*obj)
        except AttributeError:
            raise TypeError("vars() argument must have __dict__ attribute") from None

    def dir(*obj: Any) -> list[str]:
        if not obj:
            frame = caller()
            return sorted(Names(namespace) if frame is None else local_names(frame))
        return attributes.names_of(*obj)

    return {"globals": globals, "locals": locals, "vars": vars, "dir": dir}


_UNAVAILABLE = {
    "open": "This policy gives no workspace; keep data in variables.",
    "help": "Use print(f.__doc__).",
    "breakpoint": "Use print() to look at values.",
    "compile": "Pass the text itself to eval() or exec().",
    "copyright": "",
    "credits": "",
    "license": "",
}


def _unavailable(name: str, hint: str) -> Callable[..., NoReturn]:
    def unavailable(*args: Any, **kwargs: Any) -> NoReturn:
        raise refusal(g301_unavailable_builtin.RULE, f"{name}() is not available.", hint)

    unavailable.__name__ = unavailable.__qualname__ = name
    return unavailable


def _input(prompt: object = "", /) -> NoReturn:
    """CPython's own exception for a standard input that has ended, with the way out."""
    raise EOFError(
        "input() has nobody to ask here: assign the value in the code, e.g. `n = 5` instead of `n = int(input())`"
    )


def _exit(code: object = None) -> NoReturn:
    raise SystemExit(code)
