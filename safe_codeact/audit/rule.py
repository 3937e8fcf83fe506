"""What an audit rule is, and what it yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from safe_codeact.audit.finding import Confidence, Fix, Severity
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.tree import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One hit of a rule: which field, and what to say of it.

    `path` leads through the merged tree, or through the file's own one (`own`), which alone has what the file leaves out
    of the merge: its `examples`, and the lines that its parent has already. `severity` where this hit is not as bad, or
    worse, than the rule's own.
    """

    path: Path
    message: str
    at_key: bool = False
    own: bool = False
    severity: Severity | None = None
    confidence: Confidence | None = None
    fix: Fix | None = None


Check: TypeAlias = Callable[[Subject], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """`check` None: the rule speaks outside of the walk over the rules (a file that does not load, a suppression)."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    check: Check | None = None
