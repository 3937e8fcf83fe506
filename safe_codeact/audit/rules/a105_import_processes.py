"""A105 import-processes: an import that starts or signals processes.

What        A line for a module that starts programs, copies of the interpreter or threads, or that signals and limits
            processes.
Why         The kernel filter refuses the calls, so at best the line grants an error, and at worst (a filter that is
            not required) a shell.
Example     - {module: subprocess, why: "running git"}
Better      tools:
              git_log: {why: "the last commits of the project; reads only", max_calls: 5}
References  CWE-78, CWE-250
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A105", "import-processes", Severity.HIGH, Confidence.HIGH, imports_that(Effect.PROCESSES))
