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
    sklearn,
    standard,
    statsmodels,
    sympy,
    templates,
)

# Loaded module → what is done to it where the language is restricted.
PATCHES: Mapping[str, Callable[[], None]] = {
    "builtins": protocols.patch,
    "dataclasses": standard.patch_dataclasses,
    "enum": standard.patch_enum,
    "formulaic.utils.stateful_transforms": statsmodels.patch_formulaic,
    "inspect": standard.patch_inspect,
    "joblib.memory": sklearn.patch_caches,
    "logging": standard.patch_logging,
    "matplotlib": matplotlib.patch,
    "matplotlib.style": matplotlib.patch_style,
    "mpmath": sympy.patch_mpmath,
    "networkx.drawing.nx_latex": templates.patch_latex,
    "numpy": numpy.patch,
    "pandas": pandas.patch,
    "pandas.core.accessor": protocols.patch_accessors,
    "pandas.core.window.rolling": pandas.patch_windows,
    "patsy.eval": statsmodels.patch_patsy,
    "scipy": scipy.patch,
    "scipy.interpolate._rbf": scipy.patch_interpolators,
    "scipy.stats._distn_infrastructure": scipy.patch_distributions,
    "scipy.stats._distribution_infrastructure": scipy.patch_parameters,
    "seaborn.axisgrid": templates.patch_facets,
    "sklearn.base": protocols.patch_estimators,
    "sklearn.compose._column_transformer": sklearn.patch_columns,
    "sklearn.feature_selection._base": sklearn.patch_importances,
    "sklearn.utils.validation": sklearn.patch_responses,
    "statsmodels": statsmodels.patch,
    "statsmodels.base.model": statsmodels.patch_models,
    "statsmodels.graphics.regressionplots": statsmodels.patch_plots,
    "string": standard.patch_string,
    "sympy": sympy.patch,
    "sympy.stats.rv": sympy.patch_sampling,
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
