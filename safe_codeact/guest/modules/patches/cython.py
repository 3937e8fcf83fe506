"""Functions compiled by Cython: they carry their globals and code under public names.

Threat: `np.random.default_rng.func_globals["__builtins__"]`. Python 2's names for what `__globals__` and `__code__` are
today, on every function of every Cython module (numpy, pandas, scipy, scikit-learn).
What doesn't work: `del` on the type, which is immutable; the gate's table of names alone, as one name may be forgotten.
What we do: take the descriptors out of the type's own dictionary, in the zygote, before anything has looked them up.
"""

from __future__ import annotations

import sys

from safe_codeact.guest.modules.patches.doors import forget_looked_up, type_contents

NAMES = ("func_globals", "func_code", "func_closure", "func_dict", "func_defaults")


def patch() -> None:
    """Every version of Cython shares its function types through a module `_cython_<version>`."""
    for name, module in list(sys.modules.items()):
        if name.startswith("_cython_"):
            for kind in list(vars(module).values()):
                if isinstance(kind, type):
                    for each in NAMES:
                        type_contents(kind).pop(each, None)
    forget_looked_up()
