"""Runs programs in a process of its own, each in a fork: as plain CPython does, or judged, guarded and with the real facades.

Used as a script: a JSON list of sources on standard input, "plain", "gated" or
"without-restrictedpython" as the argument, a JSON list of results out.
The kernel layer is imagined away.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import io
import json
import os
import resource
import subprocess
import sys
import types
from typing import Any

EQUIPMENT: Any = None
CANARY = "canary-" + "7f3a91"
MODULES = [
    "abc",
    "array",
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "cmath",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "graphlib",
    "hashlib",
    "heapq",
    "html",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "logging",
    "math",
    "numbers",
    "operator",
    "os",
    "os.path",
    "pprint",
    "queue",
    "random",
    "re",
    "statistics",
    "string",
    "struct",
    "sys",
    "textwrap",
    "time",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "vault",
    "weakref",
    "zlib",
    "numpy",
    "numpy.linalg",
    "numpy.random",
]

_VAULT = f"""
_SECRET = {CANARY!r}
import os as _os
class Box:
    def __init__(self, label="box"):
        self.label = label
        self._hidden = _SECRET
        self._os = _os
    def fail(self):
        return _os.nothing_of_that_name
    def later(self):
        yield 1
    def _internal(self):
        return _SECRET
    def greet(self):
        return "hello " + self._name()
    def _name(self):
        return self.label
    @property
    def size(self):
        return 3
def work(x=1, _os=_os):
    return x
async def job():
    return 1
def wrapped():
    return 1
def traced(function):
    import functools
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner
wrapped = traced(wrapped)
def call(function, *args):
    return function(*args)
def apply(function, value, depth=1):
    return function(value)
class Swallow:
    def __enter__(self):
        return self
    def __exit__(self, kind, error, trace):
        self.error = error
        return True
"""


# In bytes: in CPython 3.13.0, a function with *args may call itself until there is no memory left.
_ADDRESS_SPACE = 4 << 30
HEAVY = {"pandas": ("pandas",), "sympy": ("sympy", "scipy")}  # only where a source speaks of them
CURATED = {"asyncio", "contextlib", "io", "inspect", "logging", "os", "os.path", "sys", "time", "traceback", "types"}


def _vault() -> types.ModuleType:
    module = types.ModuleType("vault")
    sys.modules["vault"] = module
    exec(compile(_VAULT, "vault.py", "exec"), vars(module))
    return module


def _policy() -> Any:
    from safe_codeact.policy.effective import ImportRule, Language, Policy

    return Policy(language=Language(imports=tuple(ImportRule(module=name, facade=name in CURATED) for name in MODULES)))


def _equip() -> Any:
    """Once, before the forks: the libraries patched, the facades built."""
    from safe_codeact.guest import preload
    from safe_codeact.guest.modules import Modules

    if not set(MODULES).isdisjoint(HEAVY):
        preload.load(_policy())  # what they import late
    return Modules(_policy())


class _Ended(io.StringIO):
    """A standard input with nobody behind it."""


def _run_plain(source: str, names: dict[str, Any]) -> Any:
    tree = ast.parse(source)
    value = None
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<action>", "exec", dont_inherit=True), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<action>", "eval", dont_inherit=True), names)
    return value


def _run_gated(source: str, names: dict[str, Any]) -> Any:
    from safe_codeact.gate.check import judge
    from safe_codeact.guest.guards import guarded_builtins
    from safe_codeact.guest.interpreters.compiled import NOTHING, run

    policy = _policy()
    judgement = judge(source, policy, ())
    if not judgement.report.allowed:
        raise Refused(judgement.report)
    EQUIPMENT.enter_worker("", sys.stdout, sys.stderr)
    names["__builtins__"] = guarded_builtins(policy, EQUIPMENT.importer, namespace=names)
    value = run(judgement, names)
    return None if value is NOTHING else value


class Refused(Exception):
    """The gate said no."""

    def __init__(self, report: Any) -> None:
        super().__init__("; ".join(map(str, report.findings)))
        self.report = report


_DANGEROUS = (open, eval, exec, compile, getattr, setattr, vars, __import__, breakpoint, globals, delattr)
_KINDS = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.GetSetDescriptorType)


def is_loot(value: Any, depth: int = 3) -> bool:
    """Whether a value is something that an action must not hold."""
    if isinstance(value, str):
        return CANARY in value
    if EQUIPMENT is not None and EQUIPMENT.name_of(value) is not None:
        return False  # a facade
    if type(value) in _KINDS or value is type or any(value is item for item in _DANGEROUS):
        return True
    if isinstance(value, dict):
        return (
            "_SECRET" in value
            or "__builtins__" in value
            or (depth > 0 and any(is_loot(item, depth - 1) for item in list(value.values())))
        )
    if isinstance(value, types.MappingProxyType):
        return any(is_loot(item, depth - 1) for item in dict(value).values())
    if isinstance(value, (list, tuple, set)):
        return (
            object in value
            or sum(type(item) is type for item in value) > 20
            or (depth > 0 and any(is_loot(item, depth - 1) for item in value))
        )
    if isinstance(value, type):
        return "__array_interface__" in vars(value) or ("__reduce__" in vars(value) and value.__module__ == "__main__")
    return False


def run_one(source: str, mode: str) -> dict[str, Any]:
    """stdout, repr of the value, exception type and message, the codes of a refusal, and whether there is loot."""
    from safe_codeact.gate.names import plain_text

    names: dict[str, Any] = {"__name__": "__main__"}
    out, error, value, refused = io.StringIO(), None, None, []
    sys.stdin = _Ended()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            value = repr((_run_plain if mode == "plain" else _run_gated)(source, names))
        except Refused as refusal:
            refused = [finding.code for finding in refusal.report.findings]
            error = ["Refused", str(refusal)]
        except BaseException as problem:
            error = [type(problem).__name__, plain_text(str(problem))]
    printed = plain_text(out.getvalue())
    looted = dict.get(names, "loot")
    return {
        "stdout": printed,
        "value": None if value is None else plain_text(value),
        "error": error,
        "refused": refused,
        "loot": is_loot(looted) or CANARY in printed or CANARY in str(error),
    }


def _main() -> None:
    _vault()
    sources = json.load(sys.stdin)
    for name, modules in HEAVY.items():
        if any(name in source for source in sources):
            MODULES.extend(each for each in modules if importlib.util.find_spec(each))
    import asyncio  # noqa: F401  # loaded once, before the forks
    import dataclasses  # noqa: F401
    import typing  # noqa: F401

    import safe_codeact.gate.check
    import safe_codeact.guest.guards
    import safe_codeact.guest.interpreters.compiled  # noqa: F401

    if sys.argv[1] == "without-restrictedpython":
        _switch_restrictedpython_off()
    for name in MODULES:
        importlib.import_module(name)
    if sys.argv[1] != "plain":
        global EQUIPMENT
        EQUIPMENT = _equip()
    results = []
    for source in sources:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
            try:
                answer = json.dumps(run_one(source, sys.argv[1]))
            except BaseException as problem:
                answer = json.dumps(
                    {"stdout": "", "value": None, "error": ["Harness", repr(problem)], "refused": [], "loot": True}
                )
            with os.fdopen(write, "w") as pipe:
                pipe.write(answer)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        results.append(
            json.loads(text)
            if text
            else {"stdout": "", "value": None, "error": ["Died", ""], "refused": [], "loot": True}
        )
    json.dump(results, sys.stdout)


def _switch_restrictedpython_off() -> None:
    """Its methods, where the gate's walk uses them, are replaced by ones that decide nothing."""
    from RestrictedPython.transformer import RestrictingNodeTransformer

    from safe_codeact.gate import transform

    for kind, visitor in transform._VISITORS.items():
        if visitor in vars(RestrictingNodeTransformer).values():
            transform._VISITORS[kind] = transform.ActionTransformer.node_contents_visit


def run_all(sources: list[str], mode: str) -> list[dict[str, Any]]:
    """Every source in its own process, in one of the modes."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, mode],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    results: list[dict[str, Any]] = json.loads(finished.stdout)
    return results


if __name__ == "__main__":
    _main()
