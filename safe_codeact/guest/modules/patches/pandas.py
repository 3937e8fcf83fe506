"""pandas: `eval` and `query`, methods named by text, pickles, databases, and modules named by options."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.guards import ActionRefused, guarded_getattr
from safe_codeact.guest.modules.attributes import action_names, format_text, library_name
from safe_codeact.guest.modules.patches.doors import OnlyLoaded, close, refusing_method
from safe_codeact.policy.knowledge import DENIED

_PICKLE = "loading a pickle runs code; keep the value in a variable, or use to_csv, to_json or to_parquet."
_DATABASE = "an action has no database; let a tool of the host query it."
_DESKTOP = "a worker has no desktop."
_REFUSED_METHODS = {
    "to_pickle": _PICKLE, "to_hdf": _PICKLE, "to_sql": _DATABASE, "to_gbq": _DATABASE, "to_iceberg": _DATABASE,
    "to_clipboard": _DESKTOP,
}  # fmt: skip
# Methods that take the name of a method as text, and call it.
_NAMING = ("agg", "aggregate", "apply", "transform", "filter")
_NUMPY_DOORS = frozenset(DENIED["numpy"]) | {
    "load",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "loadtxt",
    "genfromtxt",
    "fromregex",
}


def patch() -> None:
    close("pandas", pickles_in=frozenset({"pandas.io.pickle", "pandas.compat.pickle_compat"}))
    _refuse_methods()
    _judge_method_names()
    _judge_evaluation()
    plotting = importlib.import_module("pandas.plotting._core")
    plotting.importlib = OnlyLoaded(("pandas.plotting._matplotlib",), "Charts are drawn by matplotlib.")
    sys.modules["pandas.io.common"].urlopen = refusing_method(  # type: ignore[attr-defined]
        "reading from an address", "an action has no network; let a tool of the host fetch it and read the result."
    )
    _patch_styler()


def _refuse_methods() -> None:
    import pandas  # only called once it is loaded

    for name, reason in _REFUSED_METHODS.items():
        for cls in (pandas.DataFrame, pandas.Series):
            if hasattr(cls, name):
                setattr(cls, name, refusing_method(f"{cls.__name__}.{name}", reason))
    for name in ("read_pickle", "to_pickle"):
        setattr(sys.modules["pandas.io.pickle"], name, refusing_method(f"pandas.{name}", _PICKLE))


def judged_method(name: str) -> None:
    """Refuses the name of a method, given as text, that an action could not call by writing it."""
    if library_name(name, "the function") in _NUMPY_DOORS:  # pandas falls back to numpy's function of that name
        raise ActionRefused(f"{name!r} cannot be named by text. Call the function itself.")


def _judging(original: Callable[..., Any]) -> Callable[..., Any]:
    """The method, after its `func` was judged where that is text. Lists and dicts reach these methods again, one by one."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        func = args[0] if args else kwargs.get("func", kwargs.get("arg"))
        if isinstance(func, str):
            judged_method(func)
        return original(self, *args, **kwargs)

    method.__name__, method.__qualname__, method.__doc__ = original.__name__, original.__qualname__, original.__doc__
    method.__module__ = original.__module__
    method.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    return method


def _judge_method_names() -> None:
    groupby = importlib.import_module("pandas.core.groupby.generic")
    resample = importlib.import_module("pandas.core.resample")
    frame, series = sys.modules["pandas.core.frame"].DataFrame, sys.modules["pandas.core.series"].Series
    for cls in (frame, series, groupby.SeriesGroupBy, groupby.DataFrameGroupBy, resample.Resampler):
        for name in _NAMING:
            if name == "filter" and cls in (frame, series):
                continue  # selects labels
            original = getattr(cls, name, None)
            if original is not None:
                setattr(cls, name, _judging(original))
    apply = sys.modules["pandas.core.apply"]
    for cls in [each for each in vars(apply).values() if isinstance(each, type) and issubclass(each, apply.Apply)]:
        for name in ("_apply_str", "apply_str"):
            if name in vars(cls):
                setattr(cls, name, _judging_text(vars(cls)[name]))
    # Margins of a pivot table call the aggregate by its name.
    importlib.import_module("pandas.core.reshape.pivot").getattr = guarded_getattr  # type: ignore[attr-defined]


def patch_windows() -> None:
    """`rolling(3, win_type="triang")` calls what `scipy.signal.windows` has under that name."""
    window: Any = sys.modules["pandas.core.window.rolling"].Window
    original = window._validate

    def _validate(self: Any) -> None:
        if isinstance(self.win_type, str):
            self.win_type = library_name(self.win_type, "the window's type")
        original(self)

    window._validate = _validate


def _judging_text(original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        for text in (getattr(self, "func", None), *args[1:2]):
            if isinstance(text, str):
                judged_method(text)
        return original(self, *args, **kwargs)

    return method


def _judge_evaluation() -> None:
    """`pd.eval`, `df.eval`, `df.query`: public attributes only, and only the action's own names behind `@`."""
    evaluation = importlib.import_module("pandas.core.computation.eval")
    original = evaluation.eval

    def eval(expr: Any, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(original).bind(expr, *args, **kwargs)
        own_globals, own_locals = action_names()
        bound.arguments.setdefault("global_dict", None)
        bound.arguments.setdefault("local_dict", None)
        if bound.arguments["global_dict"] is None:
            bound.arguments["global_dict"] = own_globals
        if bound.arguments["local_dict"] is None:
            bound.arguments["local_dict"] = own_locals
        return original(*bound.args, **bound.kwargs)

    eval.__doc__ = original.__doc__
    eval.__module__ = original.__module__
    evaluation.eval = eval
    sys.modules["pandas"].eval = eval  # type: ignore[attr-defined]
    sys.modules["pandas.core.computation.api"].eval = eval  # type: ignore[attr-defined]
    visitor = sys.modules["pandas.core.computation.expr"].BaseExprVisitor
    visit = visitor.visit_Attribute

    def visit_Attribute(self: Any, node: Any, **kwargs: Any) -> Any:
        library_name(node.attr, "the expression's attribute")
        return visit(self, node, **kwargs)

    visitor.visit_Attribute = visit_Attribute


def _patch_styler() -> None:
    """`df.style` formats with templates of the action's, and renders with Jinja2 (where that is installed)."""
    render = sys.modules.get("pandas.io.formats.style_render")
    if render is None:
        return
    original = render._maybe_wrap_formatter

    def _maybe_wrap_formatter(formatter: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(formatter, str):
            template = str.__str__(formatter)
            return original(lambda value: format_text(template, value), *args, **kwargs)
        return original(formatter, *args, **kwargs)

    render._maybe_wrap_formatter = _maybe_wrap_formatter
    styler, base = sys.modules.get("pandas.io.formats.style"), render.StylerRenderer
    styler_class = getattr(styler, "Styler", None)
    for cls in filter(None, (styler_class, base)):
        for name in ("env", "loader"):
            if name in vars(cls):
                delattr(cls, name)
        for name, value in list(vars(cls).items()):
            if name.startswith("template_") and hasattr(value, "render"):
                setattr(cls, name, _Template(value))
    # An error inside a template is Jinja2's to embellish, for which it makes a code object: it is raised as it is.
    debug = importlib.import_module("jinja2.debug") if "jinja2" in sys.modules else None
    if debug is not None:
        debug.rewrite_traceback_stack = lambda source=None: sys.exception()  # type: ignore[attr-defined]
    if styler_class is not None:
        styler_class.from_custom_template = refusing_method(
            "Styler.from_custom_template", "a template is a program; build the text in the action."
        )


class _Template:
    """A Jinja2 template that can be rendered, and leads to nothing else of Jinja2."""

    def __init__(self, template: Any) -> None:
        self._template = template

    def render(self, *args: Any, **kwargs: Any) -> str:
        return self._template.render(*args, **kwargs)  # type: ignore[no-any-return]
