"""What an action sets in a library for the whole process: `pd.set_option`, `plt.rcParams`, `np.set_printoptions` and the like.

A notebook goes on with them in the next turn. Each setting that differs from what the zygote left is kept by itself, so
that one whose value can't be kept (an open file as a formatter) costs no other. They are put back through the
libraries' own setters, which check them: a snapshot can set what an action could have set, and nothing else.
"""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from safe_codeact.frozen import dataclass

_PLAIN = (type(None), bool, int, float, str)
_SEPARATOR = ":"
_DROPPED: Any = object()
_CONTEXT = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


@dataclass(frozen=True, slots=True)
class _Library:
    module: str
    read: Callable[[Any], Mapping[str, Any]]
    write: Callable[[Any, str, Any], None]
    keep: Callable[[str, Any], Any] = lambda _name, value: value  # what a snapshot holds in place of a value


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _pandas(pandas: Any) -> Mapping[str, Any]:
    return dict(_leaves(pandas._config.config._global_config))


def _matplotlib(matplotlib: Any) -> Mapping[str, Any]:
    return dict(dict.items(matplotlib.rcParams))  # beneath its own look-up, which would resolve the backend's name


def _keep_matplotlib(name: str, value: Any) -> Any:
    """A cycle of styles as what it was made of; no backend, whose name is resolved when it is read."""
    if name == "backend":
        return _DROPPED
    return value.by_key() if name == "axes.prop_cycle" else value


def _set_matplotlib(matplotlib: Any, name: str, value: Any) -> None:
    matplotlib.rcParams[name] = matplotlib.cycler(**value) if name == "axes.prop_cycle" else value


def _decimal(decimal: Any) -> Mapping[str, Any]:
    context = decimal.getcontext()
    return {name: getattr(context, name) for name in _CONTEXT}


def _warnings(_module: Any) -> Mapping[str, Any]:
    """The filters, their patterns as text; what is no pattern of ours to keep is left out."""
    return {
        "filters": [
            (action, _text(message), category, _text(module), line)
            for action, message, category, module, line in warnings.filters
        ]
    }


def _text(pattern: Any) -> str | None:
    return str(pattern.pattern) if isinstance(pattern, re.Pattern) else None


def _set_warnings(
    _module: Any, _name: str, filters: list[tuple[str, str | None, type[Warning], str | None, int]]
) -> None:
    warnings.resetwarnings()
    for action, message, category, module, line in reversed(filters):
        warnings.filterwarnings(action, message or "", category, module or "", line)  # type: ignore[arg-type]


_LIBRARIES = (
    _Library("pandas", _pandas, lambda pandas, name, value: pandas.set_option(name, value)),
    _Library("matplotlib", _matplotlib, _set_matplotlib, _keep_matplotlib),
    _Library(
        "numpy",
        lambda numpy: numpy.get_printoptions(),
        lambda numpy, name, value: numpy.set_printoptions(**{name: value}),
    ),
    _Library("decimal", _decimal, lambda decimal, name, value: setattr(decimal.getcontext(), name, value)),
    _Library(
        "mpmath",
        lambda mpmath: {"prec": mpmath.mp.prec},
        lambda mpmath, _name, value: setattr(mpmath.mp, "prec", value),
    ),
    _Library("warnings", _warnings, _set_warnings),
    _Library(
        "sys",
        lambda _sys: {"recursionlimit": sys.getrecursionlimit()},
        lambda _sys, _name, value: sys.setrecursionlimit(value),
    ),
)


class Settings:
    """The settings of a process as they are when this is made: in the zygote, once for all its workers."""

    def __init__(self) -> None:
        self._start = {library.module: dict(library.read(module)) for library, module in _loaded()}

    def changed(self) -> dict[str, Any]:
        """Settings that differ from the start, as "library:name" → value."""
        found: dict[str, Any] = {}
        for library, module in _loaded():
            start = self._start.get(library.module)
            if start is None:
                continue  # a library that this worker imported by itself: its start is not known
            with contextlib.suppress(
                Exception
            ):  # an action may have left a library in a state that it cannot read itself
                for name, value in library.read(module).items():
                    before = start.get(name)
                    if value is before or _same(value, before):  # most are the same object: that is fast
                        continue
                    kept = library.keep(name, value)
                    if kept is not _DROPPED:
                        found[f"{library.module}{_SEPARATOR}{name}"] = kept
        return found

    def restore(self, extras: Mapping[str, Any]) -> None:
        """Put back what `changed` returned in an earlier turn. What a library refuses stays at its start."""
        loaded = {library.module: (library, module) for library, module in _loaded()}
        with warnings.catch_warnings() if "warnings:filters" not in extras else contextlib.nullcontext():
            for key, value in extras.items():
                library, module = loaded.get(key.partition(_SEPARATOR)[0], (None, None))
                if library is not None and key.partition(_SEPARATOR)[2] in self._start.get(library.module, ()):
                    with contextlib.suppress(Exception):  # whatever a library raises for a value that it does not take
                        library.write(module, key.partition(_SEPARATOR)[2], value)


def _loaded() -> Iterator[tuple[_Library, Any]]:
    for library in _LIBRARIES:
        module = sys.modules.get(library.module)
        if module is not None:
            yield library, module


def _same(one: Any, other: Any) -> bool:
    """Equal, as far as that can be asked without running code of the action's: plain data all through.

    `other` is from before the action, so its type is a library's.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(other, _PLAIN):
        return bool(one == other)
    if isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(other, dict):
        same_names = all(type(name) is str for name in one) and one.keys() == other.keys()
        return same_names and all(_same(value, other[name]) for name, value in one.items())
    return False
