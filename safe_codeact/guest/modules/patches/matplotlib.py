"""matplotlib: plots are shown to the host, and nothing switches to a backend that a text names."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

_on_show: list[Callable[[bytes], None]] = []


def patch() -> None:
    """`plt.show()` hands every open figure over; backends stay what the zygote chose."""
    from matplotlib import pyplot  # only where the policy has it loaded

    def show(*_args: Any, **_kwargs: Any) -> None:
        """Show all open figures, and close them."""
        for _name, data in collect_figures():
            for hook in _on_show:
                hook(data)

    def switch_backend(newbackend: str) -> None:
        """Figures are drawn by Agg here; any other backend is ignored."""

    pyplot.show = show
    pyplot.switch_backend = switch_backend


def set_show(hook: Callable[[bytes], None]) -> None:
    """Where shown figures go: one hook per worker."""
    _on_show[:] = [hook]


def collect_figures() -> list[tuple[str, bytes]]:
    """Every open figure as PNG, in the order in which they were made; closes them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    found = []
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if figure.axes:
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png")
            found.append((f"figure-{number}.png", drawn.getvalue()))
    pyplot.close("all")
    return found
