"""matplotlib: backends and hooks that are modules named by text, LaTeX, templates of labels, and where `show` goes.

Only Agg and the file formats that were loaded in the zygote exist. `pyplot.show` renders what is open and closes it, as
in a notebook; what an action leaves open is collected when it ends.
"""

from __future__ import annotations

import importlib
import io
import sys
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

from safe_codeact.guest.guards.refusal import ActionRefused
from safe_codeact.guest.modules.attributes import format_text
from safe_codeact.guest.modules.patches.doors import OnlyLoaded, close

_BACKENDS = "Charts are drawn by Agg and reach the user through plt.show() or plt.savefig('chart.png')."
_MODULES = (
    "matplotlib",
    "matplotlib.pyplot",
    "matplotlib.backend_bases",
    "matplotlib.backends.registry",
    "matplotlib.colors",
)
_MOST_FIGURES = 50  # per action; the host's limit on output comes before that for large ones


class Shown:
    """The figures of one action: handed over as they are shown, or kept until someone takes them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, bytes]] = []
        self.number = 0
        self.saved: weakref.WeakSet[Any] = weakref.WeakSet()
        self.on_show: Callable[[str, bytes], None] | None = None

    def show(self, figure: Any) -> None:
        data = _png(figure)
        self.number += 1
        name = f"figure-{self.number}.png"
        if self.on_show is not None:
            self.on_show(name, data)
        elif len(self.waiting) < _MOST_FIGURES:
            self.waiting.append((name, data))


# The process's one list, as there is one action per process: `pyplot` keeps its open figures in a module as well.
SHOWN = Shown()


def set_show(hook: Callable[[str, bytes], None] | None) -> None:
    """Where shown figures go, as a name and PNG bytes. Without a hook they wait for `collect_figures`."""
    SHOWN.on_show = hook


def collect_figures() -> list[tuple[str, bytes]]:
    """Shows what is still open, closes it, and returns the (name, PNG bytes) that no hook has taken."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        for number in pyplot.get_fignums():
            if pyplot.figure(number) in SHOWN.saved:
                pyplot.close(number)
        _show_open(pyplot)
    taken, SHOWN.waiting = SHOWN.waiting, []
    return taken


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def patch() -> None:
    close("matplotlib")
    _only_loaded()
    _patch_files()
    importlib.import_module("matplotlib.cbook")._auto_format_str = _auto_format  # type: ignore[attr-defined]


def _only_loaded() -> None:
    closed = OnlyLoaded(("matplotlib.backends.backend_", "matplotlib.", "mpl_toolkits."), _BACKENDS)
    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "importlib"):
            module.importlib = closed  # type: ignore[attr-defined]


def _patch_files() -> None:
    """Settings and styles from an address."""
    main = sys.modules["matplotlib"]
    original = main._open_file_or_url  # type: ignore[attr-defined]

    def open_file(fname: Any) -> Any:
        if isinstance(fname, str) and fname.startswith(("http://", "https://", "ftp://", "file:")):
            raise ActionRefused(f"{fname!r} is an address on a network, which an action does not have.")
        return original(fname)

    main._open_file_or_url = open_file  # type: ignore[attr-defined]


def patch_style() -> None:
    """`style.use("package.name")` imports the package to look for a style file in it."""

    def files(package: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named {package!r}")  # then the text is taken for a file's name

    closed = SimpleNamespace(files=files)
    for name in ("matplotlib.style", "matplotlib.style.core"):
        contents = getattr(sys.modules.get(name), "__dict__", {})
        if "importlib" in contents:
            contents["importlib"] = SimpleNamespace(resources=closed)
        if "importlib_resources" in contents:
            contents["importlib_resources"] = closed


def _auto_format(fmt: str, value: Any) -> str:
    """`cbook._auto_format_str`, with the fields of a template judged."""
    try:
        return fmt % (value,)
    except (TypeError, ValueError):
        return format_text(fmt, value)


def _show_open(pyplot: Any) -> None:
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if figure.axes or figure.texts or figure.images or figure.patches or figure.lines:
            SHOWN.show(figure)
    pyplot.close("all")


def patch_pyplot() -> None:
    """`plt.show()` and `fig.show()`; imports by name in pyplot, whose `figure.hooks` are such names."""
    pyplot: Any = sys.modules["matplotlib.pyplot"]

    def show(*args: Any, **kwargs: Any) -> None:
        """Show all open figures, and close them."""
        _show_open(pyplot)

    figures: Any = sys.modules["matplotlib.figure"].Figure
    draw = figures.savefig

    def savefig(self: Any, fname: Any, **kwargs: Any) -> Any:
        """Save the figure to a file of the workspace, or to a file object."""
        result = draw(self, fname, **kwargs)
        if not isinstance(fname, io.IOBase):
            SHOWN.saved.add(self)  # the file is an artifact already; it is not shown a second time at the end
        return result

    figures.savefig = savefig

    def show_one(self: Any, warn: bool = True) -> None:
        """Show this figure, and close it."""
        SHOWN.show(self)
        pyplot.close(self)

    show.__module__ = show_one.__module__ = "matplotlib.pyplot"
    pyplot.show = show
    sys.modules["matplotlib.figure"].Figure.show = show_one  # type: ignore[attr-defined]
