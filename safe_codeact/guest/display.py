"""The last expression of an action, as a notebook echoes it."""

from __future__ import annotations

from typing import Any

from safe_codeact.gate.names import plain_text
from safe_codeact.guest.interpreters.dispatch import NOTHING

_VALUE_BYTES = 200_000  # a frame holds 256 KiB of it


def value_text(value: Any) -> str | None:
    """The last expression as a notebook echoes it; None where there is none, or it is None.

    `repr` may be the action's own method: it runs within the action's time and its exception is the action's.
    """
    if value is NOTHING or value is None:
        return None
    encoded = plain_text(repr(value)).encode("utf-8", "backslashreplace")
    if len(encoded) <= _VALUE_BYTES:
        return encoded.decode("utf-8")
    half = _VALUE_BYTES // 2
    head, tail = encoded[:half].decode("utf-8", "ignore"), encoded[-half:].decode("utf-8", "ignore")
    return f"{head}\n[… {len(encoded) - 2 * half:,} bytes left out …]\n{tail}"
