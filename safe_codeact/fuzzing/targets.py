"""Every target, by the module that defines it and its name there; loaded when it is asked for.

A target of another part of the program needs that part's libraries, so this table holds names. The order is the order in
which a run shares its time.
"""

from __future__ import annotations

import importlib
from typing import Final

from safe_codeact.errors import SafeCodeActError
from safe_codeact.fuzzing import Target

# Target's name: (module below safe_codeact.fuzzing, the Target in it, whether it looks at a user's own policy and tools).
ROWS: Final[dict[str, tuple[str, str, bool]]] = {
    "gate": ("gate_layer", "GATE", True),
    "combined": ("session_layer", "COMBINED", True),
    "kernel": ("session_layer", "KERNEL", True),
    "unchanged": ("metamorphic", "UNCHANGED", True),
    "verdict": ("metamorphic", "VERDICT", True),
    "harmless": ("metamorphic", "HARMLESS", False),
    "decoder": ("wire", "DECODER", False),
    "decoder-values": ("wire", "VALUES", False),
    "conversation": ("conversation", "CONVERSATION", False),
    "snapshots": ("snapshots", "SNAPSHOTS", False),
    "snapshots-hostile": ("snapshots", "HOSTILE", False),
    "store": ("snapshots_store", "STORE", False),
    "sessions": ("sessions", "SESSIONS", False),
    "policy-loader": ("policies", "LOADER", False),
    "policy-diff": ("policies", "COMPARISON", False),
    "policy-inheritance": ("policies", "INHERITANCE", False),
    "replies": ("replies", "REPLIES", False),
    "commands": ("commands", "COMMANDS", False),
}


class NoSuchTarget(SafeCodeActError):
    """A name that no target has; the message lists those that there are."""


def load(name: str) -> Target:
    """One target. Raises `NoSuchTarget`."""
    if name not in ROWS:
        raise NoSuchTarget(f"target {name!r} does not exist; there are: {', '.join(ROWS)}.")
    module, attribute, _users = ROWS[name]
    target = getattr(importlib.import_module(f"safe_codeact.fuzzing.{module}"), attribute)
    assert isinstance(target, Target)
    return target


def names(users: bool = False) -> tuple[str, ...]:
    """All targets, or those that say something about a user's policy and tools."""
    return tuple(name for name, row in ROWS.items() if row[2] or not users)
