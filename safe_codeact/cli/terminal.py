"""What may reach a terminal, and in what form.

Threat: a terminal obeys what it is sent. A program's output, an error message or a file's name can move the cursor
back and write over what was shown, retitle the window, put text on the clipboard (OSC 52), or make one line look like
another by turning its direction. Whoever reads a refusal must be reading the refusal.

What doesn't work: removing the sequences that are known, since terminals know others. What we do: every character
that is not shown as itself is written as its escape (`\\x1b`), except line ends and tabs. What still gets through:
letters that look like others, and as many lines as the output limit allows. `--json` needs none of this: all of it is
ASCII there.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
from typing import Any

_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: ESC, CSI, OSC, carriage return, backspace
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff"  # invisible, or turning the direction of what follows
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def escaped(text: str) -> str:
    """The text with every character that a terminal would obey, or not show, written as its escape."""
    return _UNSHOWN.sub(_escape, text)


def escaped_line(text: str) -> str:
    """As `escaped`, in one line: for text that stands inside a line of ours, as a file's name."""
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def prepare() -> None:
    """Lets no encoding of the terminal end a command: what it cannot show is written as an escape, too.

    A stream that the caller closed (`>&-`) becomes one that nobody reads.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the life of the process
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def show(text: str) -> None:
    """Prose or program output to stdout."""
    sys.stdout.write(f"{escaped(text)}\n")


def show_json(document: Any) -> None:
    """One JSON document to stdout, in ASCII; what JSON has no form for (NaN, bytes, keys other than text) as `repr`."""
    text = json.dumps(_with_a_form_in_json(document), indent=2, ensure_ascii=True, allow_nan=False)
    sys.stdout.write(f"{text}\n".replace("\x7f", "\\u007f"))


def _with_a_form_in_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): _with_a_form_in_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_a_form_in_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def complain(message: str) -> None:
    """One line about the operator's side to stderr."""
    with contextlib.suppress(OSError):  # a full disk behind stdout must not swallow the reason
        sys.stdout.flush()
    sys.stderr.write(f"safe-codeact: {escaped_line(message)}\n")
    sys.stderr.flush()
