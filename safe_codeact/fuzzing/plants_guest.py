"""Holes inside a worker: guards, stand-ins of modules, the audit hook, the lockdown."""

from __future__ import annotations

import builtins
import contextlib
import operator
import sys
from collections.abc import Callable
from typing import Any

from safe_codeact.fuzzing.holes import Everything, Hole, exchange


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


def _stand_ins_with(modules: str, name: str, value: Callable[[], Any]) -> None:
    """The stand-ins of these modules have one name more, or another one than they should."""
    from safe_codeact.guest.modules import importer

    prepare = importer.Modules.__init__

    def prepared(self: Any, policy: Any) -> None:
        prepare(self, policy)
        for module in modules.split():
            vars(self.find(module))[name] = value()

    exchange(importer.Modules, "__init__", prepared)


def _workspace_is_imported() -> None:
    """A file of the workspace wins over the module that its name stands for."""
    from safe_codeact.guest.modules import importer

    find = importer.Modules.importer

    def leaky(self: Any, name: str, *more: Any, **named: Any) -> Any:
        with contextlib.suppress(OSError):
            exec(open(f"{name}.py").read(), {})  # noqa: S102, SIM115
        return find(self, name, *more, **named)

    exchange(importer.Modules, "importer", leaky)


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


def _formulas_call_any_method() -> None:
    from safe_codeact.gate import formulas
    from safe_codeact.guest.interpreters import expression

    exchange(formulas, "_ANY_METHOD", Everything())
    exchange(expression.Formula, "_method", lambda self, value, name: (getattr(type(value), name), value))


def _formulas_have_getattr() -> None:
    from safe_codeact.guest.interpreters import functions

    exchange(functions, "FUNCTIONS", {**functions.FUNCTIONS, "getattr": getattr})


HOLES: tuple[Hole, ...] = (
    Hole(name="formulas call any method", target="gate", policy="expression", make=_formulas_call_any_method),
    Hole(name="formulas have getattr", target="gate", policy="expression", make=_formulas_have_getattr),
    Hole(name="getattr is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("getattr"), sample=True),
    Hole(name="eval and exec are CPython's own", target="gate", make=lambda: _builtin_is_cpythons("eval", "exec"), sample=True),
    Hole(name="vars is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("vars")),
    Hole(name="setattr is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("setattr")),
    Hole(name="`type` is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("type")),
    Hole(name="globals() is CPython's own", target="gate", make=lambda: _builtin_is_cpythons("globals")),
    Hole(name="formats are not judged", target="gate", make=_formats_unjudged),
    Hole(name="`__getattribute__` as a value is not judged", target="gate", make=_hooks_unjudged),
    Hole(name="the dictionary of a class is not judged", target="gate", make=_class_dict_unjudged, sample=True),
    Hole(name="operator.attrgetter is CPython's own", target="gate", make=lambda: _stand_ins_with("operator", "attrgetter", lambda: operator.attrgetter)),
    Hole(name="a stand-in leaks a module", target="gate", make=lambda: _stand_ins_with("random json math re copy textwrap", "helper", lambda: sys)),
    Hole(name="a module of the workspace is imported", target="combined", policy="analysis", make=_workspace_is_imported),
    Hole(name="the audit hook is deaf", target="gate", policy="analysis", make=_audit_hook_deaf),
    Hole(name="Landlock is not installed", target="kernel", policy="analysis", make=lambda: _without_step("step_landlock")),
    Hole(name="Landlock lets everything be read", target="kernel", make=lambda: _landlock_opens("/", False), sample=True),
    Hole(name="Landlock lets /tmp be written", target="kernel", policy="analysis", make=lambda: _landlock_opens("/tmp", True)),  # noqa: S108
)  # fmt: skip
