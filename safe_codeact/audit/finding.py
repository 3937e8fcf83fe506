"""What the audit says: findings, how bad and how sure they are, and what would mend them."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Any


class Severity(enum.IntEnum):
    """How much is lost when the finding is true and somebody uses it. Ordered: `--fail-on` compares."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How often a finding of this rule is true. A name that sounds like paying is a guess; `restricted: false` is not."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One edit: what stands between two places (1-based, the end excluded) becomes `text`."""

    description: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a reviewer should know. `line` and `column` are 1-based; `width` is how much of the line it is about.

    `identity` names the field by what it is about, not by where it stands, so that `fingerprint` survives lines that are
    added above it.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    file: str
    line: int
    column: int
    width: int = 1
    identity: str = ""
    fix: Fix | None = None
    inherited_from: str | None = None  # the file that says it, where that is one that the policy extends
    suppressed_by: str | None = None  # the reason that the file gives

    @property
    def fingerprint(self) -> str:
        """32 hex digits: the same for the same finding in a file of the same name, wherever its line has moved."""
        base = self.file.replace("\\", "/").rpartition("/")[2]
        return hashlib.sha256(f"{self.code}\0{base}\0{self.identity}".encode("utf-8", "surrogateescape")).hexdigest()[
            :32
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for `--format json`."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": str(self.severity),
            "confidence": str(self.confidence),
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "field": self.identity,
            "fingerprint": self.fingerprint,
            "fix": None if self.fix is None else self.fix.description,
            "suppressed_by": self.suppressed_by,
        }
