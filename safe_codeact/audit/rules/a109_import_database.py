"""A109 import-database: an import of a database driver.

What        A line for a module that opens databases, or for pandas' readers of them.
Why         A driver is native code and a language of its own, which the gate does not read: an extension that it loads
            is machine code.
Example     - {module: sqlite3, why: "queries over tables"}
Better      - {module: pandas, why: "queries over tables"}
References  CWE-89
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A109", "import-database", Severity.MEDIUM, Confidence.HIGH, imports_that(Effect.DATABASE))
