"""Attributes that C code asks any object for, and believes: where its memory is.

Threat: `np.asarray(SimpleNamespace(**{"__array_interface__": {"data": (address, False), ...}}))` reads and writes any address.
The gate refuses to spell such a name, and a class may not define it; but libraries make attributes of data: keywords of a
namespace, entries of a log record, labels of a Series, `cached_property.__set_name__`, an accessor's name.
What doesn't work: finding all the places that set attributes by name. There are too many, and they look harmless.
What we do: give `object` itself a descriptor for each of these names that answers "there is none". A descriptor with
`__set__` on a class wins over an instance's dictionary, so an instance cannot say otherwise; a class that defines the name
(ndarray does) comes before `object`. Classes that answer through `__getattr__` are told not to, in `quiet`.
What still gets through: nothing by instance; a class-level definition is `guards.classes`' to refuse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from safe_codeact.gate.names import is_dunder
from safe_codeact.guest.guards.protocols import UNANSWERED
from safe_codeact.guest.modules.attributes import library_name
from safe_codeact.guest.modules.patches.doors import forget_looked_up, type_contents

# Library classes that look attributes up in their data.
_ANSWERING: Final = (
    ("pandas.core.generic", "NDFrame"),
    ("pandas.core.groupby.groupby", "GroupBy"),
    ("pandas.core.resample", "Resampler"),
    ("pandas.core.window.rolling", "BaseWindow"),
    ("scipy._lib._util", "_RichResult"),
    ("scipy.optimize._optimize", "OptimizeResult"),
    ("sklearn.utils._bunch", "Bunch"),
    ("statsmodels.tools.tools", "Bunch"),
    ("statsmodels.tsa.statespace.kalman_filter", "PredictionResults"),
)


class _NoSuchAttribute:
    """A descriptor that is never there, and cannot be overlaid."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        shown = type(instance).__name__ if instance is not None else getattr(owner, "__name__", "object")
        raise AttributeError(f"'{shown}' object has no attribute '{self._name}'")

    def __set__(self, instance: object, value: object) -> NoReturn:
        raise AttributeError(f"'{type(instance).__name__}' object has no attribute '{self._name}'")


def patch() -> None:
    """Once per process, in the zygote: before any class of an action exists, and before the names were looked up."""
    contents = type_contents(object)
    for name in UNANSWERED:
        contents[name] = _NoSuchAttribute(name)
    forget_looked_up()


def patch_answering() -> None:
    """Classes of loaded libraries that look attributes up in their data."""
    for module, name in _ANSWERING:
        kind: Any = getattr(sys.modules.get(module), name, None)
        original = vars(kind).get("__getattr__") if kind is not None else None
        if original is not None and original.__module__ != __name__:
            kind.__getattr__ = quiet(original)


def quiet(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """A `__getattr__` that is not asked about special names."""

    def __getattr__(self: Any, name: str) -> Any:
        if is_dunder(name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return original(self, name)

    return __getattr__


def patch_accessors() -> None:
    """`pd.api.extensions.register_series_accessor(name)` sets an attribute of a pandas class by its name."""
    module: Any = sys.modules["pandas.core.accessor"]
    original = module._register_accessor

    def _register_accessor(name: str, *args: Any) -> Any:
        return original(library_name(name, "the accessor"), *args)

    module._register_accessor = _register_accessor


def patch_estimators() -> None:
    """`estimator.set_params(**{"_name": value})` sets attributes by the names of its own parameters."""
    kind: Any = sys.modules["sklearn.base"].BaseEstimator
    original = kind.set_params

    def set_params(self: Any, **params: Any) -> Any:
        for name in params:
            library_name(name.partition("__")[0] or name, "the parameter")
        return original(self, **params)

    set_params.__doc__ = original.__doc__
    kind.set_params = set_params
