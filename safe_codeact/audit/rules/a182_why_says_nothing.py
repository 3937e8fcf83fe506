"""A182 why-says-nothing: a reason that gives none.

What        A `why` of less than ten characters, one that only repeats the name, or that says `needed`, `TODO`, `misc`.
Why         It satisfies a form and tells the reviewer nothing.
Example     - {module: zlib, why: "needed"}
Better      - {module: zlib, why: "compressed text inside other formats"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.reasons import reasons
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject

_EMPTY_WORDS = (
    "todo fixme tbd xxx needed required require necessary misc miscellaneous test testing tests used useful "
    "use because temporary temp various it is for we the a module library package tool this important just in "
    "case etc stuff things"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())


def check(subject: Subject) -> Iterator[Found]:
    for path, label, why in reasons(subject):
        words = set(re.findall(r"[^\W_]+", why.lower()))
        if why and (len(why.strip()) < 10 or words <= _EMPTY | set(re.findall(r"[^\W_]+", label.lower()))):
            yield Found(path=(*path, "why"), message=f"{label}: {why[:60]!r} is no reason: say who needs it for what.")


RULE = Rule("A182", "why-says-nothing", Severity.LOW, Confidence.MEDIUM, check)
