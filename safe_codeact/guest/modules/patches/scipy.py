"""scipy: programs that it would start. Its evaluators take numbers and functions; distributions check their shape names."""

from __future__ import annotations

from safe_codeact.guest.modules.patches.doors import close


def patch() -> None:
    close("scipy")
