"""Holes in the gate: its tables of names, its rules, its bounds."""

from __future__ import annotations

from safe_codeact.fuzzing.holes import Hole, exchange


def _readable(*names: str) -> None:
    from safe_codeact.gate import names as table

    exchange(table, "_READABLE", table._READABLE | set(names))


def _frame_names_forgotten() -> None:
    from safe_codeact.gate import names as table
    from safe_codeact.guest.guards import attributes

    exchange(table, "FRAME_NAMES", table.FRAME_NAMES - {"gi_frame", "cr_frame", "f_globals", "tb_frame", "f_back"})
    exchange(attributes, "FRAME_NAMES", table.FRAME_NAMES)


def _mro_is_public() -> None:
    from safe_codeact.gate import names as table

    exchange(table, "INTERNAL_NAMES", frozenset())


def _private_is_open() -> None:
    from safe_codeact.gate import names as table

    exchange(table, "is_private", lambda name: False)


def _unguarded(*names: str) -> None:
    from safe_codeact.gate import names as table

    exchange(table, "GUARDED", table.GUARDED - set(names))
    exchange(table, "_READABLE", table._READABLE | set(names))


def _any_definition() -> None:
    from safe_codeact.gate import names as table
    from safe_codeact.gate.rules import g205_class_definition as rule

    exchange(table, "DEFINABLE", table.DEFINABLE | table.BELIEVED)
    exchange(rule, "DEFINABLE", table.DEFINABLE)
    exchange(table, "WRITABLE", table.WRITABLE | table.BELIEVED)


def _empty_imports_allow_all() -> None:
    from safe_codeact.gate import rule

    whole = rule._importable

    def importable(denied: tuple[str, ...]) -> object:
        return (
            whole(denied)
            if denied
            else ("subprocess", "ctypes", "os", "socket", "sys", "builtins", "numpy", "math", "json")
        )

    exchange(rule, "_importable", importable)


def _verdict_remembered_by_length() -> None:
    from safe_codeact.gate import check

    judged, seen = check._judge, {}

    def judge(source, policy, tools, mode):  # type: ignore[no-untyped-def]
        key = (len(source) % 512, policy.name)
        if key not in seen:
            seen[key] = judged(source, policy, tools, mode)
            return seen[key]
        return seen.pop(key)

    exchange(check, "_judge", judge)


def _depth_unbounded() -> None:
    from safe_codeact.gate import bounds, check

    exchange(check, "bounded", lambda source, situation: source)
    exchange(check, "handlers", lambda source, tree: 0)
    exchange(check, "parsed", lambda source, situation: bounds.ast.parse(source))


HOLES: tuple[Hole, ...] = (
    Hole(name="`__globals__` is readable", target="gate", make=lambda: _readable("__globals__"), sample=True),
    Hole(name="`__subclasses__` and `__base__` are readable", target="gate", make=lambda: _readable("__subclasses__", "__base__")),
    Hole(name="`__self__` of a builtin is readable", target="gate", make=lambda: _readable("__self__")),
    Hole(name="`__wrapped__`, `__func__` and `__code__` are readable", target="gate", make=lambda: _readable("__wrapped__", "__func__", "__code__")),
    Hole(name="frame attributes are forgotten", target="gate", make=_frame_names_forgotten),
    Hole(name="`mro` is a public name", target="gate", make=_mro_is_public),
    Hole(name="private names are compiled as they stand", target="gate", make=_private_is_open),
    Hole(name="`__dict__` is read without its guard", target="gate", make=lambda: _unguarded("__dict__")),
    Hole(name="`obj` of an AttributeError is read without its guard", target="gate", make=lambda: _unguarded("obj")),
    Hole(name="`__getattribute__` is read without its guard", target="gate", make=lambda: _unguarded("__getattribute__")),
    Hole(name="a class may define what C code believes", target="gate", make=_any_definition),
    Hole(name="an empty list of imports allows some", target="verdict", make=_empty_imports_allow_all),
    Hole(name="a verdict is remembered for the wrong source", target="verdict", make=_verdict_remembered_by_length),
    Hole(name="sources are parsed without bounds", target="verdict", make=_depth_unbounded),
)  # fmt: skip
