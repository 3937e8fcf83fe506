"""What the zygote imports before the first fork, and warms up once for all its workers.

A worker can map no executable memory, so an extension that is loaded at first use would fail in there; and what a library
works out at first use is worked out once. Both are data, per package, with the first use that asks for them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import random
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from safe_codeact.policy.effective import Policy

# Allowed module → what its functions import when they are first called.
LAZY: dict[str, tuple[str, ...]] = {
    "datetime": ("_strptime", "_datetime"),
    "time": ("_strptime",),
    "zoneinfo": ("zoneinfo._tzpath", "zoneinfo._common", "importlib.resources", "tzdata"),
    "decimal": ("_decimal",),
    "json": ("_json",),
    "asyncio": ("asyncio.base_events", "asyncio.runners", "concurrent.futures", "concurrent.futures.thread"),
    "numpy": (
        "numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial", "numpy.ma", "numpy.testing", "numpy.dtypes",
        "numpy.exceptions", "numpy.rec", "numpy.char", "numpy.strings", "numpy.lib.stride_tricks",
    ),
    "pandas": (
        "pandas.io.formats.format", "pandas.io.formats.style", "pandas.io.formats.string", "pandas.io.formats.html",
        "pandas.io.formats.csvs", "pandas.io.formats.info", "pandas.io.json", "pandas.io.parsers",
        "pandas.io.parsers.c_parser_wrapper", "pandas.io.parsers.python_parser", "pandas.plotting",
        "pandas.plotting._matplotlib", "pandas.core.computation.eval", "pandas.core.computation.expressions",
        "pandas.core.reshape.pivot", "pandas.core.reshape.merge", "pandas.core.window", "pandas.core.resample",
        "pandas.tseries.frequencies", "pandas.tseries.holiday", "pandas.api.types", "pandas.api.indexers", "pytz",
        "dateutil.parser", "dateutil.tz", "dateutil.relativedelta", "dateutil.rrule",
    ),
    "matplotlib": (
        "matplotlib.backends.backend_agg", "matplotlib.pyplot", "matplotlib.dates", "matplotlib.ticker",
        "matplotlib.projections.polar", "matplotlib.mathtext", "mpl_toolkits.mplot3d", "PIL.Image",
        "PIL.PngImagePlugin", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_pdf",
        "matplotlib.colorbar", "matplotlib.table", "matplotlib.sankey", "matplotlib.tri",
    ),
    "sympy": ("sympy.printing.str", "sympy.parsing.sympy_parser", "sympy.utilities.lambdify", "mpmath"),
    "scipy": ("scipy.stats", "scipy.optimize", "scipy.integrate", "scipy.interpolate", "scipy.linalg", "scipy.special",
              "scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.fft", "scipy.ndimage", "scipy.cluster"),
}  # fmt: skip

# What any action may reach through the interpreter itself.
ALWAYS = (
    "_strptime", "encodings.idna", "encodings.latin_1", "encodings.ascii", "encodings.utf_16", "encodings.utf_32",
    "encodings.cp1252", "encodings.utf_8_sig", "encodings.unicode_escape", "encodings.punycode", "unicodedata", "stringprep",
    "_bisect", "_heapq", "_random", "_statistics", "_struct", "array", "zlib", "bz2", "lzma", "binascii", "select",
    "traceback", "linecache", "tokenize", "textwrap", "difflib", "asyncio", "locale", "pprint", "mmap", "resource",
)  # fmt: skip


def preload_names(policy: Policy) -> tuple[str, ...]:
    """Every module that the zygote tries to import for this policy, in order, each once."""
    names = list(ALWAYS)
    for rule in policy.language.imports:
        names.append(rule.module)
        names += LAZY.get(rule.module, ())
    if not policy.language.restricted:
        names += _standard_library()
    return tuple(dict.fromkeys(names))


def _standard_library() -> list[str]:
    """Importing is allowed where nothing is restricted: every extension, and what people import from the library."""
    folder = Path(sysconfig.get_path("platstdlib")) / "lib-dynload"
    extensions = [file.name.split(".")[0] for file in sorted(folder.glob("*.so"))]
    skipped = (
        "_test",
        "_xxtest",
        "xx",
        "_tkinter",
        "_ctypes_test",
        "nis",
        "_curses",
        "readline",
        "ossaudiodev",
        "spwd",
    )
    plain = (
        "ctypes", "ctypes.util", "socket", "ssl", "mmap", "fcntl", "resource", "threading", "subprocess", "multiprocessing",
        "signal", "sqlite3", "hashlib", "http.client", "urllib.request", "pickle", "shutil", "tempfile", "pathlib", "os",
        "math", "statistics", "decimal", "fractions", "json", "csv", "re", "random", "datetime", "collections", "uuid",
        "concurrent.futures", "queue", "inspect", "logging", "typing", "dataclasses", "enum", "zipfile", "tarfile",
    )  # fmt: skip
    return [name for name in extensions if not name.startswith(skipped)] + list(plain)


def warm(policy: Policy) -> None:
    """Do the first use of each library once. A package that is not there, or fails, is left alone."""
    names = {rule.module for rule in policy.language.imports}
    for module, first_use in _FIRST_USES.items():
        if module in names and module.partition(".")[0] in sys.modules:
            with contextlib.suppress(Exception):
                first_use()
    time.tzset()
    gc.collect()


def _use_datetime() -> None:
    import datetime  # warmed only where the policy allows it

    datetime.datetime.strptime("2024-01-31 10:00", "%Y-%m-%d %H:%M")


def _use_random() -> None:
    random.seed(0)


def _use_pandas() -> None:
    import io

    import pandas  # warmed only where the policy allows it, and it is installed

    frame = pandas.read_csv(io.StringIO("day,kind,value\n2024-01-01,a,1\n2024-02-01,b,2.5\n"), parse_dates=["day"])
    repr(frame), frame.describe(), frame.dtypes, frame.to_csv()
    frame.info(buf=io.StringIO())
    frame.groupby("kind")["value"].sum(), frame.pivot_table(index="kind", values="value")
    frame.set_index("day").resample("ME")["value"].sum(), frame.merge(frame, on="kind"), frame.sort_values("value")


def _use_pyplot() -> None:
    import io

    from matplotlib import pyplot  # warmed only where the policy allows it, and it is installed

    figure, axes = pyplot.subplots()
    axes.plot([1, 2], [3, 4], label="a")
    axes.bar([1, 2], [3, 4])
    axes.set_title("t")
    axes.legend()
    figure.tight_layout()
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close("all")


def _use_sympy() -> None:
    import sympy  # warmed only where the policy allows it, and it is installed

    x = sympy.Symbol("x")
    repr(sympy.solve(x**2 - 2, x)), sympy.simplify("x + x"), sympy.lambdify(x, x + 1)(1)


_FIRST_USES: dict[str, Callable[[], None]] = {
    "datetime": _use_datetime,
    "random": _use_random,
    "pandas": _use_pandas,
    "matplotlib.pyplot": _use_pyplot,
    "sympy": _use_sympy,
}


def load(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Import what the policy needs; the names that could be imported, and those that are not installed here."""
    loaded, missing = [], []
    for name in preload_names(policy):
        try:
            importlib.import_module(name)
        except Exception:  # a package whose own import fails is as good as missing; the action is told
            missing.append(name)
        else:
            loaded.append(name)
    return tuple(loaded), tuple(missing)
