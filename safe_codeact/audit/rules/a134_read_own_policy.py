"""A134 read-own-policy: the policy's own folder is readable.

What        A path at or above the folder of this file, or of one that it extends, where that is not shipped with the
            package.
Why         Who knows every limit, condition and tool knows what to try. Lying beside it there is often the code and
            configuration of the host.
Example     read: [{path: /srv/policies, why: "documentation"}]
Better      Keep policies where nothing is readable.
References  CWE-200
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy import shipped


def _folders(subject: Subject) -> list[str]:
    real = [source.identity for source in subject.files if source.identity is not None]
    ours = os.path.realpath(shipped.folder())
    return [os.path.dirname(file) for file in real if os.path.dirname(file) != ours]


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        if line.path != "/" and any(places.is_below(folder, line.path) for folder in _folders(subject)):
            yield Found(
                path=(*path, "path"), message=f"{line.path} holds the policy itself: an action can read its own rules."
            )


RULE = Rule("A134", "read-own-policy", Severity.MEDIUM, Confidence.HIGH, check)
