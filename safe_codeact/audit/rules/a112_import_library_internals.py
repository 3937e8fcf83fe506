"""A112 import-library-internals: a package's inner parts.

What        A line for a submodule whose name says that it is for the package itself: core, internals, compat, tests,
            vendored code.
Why         Inner modules import os, sys and pickle under their own names, and hand them out as attributes; no release
            promises what they hold.
Example     - {module: pandas.io.common, why: "opening files"}
Better      - {module: pandas, why: "tables are the job"}
References  CWE-749
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.sweep import DOORS

_INNER_WORDS = (
    "core internals internal impl compat tests test testing_utils vendor vendored extern externals externs lib "
    "io conftest util utils common backends"
)
_INNER = frozenset(_INNER_WORDS.split())
# Packages whose module of such a name is public, and read.
_PUBLIC = frozenset({"sympy.core", "scipy.io", "sympy.utilities.iterables", "matplotlib.backends.backend_agg"})


def check(subject: Subject) -> Iterator[Found]:
    if not subject.policy.language.restricted:
        return
    for path, rule in subject.imports():
        inner = sorted(_INNER.intersection(rule.module.split(".")[1:]))
        if inner and rule.module not in _PUBLIC and rule.module not in DOORS:
            yield Found(
                path=(*path, "module"),
                message=f"{rule.module} is an inner part of its package ({inner[0]!r}): "
                "such modules hand out what they import themselves.",
            )


RULE = Rule("A112", "import-library-internals", Severity.MEDIUM, Confidence.MEDIUM, check)
