"""A113 import-unread: a package that nobody has read for doors.

What        A line for a package that is neither among those whose sources were read for this release
            (policies/SWEEP.md) nor in the audit's own table.
Why         Libraries evaluate text, unpickle files and look up attributes by name in places that nobody expects. Of
            the packages that were read, each such place is closed; of this one, nobody knows.
Example     - {module: some_statistics, why: "their tests"}
Better      - {module: scipy.stats, why: "their tests"}
References  CWE-1357
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import was_read
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    if not subject.policy.language.restricted:
        return
    for path, rule in subject.imports():
        if was_read(rule.module):
            continue
        standard = rule.module.partition(".")[0] in sys.stdlib_module_names
        kind = "a module of the standard library" if standard else "a package"
        yield Found(
            path=(*path, "module"),
            message=f"{rule.module} is {kind} that nobody has read for places that take text as code: read it, or leave it out.",
            severity=Severity.LOW if standard else None,
        )


RULE = Rule("A113", "import-unread", Severity.MEDIUM, Confidence.LOW, check)
