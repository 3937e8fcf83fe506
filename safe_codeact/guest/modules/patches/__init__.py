"""Changes to libraries, made once in the zygote: where a library evaluates, formats or looks up text that an action can write.

Threat: text is data to the gate and code to the library (`sympify("__import__('os')")`, `df.query("@x.__class__")`,
`df.apply("to_pickle", path=...)`, `plt.switch_backend("module://antigravity")`).
What doesn't work: hiding the functions that evaluate, because the most used ones do (`sympy.solve("x**2 - 2")`).
What we do: exchange the library's own evaluator for one that reads the text first (`expressions`), and close the doors
that cannot be read. One module per library; a patch that no longer finds what it changes fails the zygote's start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from safe_codeact.guest.modules.patches import (
    cython,
    matplotlib,
    numpy,
    pandas,
    protocols,
    scipy,
    standard,
    statsmodels,
    sympy,
)

# Loaded module → what is done to it where the language is restricted.
PATCHES: Mapping[str, Callable[[], None]] = {
    "builtins": protocols.patch,
    "dataclasses": standard.patch_dataclasses,
    "enum": standard.patch_enum,
    "formulaic.utils.stateful_transforms": statsmodels.patch_formulaic,
    "inspect": standard.patch_inspect,
    "logging": standard.patch_logging,
    "matplotlib": matplotlib.patch,
    "mpmath": sympy.patch_mpmath,
    "numpy": numpy.patch,
    "pandas": pandas.patch,
    "pandas.core.accessor": protocols.patch_accessors,
    "patsy.eval": statsmodels.patch_patsy,
    "scipy": scipy.patch,
    "scipy.stats._distn_infrastructure": scipy.patch_distributions,
    "sklearn.base": protocols.patch_estimators,
    "statsmodels": statsmodels.patch,
    "statsmodels.base.model": statsmodels.patch_models,
    "string": standard.patch_string,
    "sympy": sympy.patch,
    "typing": standard.patch_typing,
}

# What a worker needs in any case: it has no sockets for an event loop, no screen for a chart, and no right to set a mode.
PATCHES_ALWAYS: Mapping[str, Callable[[], None]] = {
    "asyncio": standard.patch_asyncio,
    "matplotlib.pyplot": matplotlib.patch_pyplot,
    "shutil": standard.patch_shutil,
}

_DONE = "_safe_codeact_patched"


def apply_patches(*, restricted: bool) -> None:
    """Patch every library that is loaded. Doing it again changes nothing."""
    for name, patch in (*PATCHES_ALWAYS.items(), *(PATCHES.items() if restricted else ())):
        module = sys.modules.get(name)
        if module is not None and not hasattr(module, _DONE):
            patch()
            setattr(module, _DONE, True)
    if restricted:
        cython.patch()
        protocols.patch_answering()
