"""policies/SWEEP.md, written from these tables: `python -m safe_codeact.policy.sweep > policies/SWEEP.md`.

Threat: text is data to the gate and code to a library, which evaluates it, formats with it, or takes it for the name of an
attribute, a module or a file. What doesn't work: one rule for all, because each door is another function.
What we do: read each allowed package for these doors, and write down each one that its public names reach: what it does
with the text, what is done about it, where, and by which attempt of tests/escapes/modules that is shown.
What still gets through: doors of releases that nobody has read. Which ones were read is in `READ`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from typing import Final

from safe_codeact.frozen import dataclass


class Takes(Enum):
    """What a door does with the text."""

    CODE = "evaluates it"
    TEMPLATE = "formats with it"
    ATTRIBUTE = "an attribute's name"
    MODULE = "a module's name"
    FILE = "a file's name"


class Answer(Enum):
    """What is done about a door."""

    READ = "read first"  # the library's evaluator is exchanged for one that reads the text as the gate would
    JUDGED = "names judged"  # what the text names must be what an action may spell
    CLOSED = "closed"  # refused with a hint, or without its effect
    LIMITED = "only what is loaded"  # of the library's own modules
    OUTSIDE = "audit hook, kernel"  # the language side lets it go; the file is not to be opened


@dataclass(frozen=True, slots=True)
class Door:
    name: str
    takes: Takes
    answer: Answer
    by: str  # the module that does it, below safe_codeact/
    attempt: str  # its title in tests/escapes/modules


_CODE, _TEMPLATE, _ATTRIBUTE, _MODULE, _FILE = Takes
_READ, _JUDGED, _CLOSED, _LIMITED, _OUTSIDE = Answer
_PATCHES = "guest/modules/patches/"

# The releases whose sources were read.
READ: Final[Mapping[str, str]] = {
    "CPython": "3.11", "numpy": "2.4", "pandas": "3.1", "matplotlib": "3.11", "scipy": "1.17", "sympy": "1.14",
    "mpmath": "1.3", "scikit-learn": "1.9", "joblib": "1.6", "statsmodels": "0.15", "patsy": "1.0", "formulaic": "1.2",
    "networkx": "3.6", "seaborn": "0.13",
}  # fmt: skip

DOORS: Final[Mapping[str, tuple[Door, ...]]] = {
    "builtins": (
        Door("eval, exec, compile", _CODE, _READ, "guest/guards/dynamic.py", "eval of a text"),
        Door(
            "getattr, setattr, hasattr, delattr, vars",
            _ATTRIBUTE,
            _JUDGED,
            "guest/guards/attributes.py",
            "getattr of a text",
        ),
        Door("str.format", _TEMPLATE, _JUDGED, "guest/guards/formats.py", "a format string put together"),
        Door("str.format_map", _TEMPLATE, _JUDGED, "guest/guards/formats.py", "a format_map put together"),
    ),
    "ast": (Door("literal_eval", _CODE, _CLOSED, "guest/modules/curated/reflection.py", "a literal that is a tree"),),
    "dataclasses": (
        Door("make_dataclass(fields)", _ATTRIBUTE, _JUDGED, "guest/modules/attributes.py", "a field of make_dataclass"),
    ),
    "enum": (Door("Enum(name, members)", _ATTRIBUTE, _JUDGED, _PATCHES + "standard.py", "a member of an enumeration"),),
    "functools": (
        Door(
            "update_wrapper, wraps",
            _ATTRIBUTE,
            _JUDGED,
            "guest/modules/attributes.py",
            "attributes by update_wrapper",
        ),
        Door("reduce(getattr, names)", _ATTRIBUTE, _JUDGED, "guest/guards/attributes.py", "reduce over getattr"),
        Door(
            "cached_property.__set_name__",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "protocols.py",
            "the name of a cached property",
        ),
    ),
    "inspect": (Door("signature(eval_str=True)", _CODE, _READ, _PATCHES + "standard.py", "annotations evaluated"),),
    "logging": (
        Door("Formatter(style='{')", _TEMPLATE, _JUDGED, _PATCHES + "standard.py", "a log format's field"),
        Door("makeLogRecord, extra", _ATTRIBUTE, _JUDGED, _PATCHES + "protocols.py", "entries of a log record"),
    ),
    "operator": (
        Door("attrgetter", _ATTRIBUTE, _JUDGED, "guest/guards/library.py", "attrgetter"),
        Door("methodcaller", _ATTRIBUTE, _JUDGED, "guest/guards/library.py", "methodcaller"),
    ),
    "os": (Door("path.expandvars", _TEMPLATE, _CLOSED, "guest/modules/curated/operating.py", "environment expanded"),),
    "string": (Door("Formatter", _TEMPLATE, _JUDGED, "guest/guards/library.py", "a formatter's field"),),
    "timeit": (Door("timeit(text)", _CODE, _CLOSED, "guest/modules/curated/interpreter.py", "timeit's text"),),
    "types": (
        Door("SimpleNamespace(**names)", _ATTRIBUTE, _JUDGED, _PATCHES + "protocols.py", "keywords of a namespace"),
    ),
    "typing": (
        Door("get_type_hints, ForwardRef", _CODE, _READ, _PATCHES + "standard.py", "a forward reference"),
        Door("get_type_hints of 'type'", _CODE, _JUDGED, "guest/modules/attributes.py", "a hint that is text"),
    ),
    "numpy": (
        Door("load, save of objects", _CODE, _CLOSED, _PATCHES + "numpy.py", "numpy: a pickle in an array"),
        Door("genfromtxt, loadtxt", _FILE, _OUTSIDE, "guest/audit.py", "a path outside, read by numpy"),
    ),
    "pandas": (
        Door("eval", _CODE, _READ, _PATCHES + "pandas.py", "pandas: an attribute in eval"),
        Door("DataFrame.query, .eval", _CODE, _READ, _PATCHES + "pandas.py", "pandas: an attribute in a query"),
        Door("apply, transform", _ATTRIBUTE, _JUDGED, _PATCHES + "pandas.py", "pandas: a method by name"),
        Door("agg, pivot_table(aggfunc)", _ATTRIBUTE, _JUDGED, _PATCHES + "pandas.py", "pandas: an aggregate by name"),
        Door("rolling(win_type)", _ATTRIBUTE, _JUDGED, _PATCHES + "pandas.py", "pandas: a window by name"),
        Door("register_series_accessor", _ATTRIBUTE, _JUDGED, _PATCHES + "protocols.py", "a pandas accessor's name"),
        Door("Series labels", _ATTRIBUTE, _JUDGED, _PATCHES + "protocols.py", "labels of a Series"),
        Door("Styler.format, format_index", _TEMPLATE, _JUDGED, _PATCHES + "pandas.py", "pandas: a style's template"),
        Door("plot(backend), options", _MODULE, _LIMITED, _PATCHES + "pandas.py", "pandas: a plotting backend"),
        Door("read_csv and its kin", _FILE, _OUTSIDE, "guest/audit.py", "a path outside, read by pandas"),
        Door("tz='dateutil/...'", _FILE, _OUTSIDE, "guest/audit.py", "pandas: a time zone's file"),
    ),
    "matplotlib": (
        Door("StrMethodFormatter", _TEMPLATE, _JUDGED, "guest/guards/library.py", "matplotlib: a tick's template"),
        Door("bar_label(fmt)", _TEMPLATE, _JUDGED, _PATCHES + "matplotlib.py", "matplotlib: a bar's template"),
        Door("use, switch_backend", _MODULE, _LIMITED, _PATCHES + "matplotlib.py", "matplotlib: a backend's module"),
        Door("savefig(backend)", _MODULE, _LIMITED, _PATCHES + "matplotlib.py", "matplotlib: a file's backend"),
        Door("rcParams figure.hooks", _MODULE, _LIMITED, _PATCHES + "matplotlib.py", "matplotlib: a hook's module"),
        Door(
            "style.use('package.name')", _MODULE, _CLOSED, _PATCHES + "matplotlib.py", "matplotlib: a style's package"
        ),
        Door("savefig", _FILE, _OUTSIDE, "guest/audit.py", "a path outside, written by matplotlib"),
    ),
    "scipy": (
        Door("stats.rv_continuous(shapes)", _CODE, _READ, _PATCHES + "scipy.py", "shapes of a distribution"),
        Door(
            "stats.make_distribution",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "scipy.py",
            "scipy: parameters of a distribution",
        ),
        Door(
            "interpolate.Rbf(**names)", _ATTRIBUTE, _JUDGED, _PATCHES + "scipy.py", "scipy: keywords of an interpolator"
        ),
        Door(
            "optimize.OptimizeResult(names)",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "protocols.py",
            "keys of an optimisation result",
        ),
    ),
    "sympy": (
        Door("sympify and all that calls it", _CODE, _READ, _PATCHES + "sympy.py", "sympify"),
        Door("simplify, solve over text", _CODE, _READ, _PATCHES + "sympy.py", "solve over text"),
        Door(
            "parse_expr(transformations)",
            _CODE,
            _READ,
            _PATCHES + "sympy.py",
            "parse_expr with a transformation",
        ),
        Door("lambdify(expr)", _CODE, _READ, _PATCHES + "sympy.py", "lambdify a symbol of code"),
        Door("lambdify(args)", _CODE, _READ, _PATCHES + "sympy.py", "lambdify an argument of code"),
        Door("var", _ATTRIBUTE, _JUDGED, _PATCHES + "sympy.py", "sympy: names that var binds"),
        Door("Function(name, **names)", _ATTRIBUTE, _JUDGED, _PATCHES + "sympy.py", "sympy: keywords of a function"),
        Door("stats.sample(library)", _MODULE, _LIMITED, _PATCHES + "sympy.py", "sympy: a library to sample with"),
    ),
    "mpmath": (Door("identify(constants)", _CODE, _READ, _PATCHES + "sympy.py", "mpmath: a constant's text"),),
    "sklearn": (
        Door(
            "make_scorer(response_method)",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "sklearn.py",
            "sklearn: a scorer's method",
        ),
        Door(
            "importance_getter",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "sklearn.py",
            "sklearn: where importances are",
        ),
        Door(
            "verbose_feature_names_out",
            _TEMPLATE,
            _JUDGED,
            _PATCHES + "sklearn.py",
            "sklearn: a template of columns",
        ),
        Door("Pipeline(memory)", _CODE, _CLOSED, _PATCHES + "sklearn.py", "sklearn: a folder of pickles"),
    ),
    "statsmodels": (
        Door("formulas", _CODE, _READ, _PATCHES + "statsmodels.py", "statsmodels: a formula"),
        Door(
            "a model's keywords", _ATTRIBUTE, _JUDGED, _PATCHES + "statsmodels.py", "statsmodels: keywords of a model"
        ),
        Door(
            "plot_added_variable(resid_type)",
            _ATTRIBUTE,
            _JUDGED,
            _PATCHES + "statsmodels.py",
            "statsmodels: a kind of residuals",
        ),
    ),
    "networkx": (
        Door(
            "to_latex(figure_wrapper)",
            _TEMPLATE,
            _JUDGED,
            _PATCHES + "templates.py",
            "networkx: a template of pictures",
        ),
    ),
    "seaborn": (
        Door("FacetGrid.set_titles", _TEMPLATE, _JUDGED, _PATCHES + "templates.py", "seaborn: a title's template"),
        Door("barplot(estimator)", _ATTRIBUTE, _JUDGED, _PATCHES + "pandas.py", "seaborn: an estimator by name"),
    ),
}

# What was read beside the doors, or in a package without any, and why it needs nothing.
NOTHING: Final[Mapping[str, str]] = {
    "builtins": "The name of a text encoding is a module's, of `encodings` only. `%` formats with keys, never attributes.",
    "collections": "`namedtuple` evaluates text made of names that it checks as exact identifiers; none starts with `_`.",
    "contextlib, contextvars, copy, abc, weakref": "No argument is text that is looked up.",
    "csv, json, struct, array, base64, binascii, zlib": "Formats and dialects are keys of tables; callbacks are functions.",
    "datetime, calendar, time": "A format's letters are keys of a table; `strptime` escapes the rest.",
    "zoneinfo": "A key is a file's name below the zones; the module refuses `..` and what is absolute.",
    "decimal, fractions, numbers, statistics, math, cmath, random, secrets, colorsys": "Text is read as a number.",
    "difflib, textwrap, html, fnmatch, re, unicodedata, keyword, pprint": "Text stays text; `re` templates name groups.",
    "hashlib, hmac, uuid": "The name of a digest is looked up in OpenSSL's table.",
    "heapq, bisect, itertools, queue, graphlib, collections.abc": "No argument is text that is looked up.",
    "asyncio, traceback": "Their stand-ins take no text that is looked up.",
    "io, pathlib, glob, tempfile, shutil": "Text is a file's name, for the stand-ins of `guest/modules/curated` to judge.",
    "reprlib": "`Repr` prefixes the type's name with `repr_`.",
    "sys": "Its stand-in takes no text that is looked up.",
    "urllib.parse, ipaddress": "Text stays text.",
    "warnings": "Patterns and messages are text; a category is a class.",
    "numpy": "`matrix` and `.npy` headers take literals only; `bmat` takes whole names of the caller, and no attributes; types, "
    "einsum and vectorize signatures have grammars of their own.",
    "matplotlib": "`setp` and `getp` prefix `set_` and `get_`; cycles in rcParams are parsed without evaluation; `%` formats.",
    "mpl_toolkits": "Nothing beyond matplotlib's own.",
    "scipy": "Names of optimizers, windows and metrics are keys of tables; what is named as a distribution must have its methods.",
    "sympy": "Hints of `dsolve`, `expand` and `rewrite` are prefixed; modules of `lambdify` are keys of a table.",
    "mpmath": "Rules and solvers are keys of tables. `runtests` and `doctests` are denied.",
    "sklearn": "`set_params` takes the estimator's own parameters, judged; metrics and scorers are keys of tables.",
    "statsmodels": "Linear hypotheses are arithmetic of patsy's own parser; criteria and kinds are keys of tables.",
    "networkx": "Backends are the registered ones; GML values are literals.",
    "seaborn": "`heatmap(fmt=...)` is pasted into a field that has one argument, and cannot name another.",
}  # fmt: skip

_OPENING = """\
# Text as code: the sweep of the allowed packages

Text is data to the gate and code to a library that evaluates it, formats with it, or takes it for the name of an
attribute, a module or a file. Each package that the shipped policies allow was read for such doors; these are the ones that
its public names reach. Each is shown by the attempt of that title in `tests/escapes/modules`.

<!-- Written by `python -m safe_codeact.policy.sweep > policies/SWEEP.md`; a test keeps it in step. -->
"""


def render() -> str:
    """The whole file."""
    read = ", ".join(f"{name} {release}" for name, release in READ.items())
    rows = [_OPENING, f"\nRead: {read}.\n"]
    for package, doors in DOORS.items():
        rows.append(f"\n## {package}\n\n| door | takes text as | answer | by | attempt |\n|---|---|---|---|---|\n")
        rows += [f"| `{d.name}` | {d.takes.value} | {d.answer.value} | `{d.by}` | {d.attempt} |\n" for d in doors]
    rows.append("\n## Read, and nothing to do\n\n")
    rows += [f"* **{package}**: {why}\n" for package, why in NOTHING.items()]
    return "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(render())
