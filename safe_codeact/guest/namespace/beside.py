"""What an action changes beside its names: random generators, libraries' settings, and pyplot's open figures.

In one long-lived interpreter `random.seed(1)` in one turn decides the numbers of the next, `pd.set_option` its output,
and `plt.title(...)` goes to the figure that an earlier turn began. All are saved as `extras` of a snapshot, only where
an action changed them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

from safe_codeact.guest.namespace.settings import Settings

_RANDOM = "random"
_NUMPY = "numpy.random"
FIGURES = "matplotlib.figures"


class Beside:
    """Made after the worker seeded its generators and before the snapshot is restored."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = random.getstate()
        self._numpy = _numpy_state()

    def restore(self, extras: Mapping[str, Any]) -> None:
        """Puts back what `Restored.extras` holds. Figures come back by themselves: pyplot registers them as they load.

        A state of the wrong form is left out: the generator then goes on with the worker's own seed.
        """
        self._settings.restore(extras)
        try:
            if _RANDOM in extras:
                random.setstate(extras[_RANDOM])
            generator = _numpy_generator()
            if _NUMPY in extras and generator is not None:
                generator.set_state(extras[_NUMPY])
        except (TypeError, ValueError, KeyError, IndexError, OverflowError):
            return

    def changed(self) -> dict[str, Any]:
        """What `save` is to be given as `extras`."""
        found = self._settings.changed()
        now = random.getstate()
        if now != self._random:
            found[_RANDOM] = now
        numbers = _numpy_state()
        if numbers is not None and not _same(numbers, self._numpy):
            found[_NUMPY] = numbers
        figures = _open_figures()
        if figures:
            found[FIGURES] = figures
        return found


def _numpy_generator() -> Any:
    loaded = sys.modules.get("numpy.random.mtrand")
    return None if loaded is None else loaded._rand


def _numpy_state() -> dict[str, Any] | None:
    generator = _numpy_generator()
    return None if generator is None else generator.get_state(legacy=False)


def _same(one: dict[str, Any], other: dict[str, Any] | None) -> bool:
    if other is None:
        return False
    rest = [{name: value for name, value in state.items() if name != "state"} for state in (one, other)]
    mine, theirs = one["state"], other["state"]
    return rest[0] == rest[1] and mine["pos"] == theirs["pos"] and bool((mine["key"] == theirs["key"]).all())


def _open_figures() -> list[Any]:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return [] if helpers is None else [manager.canvas.figure for manager in helpers.Gcf.figs.values()]
