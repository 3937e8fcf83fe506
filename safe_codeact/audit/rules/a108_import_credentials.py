"""A108 import-credentials: an import that looks for credentials.

What        A line for a module that reads keys and passwords where users and machines keep them.
Why         There are none inside unless a readable path or a file of the workspace brings them; then such a module is
            what finds them.
Example     - {module: boto3, why: "reading the bucket"}
Better      tools:
              read_object: {why: "one object of the reports bucket; reads only", max_calls: 10}
References  CWE-522
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A108", "import-credentials", Severity.MEDIUM, Confidence.HIGH, imports_that(Effect.CREDENTIALS))
