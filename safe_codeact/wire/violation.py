"""What is raised when the other side says what it may not say."""

from __future__ import annotations

from safe_codeact.errors import SafeCodeActError


class ProtocolViolation(SafeCodeActError):
    """Bytes or a message that the conversation does not allow; whoever sent them is to be killed.

    `reason` is one short sentence in our own words. It never quotes what was received: the reason reaches logs and
    terminals, and the sender is hostile.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
