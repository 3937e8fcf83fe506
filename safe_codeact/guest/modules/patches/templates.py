"""seaborn and networkx: templates of the action's that the library formats with `str.format`.

Threat: `grid.set_titles("{col_name.method.__globals__}")` writes into a title what no action may read; the gate guards
the action's own calls of `format`, and this one is the library's.
What we do: judge the fields of the template before the library gets it, as those of a log format.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

from safe_codeact.guest.modules.attributes import judged_template

_WRAPPERS = ("figure_wrapper", "document_wrapper", "subfigure_wrapper")


def patch_facets() -> None:
    """`FacetGrid.set_titles` joins and formats up to three templates."""
    grid: Any = sys.modules["seaborn.axisgrid"].FacetGrid
    original = grid.set_titles

    @functools.wraps(original)
    def set_titles(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(original).bind(self, *args, **kwargs)
        for name, value in bound.arguments.items():
            if isinstance(value, str):
                bound.arguments[name] = judged_template(value)
        return original(*bound.args, **bound.kwargs)

    grid.set_titles = set_titles


def patch_latex() -> None:
    """`nx.to_latex` wraps its pictures into templates."""
    module: Any = sys.modules["networkx.drawing.nx_latex"]
    original = module.to_latex

    @functools.wraps(original)
    def to_latex(*args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(original).bind(*args, **kwargs)
        for name in _WRAPPERS:
            if name in bound.arguments:
                bound.arguments[name] = judged_template(bound.arguments[name])
        return original(*bound.args, **bound.kwargs)

    for holder in ("networkx", "networkx.drawing", "networkx.drawing.nx_latex"):
        sys.modules[holder].to_latex = to_latex  # type: ignore[attr-defined]
