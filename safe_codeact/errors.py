"""What can go wrong on the operator's side.

Nothing an action does raises one of these: an action's faults are values (`Observation.outcome`). These say that
the policy, the machine, the store or a call of ours was not usable, and each message names what was given, what was
expected and the way out.
"""

from __future__ import annotations


class SafeCodeActError(Exception):
    """The base of every exception that this package raises on purpose."""


class InvalidPolicy(SafeCodeActError):
    """A policy that cannot be used.

    The message says file, line, field, value, bound and way out; the same facts are attributes for programs:
    `file` (str or None), `line` (1-based int or None), `column` (1-based int or None), `field` (dotted path or None).
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)


class ConfinementUnavailable(SafeCodeActError):
    """A protection that the policy requires cannot be had on this machine. Nothing was run."""


class ConfinementFailed(SafeCodeActError):
    """A worker did not install what the plan says. It was killed before it was given anything to read."""


class SessionClosed(SafeCodeActError):
    """The session, or the runtime it belongs to, was closed (or belongs to the process this one was forked from)."""


class StoreError(SafeCodeActError):
    """The namespace store cannot give back, or keep, a session's state."""


class ActionPending(SafeCodeActError):
    """The session has an action that waits for a person, or that the host died under; the message says how to settle it."""


class TrailError(SafeCodeActError):
    """The trail cannot be written, or gone on with; what cannot be recorded is not done."""


class NotPlain(SafeCodeActError):
    """A value that `session.get` or `session.set` cannot carry; the message names its type."""


class ModelUnavailable(SafeCodeActError):
    """The model's endpoint is down, refuses the key, or answers what the chat-completions API does not allow."""


class ToolWithheld(UserWarning):
    """A tool was given to the runtime that the policy does not allow; the message says which line would allow it."""
