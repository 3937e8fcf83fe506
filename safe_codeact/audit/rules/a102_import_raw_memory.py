"""A102 import-raw-memory: an import that reads and writes memory.

What        A line for a module that calls C functions, makes arrays past their memory, or compiles machine code.
Why         Whoever writes memory owns the interpreter: gate, guards and stand-ins are objects in that memory.
Example     - {module: ctypes, why: "struct layouts"}
Better      - {module: struct, why: "unpacking binary records"}
References  CWE-119, CWE-125, CWE-787
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A102", "import-raw-memory", Severity.CRITICAL, Confidence.HIGH, imports_that(Effect.MEMORY))
