"""A114 import-shadowed: lines that grant what another line grants already.

What        Import lines of this file for submodules that come with their package's line and change nothing: no `deny`,
            no `facade`.
Why         A reviewer who deletes such a line believes that the module is gone. One finding per file, at the first of
            them.
Example     - {module: numpy, why: "arrays"}
            - {module: numpy.linalg, why: "solve"}
Better      - {module: numpy, why: "arrays, and solve of numpy.linalg"}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.parts import importable


def check(subject: Subject) -> Iterator[Found]:
    lines = {rule.module: (path, rule) for path, rule in subject.imports()}
    idle = []
    for module, (path, rule) in lines.items():
        above = next((other for other in lines if other != module and module in importable([other])), None)
        if above and not rule.deny and not rule.facade and subject.mark(path).file == subject.file.label:
            idle.append((path, module, above))
    if idle:
        path, module, above = idle[0]
        more = f", as do {len(idle) - 1} more lines with others" if len(idle) > 1 else ""
        yield Found(
            path=(*path, "module"), message=f"{module} comes with {above} anyway{more}: without the line, it stays."
        )


RULE = Rule("A114", "import-shadowed", Severity.LOW, Confidence.HIGH, check)
