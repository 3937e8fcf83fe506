"""Runs programs of several turns, each turn in a process of its own; started as a script by `namespace_sessions`.

Reads one JSON list of jobs from stdin, answers one JSON list. A job is `{"turns": [...], "kept": bool, "name": str}`:
with `kept` each turn is a forked process that restores the last snapshot, runs and saves; without, all turns run in one
process and one plain namespace, with the real builtins and modules.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
import types
import warnings
from typing import Any

from safe_codeact.guest.namespace import (
    Beside,
    DefaultKnown,
    FileSegment,
    Segments,
    Settings,
    restore,
    save,
    words_in,
)

# fmt: off
MODULES = (
    "abc", "array", "bisect", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math", "numbers", "operator",
    "random", "re", "statistics", "string", "textwrap", "time", "types", "typing", "uuid", "zoneinfo",
    "collections.abc", "numpy", "numpy.lib", "numpy.lib.stride_tricks", "numpy.random", "pandas", "matplotlib",
    "matplotlib.pyplot"
)
# fmt: on


_GUARDED: list[tuple[dict[str, Any], DefaultKnown]] = []
_SETTINGS: list[Settings] = []


class Facade:
    """What a guest sees of a module: its public names."""

    def __init__(self, module: types.ModuleType) -> None:
        for name in dir(module):
            if not name.startswith("_"):
                value = getattr(module, name)
                if not isinstance(value, types.ModuleType):
                    setattr(self, name, value)


def guarded_getattr(obj: object, name: str, *default: object) -> object:
    if name.startswith("_"):
        raise AttributeError(f"{name} is not for actions")
    return getattr(obj, name, *default)


def search(query: str) -> str:
    """Stands for a tool."""
    return f"found {query}"


def make_builtins(facades: dict[str, Any]) -> dict[str, Any]:
    """Stands for the worker's guarded builtins."""
    table = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}
    for name in ("open", "eval", "exec", "compile", "input", "breakpoint", "vars", "globals", "locals"):
        table.pop(name, None)

    def import_guard(name: str, scope: Any = None, names: Any = None, fromlist: Any = (), level: int = 0) -> object:
        if type(fromlist) is list:  # C code
            return builtins.__import__(name, None, None, fromlist)
        if name not in facades:
            raise ImportError(f"{name} is not allowed")
        return facades[name] if fromlist else facades[name.partition(".")[0]]

    table.update(
        {
            "__build_class__": builtins.__build_class__,
            "__import__": import_guard,
            "__name__": "builtins",
            "getattr": guarded_getattr,
            "#guard": guarded_getattr,
            "search": search,
        }
    )
    return table


def make_facades() -> dict[str, Any]:
    facades: dict[str, Any] = {name: Facade(importlib.import_module(name)) for name in MODULES}
    for name, facade in facades.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(facades[parent], child, facade)
    return facades


def make_session(name: str) -> tuple[dict[str, Any], DefaultKnown]:
    """Made once in the parent, as a zygote would; each fork has its own copy."""
    table, known = _GUARDED[0]
    return {"__builtins__": table, "__name__": name}, known


def prepare() -> None:
    for name in MODULES:
        importlib.import_module(name)
    facades = make_facades()
    table = make_builtins(facades)
    _SETTINGS.append(Settings())
    _GUARDED.append((table, DefaultKnown(builtins=table, modules=facades, tools={"search": search})))
    gc.collect()
    gc.freeze()


def run(source: str, namespace: dict[str, Any], index: int) -> None:
    """What the action raises is part of what the user sees: its type and message, not its traceback."""
    try:
        exec(compile(source, f"<turn {index}>", "exec", dont_inherit=True), namespace)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")


LOOKING_AROUND = {"globals", "locals", "vars", "dir", "eval", "exec", "get_type_hints", "query"}


def one_turn(source: str, index: int, name: str, path: str, answer: dict[str, Any]) -> None:
    """As a worker does it: from a row of files, whose names wait unless the source mentions them; to one file more."""
    namespace, known = make_session(name)
    beside = Beside(_SETTINGS[0])
    words = words_in(source)
    earlier = None
    row: list[str] = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            row = json.load(file)
        given = [FileSegment(os.open(each, os.O_RDONLY)) for each in row]
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
        looking = not words.isdisjoint(LOOKING_AROUND)
        earlier = restore(Segments(given, pagemap), namespace, known=known, words=None if looking else words)
        beside.restore(earlier.extras)
    run(source, namespace, index)
    new = f"{path}.{index}"
    remembered = {} if earlier is None else earlier.not_kept
    with open(new, "wb") as file:
        saved = save(
            namespace, known=known, out=file, limit_bytes=1 << 28, remembered=remembered, extras=beside.changed(),
            earlier=earlier,
        )  # fmt: skip
    with open(path, "w", encoding="utf-8") as file:
        json.dump([*(row[place] for place in saved.kept), new], file)
    answer["not_kept"] = saved.not_kept
    answer["remembered"] = remembered


def in_a_fork(work: Any, *arguments: Any) -> dict[str, Any]:
    """Runs `work(*arguments, answer)` in a forked process; what it prints and answers comes back through a file."""
    with tempfile.TemporaryFile("w+") as channel:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                sys.stdout = io.StringIO()
                answer: dict[str, Any] = {}
                try:
                    work(*arguments, answer)
                except BaseException:
                    answer["broken"] = traceback.format_exc()
                answer["stdout"] = sys.stdout.getvalue()
                json.dump(answer, channel)
                channel.flush()
                status = 0
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        channel.seek(0)
        return json.load(channel) if status == 0 else {"broken": f"the process ended with wait status {status}"}


def all_turns(turns: list[str], name: str, answer: dict[str, Any]) -> None:
    namespace: dict[str, Any] = {"__name__": name}
    vars(builtins)["search"] = search
    outputs = []
    for index, source in enumerate(turns):
        sys.stdout = io.StringIO()
        run(source, namespace, index)
        outputs.append(sys.stdout.getvalue())
    answer["outputs"] = outputs


def do(job: dict[str, Any]) -> Any:
    if not job["kept"]:
        return in_a_fork(all_turns, job["turns"], job["name"])
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "snapshot")
        results = []
        for index, source in enumerate(job["turns"]):
            results.append(in_a_fork(one_turn, source, index, job["name"], path))
        return results


if __name__ == "__main__":
    warnings.simplefilter("error")
    prepare()
    json.dump([do(job) for job in json.load(sys.stdin)], sys.stdout)
