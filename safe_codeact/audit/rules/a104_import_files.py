"""A104 import-files: an import with an opener of files of its own.

What        A line for a module that opens files without going through the guarded `open`.
Why         What the language layer says about files does not reach into the module; Landlock alone says which files
            there are.
Example     - {module: shutil, why: "copying"}
Better      - {module: shutil, facade: true, why: "copying inside the workspace"}
References  CWE-22, CWE-73
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A104", "import-files", Severity.MEDIUM, Confidence.HIGH, imports_that(Effect.FILES))
