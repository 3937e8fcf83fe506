"""A133 read-credentials: a path that by its name holds secrets.

What        A path with a part such as `.ssh`, `.aws`, `.env`, `.git`, `*.pem`, `secrets`.
Why         What an action can read, the model can read, and what the model reads leaves for its endpoint.
Example     read: [{path: /srv/app/.env, why: "settings"}]
Better      Hand over the settings that are needed with session.set.
References  CWE-522, CWE-312
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit import places
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject


def check(subject: Subject) -> Iterator[Found]:
    for path, line in subject.readable():
        what = places.secret_in(line.path)
        if what is not None:
            yield Found(path=(*path, "path"), message=f"{line.path} holds {what}.")


RULE = Rule("A133", "read-credentials", Severity.CRITICAL, Confidence.MEDIUM, check)
