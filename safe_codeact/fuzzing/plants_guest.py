"""Holes inside a worker: guards, stand-ins of modules, the audit hook, the lockdown."""

from __future__ import annotations

import builtins
import importlib
import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any

from safe_codeact.fuzzing.holes import Hole, exchange


def _builtin_is_cpythons(*names: str) -> None:
    """The guarded builtin is CPython's own."""
    from safe_codeact.guest import guards
    from safe_codeact.guest.interpreters import dispatch

    made = guards.guarded_builtins

    def guarded_builtins(*args: Any, **kwargs: Any) -> dict[str, object]:
        found = made(*args, **kwargs)
        found.update({name: getattr(builtins, name) for name in names})
        return found

    exchange(guards, "guarded_builtins", guarded_builtins)
    exchange(dispatch, "guarded_builtins", guarded_builtins)


def _formats_unjudged() -> None:
    from safe_codeact.gate import guard_calls
    from safe_codeact.guest import guards
    from safe_codeact.guest.guards import attributes

    guards._GUARDS[guard_calls.FORMAT] = lambda obj, /, *args, **kwargs: obj.format(*args, **kwargs)
    attributes.READERS["format"] = attributes.READERS["format_map"] = getattr


def _hooks_unjudged() -> None:
    from safe_codeact.guest.guards import attributes

    for name in ("__getattribute__", "__getattr__"):
        attributes.READERS[name] = getattr


def _class_dict_unjudged() -> None:
    from safe_codeact.guest.guards import classes

    exchange(classes, "judged_namespace", lambda namespace: namespace)
    exchange(classes, "_settle", lambda made: None)


def _match_args_unjudged() -> None:
    from safe_codeact.gate import guard_calls
    from safe_codeact.guest import guards
    from safe_codeact.guest.guards import classes

    guards._GUARDS[guard_calls.MATCH_ARGS] = lambda value: value
    exchange(classes, "match_args", lambda value: value)
    exchange(classes, "_settle", lambda made: None)
    exchange(classes, "judged_namespace", lambda namespace: namespace)


def _stand_in_with(module: str, name: str, value: Callable[[], Any]) -> None:
    """The stand-in of a module has one name more, or another one than it should."""
    from safe_codeact.guest.modules import importer

    find = importer.Modules.find

    def leaky(self: Any, asked: str) -> Any:
        found = find(self, asked)
        if asked == module:
            vars(found)[name] = value()
        return found

    exchange(importer.Modules, "find", leaky)


def _whole_module_for_a_stand_in() -> None:
    from safe_codeact.guest.modules import importer

    find = importer.Modules.find
    exchange(
        importer.Modules,
        "find",
        lambda self, name: importlib.import_module(name) if name == "copy" else find(self, name),
    )


def _audit_hook_deaf() -> None:
    from safe_codeact.guest import audit

    exchange(audit, "make_hook", lambda given, workspace: lambda event, args: None)


def _without_step(*names: str) -> None:
    from safe_codeact.guest import lockdown

    def nothing(_prepared: Any, _post: Any) -> None:
        return None

    exchange(lockdown, "STEPS", tuple(nothing if step.__name__ in names else step for step in lockdown.STEPS))


def _landlock_opens(path: str, writable: bool) -> None:
    """One rule more."""
    from safe_codeact.guest import zygote
    from safe_codeact.kernel import landlock

    rules = zygote._rules
    exchange(zygote, "_rules", lambda plan, files: [*rules(plan, files), landlock.open_rule(path, writable=writable)])


HOLES: tuple[Hole, ...] = (
    Hole(name="getattr is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("getattr"), sample=True),
    Hole(name="eval and exec are CPython's own", target="gate", make=lambda: _builtin_is_cpythons("eval", "exec")),
    Hole(name="vars is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("vars")),
    Hole(name="setattr is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("setattr")),
    Hole(name="`type` is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("type")),
    Hole(name="globals() is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("globals")),
    Hole(name="formats are not judged", target="gate", make=_formats_unjudged),
    Hole(name="`__getattribute__` as a value is not judged", target="gate", make=_hooks_unjudged),
    Hole(name="the dictionary of a class is not judged", target="gate", make=_class_dict_unjudged),
    Hole(name="operator.attrgetter is CPython's own", target="gate", make=lambda: _stand_in_with("operator", "attrgetter", lambda: operator.attrgetter)),
    Hole(name="a stand-in leaks a module", target="gate", make=lambda: _stand_in_with("random", "helper", lambda: sys), sample=True),
    Hole(name="a module instead of its stand-in", target="gate", make=_whole_module_for_a_stand_in),
    Hole(name="inspect.signature tells defaults", target="gate", make=lambda: _stand_in_with("inspect", "signature", lambda: inspect.signature)),
    Hole(name="Landlock is not installed", target="kernel", policy="analysis", make=lambda: _without_step("step_landlock")),
    Hole(name="Landlock lets everything be read", target="kernel", make=lambda: _landlock_opens("/", False), sample=True),
    Hole(name="Landlock lets /tmp be written", target="kernel", policy="analysis", make=lambda: _landlock_opens("/tmp", True)),  # noqa: S108
)  # fmt: skip
