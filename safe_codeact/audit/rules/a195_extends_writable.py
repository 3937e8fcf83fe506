"""A195 extends-writable: a parent that others may write.

What        An `extends` that leads to a folder for temporary files, or to a file or folder that every user may write.
Why         Whoever writes the parent decides what this policy grants.
Example     extends: /tmp/base.yaml
Better      extends: base.yaml
References  CWE-732, CWE-379
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy import shipped

_SHARED = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - folders to warn of


def check(subject: Subject) -> Iterator[Found]:
    beside = os.path.dirname(subject.file.identity or "")
    for source in subject.files[1:]:
        file = source.identity or ""
        folder = os.path.dirname(file)
        if os.path.realpath(folder) == os.path.realpath(shipped.folder()):
            continue  # whoever writes there writes this program as well
        elsewhere = file.startswith(_SHARED) and not folder.startswith(beside)
        if elsewhere or _writable_by_all(file) or _writable_by_all(folder):
            yield Found(
                path=("extends",), own=True, message=f"{source.label} can be written by every user of the machine."
            )


def _writable_by_all(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IWOTH)
    except OSError:
        return False


RULE = Rule("A195", "extends-writable", Severity.HIGH, Confidence.MEDIUM, check)
