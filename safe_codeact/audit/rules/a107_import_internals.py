"""A107 import-internals: an import that hands out the interpreter's own objects.

What        A line for a module that reaches frames, code objects, loaded modules or every object of the worker,
            without the stand-in where there is one.
Why         A frame hands back the globals and builtins that the action was denied; `gc.get_objects` finds the guards
            themselves.
Example     - {module: gc, why: "freeing memory"}
Better      Leave it out: each action is a process of its own, and its memory goes with it.
References  CWE-749
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A107", "import-internals", Severity.HIGH, Confidence.HIGH, imports_that(Effect.INTERNALS))
