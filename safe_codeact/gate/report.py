"""What the gate says about one action's source. Plain and frozen: it crosses the wire, and the host reads it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from safe_codeact.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why the source may not run.

    `code` is stable ("G204"), `name` reads well after "allow" ("frame-attribute"); `line` and `column` are 1-based,
    in the source as given; `hint` says what to write instead under this policy ("" where there is nothing to say).
    """

    code: str
    name: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" {self.hint}" if self.hint else ""
        return f"line {self.line}:{self.column}: {self.code} {self.name}: {self.message}{hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The verdict. `allowed` is true exactly when `findings` is empty.

    `imports`, `names` and `tools` are sorted: the modules that the source imports, the global names that it binds,
    and the tools that it mentions.
    """

    allowed: bool
    findings: tuple[Finding, ...] = ()
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON and for the wire."""
        return {
            "allowed": self.allowed,
            "findings": [asdict(finding) for finding in self.findings],
            "imports": list(self.imports),
            "names": list(self.names),
            "tools": list(self.tools),
        }
