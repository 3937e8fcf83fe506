"""A security-first runtime for Python that a language model writes.

    from safe_codeact import Runtime, Policy, tool

Packages, in the order in which an action meets them: `policy` (what is allowed), `host` (the decisions, outside),
`wire` (what may be said between the two), `guest` (everything inside), `confine` and `kernel` (how it is held), `gate`
(may this source run), and `agent` (one user of a session). `audit` looks at policies, `cli` is the terminal. SECURITY.md says
what each claims.

Names are loaded when they are first used: the confined side imports parts of this package, and must not load the host.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safe_codeact.errors import (
        ActionPending,
        ConfinementFailed,
        ConfinementUnavailable,
        InvalidPolicy,
        ModelUnavailable,
        NotPlain,
        SafeCodeActError,
        SessionClosed,
        StoreError,
        ToolWithheld,
        TrailError,
    )
    from safe_codeact.gate.check import check
    from safe_codeact.gate.report import Finding, GateReport
    from safe_codeact.host.action import Pending
    from safe_codeact.host.stores.sqlite import MemoryStore, SQLiteStore
    from safe_codeact.host.stores.store import Store, StoredSession
    from safe_codeact.host.tool import Decision, IdempotencyKey, ToolCall, tool
    from safe_codeact.observation import Artifact, ErrorReport, Observation, Outcome, ToolRecord, Usage
    from safe_codeact.policy.effective import Policy
    from safe_codeact.runtime import AsyncRuntime, Runtime
    from safe_codeact.session import AsyncSession, Session, Variable
    from safe_codeact.trail.trail import Trail

_HOMES = {
    "errors": (
        "ConfinementFailed", "ConfinementUnavailable", "InvalidPolicy", "ModelUnavailable", "NotPlain",
        "SafeCodeActError", "SessionClosed", "StoreError", "ToolWithheld", "ActionPending", "TrailError",
    ),
    "gate.check": ("check",),
    "gate.report": ("Finding", "GateReport"),
    "host.stores.sqlite": ("MemoryStore", "SQLiteStore"),
    "host.stores.store": ("Store", "StoredSession"),
    "host.action": ("Pending",),
    "host.tool": ("Decision", "IdempotencyKey", "ToolCall", "tool"),
    "observation": ("Artifact", "ErrorReport", "Observation", "Outcome", "ToolRecord", "Usage"),
    "policy.effective": ("Policy",),
    "runtime": ("AsyncRuntime", "Runtime"),
    "session": ("AsyncSession", "Session", "Variable"),
    "trail.trail": ("Trail",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActionPending", "Artifact", "AsyncRuntime", "AsyncSession", "ConfinementFailed", "ConfinementUnavailable", "Decision", "ErrorReport",
    "Finding", "GateReport", "IdempotencyKey", "InvalidPolicy", "MemoryStore", "ModelUnavailable", "NotPlain", "Observation",
    "Outcome", "Pending", "Policy", "Runtime", "SQLiteStore", "SafeCodeActError", "Session", "SessionClosed", "Store", "StoreError",
    "StoredSession", "ToolCall", "ToolRecord", "ToolWithheld", "Trail", "TrailError", "Usage", "Variable", "check", "tool",
]  # fmt: skip

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'safe_codeact' has no attribute {name!r}")
    return getattr(importlib.import_module(f"safe_codeact.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
