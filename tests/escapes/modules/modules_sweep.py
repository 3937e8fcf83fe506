"""Walks over public names, from everything that a policy lets an action import."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pickle
import subprocess
import sys
import types
import warnings
from collections import deque
from collections.abc import Iterator
from typing import Any

from safe_codeact.gate.names import Stance, reading
from safe_codeact.guest.modules import Modules

_DEPTH = 4
_MOST_ITEMS = 300  # of one container

_FORBIDDEN_KINDS = (types.CodeType, types.FrameType, types.TracebackType, types.CellType)


def _forbidden() -> dict[int, str]:
    """Objects that no action may hold, by identity."""
    found: dict[int, str] = {}
    for name in [
        "eval",
        "exec",
        "compile",
        "__import__",
        "open",
        "input",
        "breakpoint",
        "globals",
        "locals",
        "vars",
        "getattr",
        "setattr",
        "delattr",
    ]:
        found[id(getattr(builtins, name))] = f"builtins.{name}"
    for name in [
        "system",
        "popen",
        "fork",
        "execv",
        "execve",
        "posix_spawn",
        "kill",
        "open",
        "fdopen",
        "read",
        "write",
        "dup",
        "pipe",
        "remove",
        "unlink",
        "rmdir",
        "listdir",
    ]:
        found[id(getattr(os, name))] = f"os.{name}"
    for name in ["scandir", "stat", "rename", "environ", "putenv", "chdir", "walk"]:
        found[id(getattr(os, name))] = f"os.{name}"
    for name in ["_getframe", "settrace", "setprofile", "modules", "meta_path", "path_hooks", "addaudithook"]:
        found[id(getattr(sys, name))] = f"sys.{name}"
    for name in ["import_module", "reload"]:
        found[id(getattr(importlib, name))] = f"importlib.{name}"
    for name in ["load", "loads", "Unpickler", "dump", "dumps", "Pickler"]:
        found[id(getattr(pickle, name))] = f"pickle.{name}"
    for name in ["Popen", "run", "call", "check_output"]:
        found[id(getattr(subprocess, name))] = f"subprocess.{name}"
    found[id(io.FileIO)] = "io.FileIO"
    found[id(io.open_code)] = "io.open_code"
    for kind in (types.CodeType, types.FrameType, types.FunctionType, types.ModuleType, types.CellType):
        found[id(kind)] = f"types.{kind.__name__}"
    return found


def _public(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        yield from ((f"[{str(key)[:40]!r}]", value) for key, value in list(obj.items())[:_MOST_ITEMS])
    elif isinstance(obj, (list, tuple, set, frozenset, deque)):
        yield from ((f"[{index}]", value) for index, value in enumerate(list(obj)[:_MOST_ITEMS]))
    try:
        names = dir(obj)
    except Exception:
        return
    for name in names:
        if name.startswith("_") or reading(name) is not Stance.OPEN:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = getattr(obj, name)
        except BaseException:  # a property that needs more than the class has
            continue
        yield name, value


def leaks(modules: Modules, roots: dict[str, Any] | None = None) -> list[str]:
    """Paths by public names from any facade (or from `roots`) to something forbidden."""
    forbidden = _forbidden()
    seen: dict[int, Any] = {}
    found = []
    waiting = deque((name, facade, 0) for name, facade in (roots or modules._facades).items())
    while waiting:
        path, obj, depth = waiting.popleft()
        if id(obj) in seen and seen[id(obj)] is obj:
            continue
        seen[id(obj)] = obj
        if id(obj) in forbidden:
            found.append(f"{path} is {forbidden[id(obj)]}")
        elif isinstance(obj, types.ModuleType):
            if modules.name_of(obj) is None:
                found.append(f"{path} is the raw module {obj.__name__}")
                continue
        elif isinstance(obj, _FORBIDDEN_KINDS):
            found.append(f"{path} is a {type(obj).__name__}")
        elif getattr(type(obj), "__module__", "") in ("_ctypes", "ctypes") or (
            isinstance(obj, type) and obj.__module__ in ("_ctypes", "ctypes")
        ):
            found.append(f"{path} is from ctypes")
        if depth < _DEPTH and not isinstance(obj, (str, bytes, int, float, complex, range)):
            waiting.extend((f"{path}.{name}", value, depth + 1) for name, value in _public(obj))
    return found


def _live_objects(find: Any) -> dict[str, Any]:
    """What calls return: the objects that an action really holds."""
    np, pd, plt, sympy, stats = (find(n) for n in ("numpy", "pandas", "matplotlib.pyplot", "sympy", "scipy.stats"))
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}, index=pd.date_range("2024-01-01", periods=2))
    figure, axes = plt.subplots()
    (line,) = axes.plot([1, 2], label="l")
    text = axes.set_title("t")
    bars = axes.bar([1], [2])
    x = sympy.Symbol("x")
    logger = find("logging").getLogger("sweep")
    loop = find("asyncio").new_event_loop()
    loop.close()
    objects = {
        "frame": frame, "series": frame["a"], "index": frame.index, "groupby": frame.groupby("b"),
        "rolling": frame["a"].rolling(2), "resampler": frame["a"].resample("D"), "text": frame["b"].str, "dates": frame.index.to_series().dt,
        "plot": frame.plot, "iloc": frame.iloc, "options": pd.options, "array": np.arange(3), "dtype": np.dtype("f8"),
        "rng": np.random.default_rng(1), "polynomial": np.poly1d([1, 2]), "masked": np.ma.array([1, 2]),
        "figure": figure, "axes": axes, "line": line, "title": text, "bars": bars, "legend": axes.legend(), "canvas": figure.canvas,
        "cm": plt.cm.viridis, "rc": plt.rcParams, "expr": x**2 + 1, "matrix": sympy.Matrix([[1, x]]),
        "function": sympy.lambdify(x, x + 1), "poly": sympy.Poly(x**2, x), "frozen": stats.norm(0, 1), "result": stats.ttest_1samp([1, 2, 3], 1),
        "logger": logger, "loop": loop, "signature": find("inspect").signature(frame.head), "error": ValueError("x"),
        "match": find("re").match("a", "a"), "template": find("string").Template("$x"), "formatter": find("string").Formatter(),
        "path": find("pathlib").Path("x"), "timer": find("timeit").Timer(), "catch": find("warnings").catch_warnings(),
        "buffer": find("io").StringIO(), "wrapper": find("io").TextIOWrapper(find("io").BytesIO()), "zone": find("zoneinfo").ZoneInfo("UTC"),
        "uuid": find("uuid").uuid4(), "digest": find("hashlib").sha256(), "context": find("decimal").getcontext(),
        "random": find("random").Random(), "partial": find("functools").partial(max, 1), "stack": find("contextlib").ExitStack(),
        "queue": find("queue").Queue(), "sorter": find("graphlib").TopologicalSorter(), "decoder": find("json").JSONDecoder(),
    }  # fmt: skip
    plt.close("all")
    return objects


def sweep(modules: Modules) -> list[str]:
    """The leaks of one policy: from its facades and, where it allows pandas, from the objects that calls return."""
    found = leaks(modules)
    if modules.has("pandas"):
        found += leaks(modules, _live_objects(modules.facade))
    return found
