"""A101 import-runs-code: an import that runs code which no gate has read.

What        A line for a module that loads pickles, imports by name, compiles text or evaluates templates, and whose
            grant neither a stand-in nor a `deny` takes away.
Why         The gate reads the action, not what the action hands to such a module. From there on the kernel layer alone
            holds.
Example     - {module: joblib, why: "saving models"}
Better      - {module: json, why: "saving parameters as text"}
            Keep values in variables: the session keeps them between actions.
References  CWE-502, CWE-94
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A101", "import-runs-code", Severity.HIGH, Confidence.HIGH, imports_that(Effect.CODE))
