"""scikit-learn and joblib: methods and attributes named by text, templates of column names, and a cache that is pickles.

Threat: `make_scorer(f, response_method=["__getattribute__"])` hands any attribute of a model to `f`;
`SelectFromModel(model, importance_getter="fit.__func__.__globals__")`; `Pipeline(steps, memory="folder")` loads pickles
from a folder that the action can write to.
What we do: judge the names as if the action had written them; let a cache keep nothing, which changes no result.
"""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.guest.guards import attrgetter
from safe_codeact.guest.modules.attributes import format_text, library_name


def patch_responses() -> None:
    """The one place that looks up `predict`, `predict_proba` ... by the name that a scorer was given."""
    original: Any = sys.modules["sklearn.utils.validation"]._check_response_method  # type: ignore[attr-defined]

    def _check_response_method(estimator: Any, response_method: Any) -> Any:
        names = [response_method] if isinstance(response_method, str) else list(response_method)
        return original(estimator, [library_name(name, "the response method") for name in names])

    for name, module in list(sys.modules.items()):
        contents = getattr(module, "__dict__", {})
        if name.startswith("sklearn.") and contents.get("_check_response_method") is original:
            contents["_check_response_method"] = _check_response_method


def patch_importances() -> None:
    sys.modules["sklearn.feature_selection._base"].attrgetter = attrgetter  # type: ignore[attr-defined]


def patch_columns() -> None:
    """`ColumnTransformer(verbose_feature_names_out="{feature_name}__{transformer_name}")`."""

    def with_format(transformer_name: str, feature_name: str, str_format: str) -> str:
        return format_text(str_format, transformer_name=transformer_name, feature_name=feature_name)

    sys.modules["sklearn.compose._column_transformer"]._feature_names_out_with_str_format = with_format  # type: ignore[attr-defined]


def patch_caches() -> None:
    """`joblib.Memory(folder)`: what is stored there is read back as a pickle."""
    memory: Any = sys.modules["joblib.memory"].Memory
    original = memory.__init__

    def __init__(self: Any, location: Any = None, *args: Any, **kwargs: Any) -> None:
        original(self, None, *args, **kwargs)

    __init__.__doc__ = original.__doc__
    memory.__init__ = __init__
