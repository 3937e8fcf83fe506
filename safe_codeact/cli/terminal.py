"""What may reach a terminal, and in what form.

Threat: a terminal obeys what it is sent. A program's output, an error message or a file's name can move the cursor
back and write over what was shown, retitle the window, put text on the clipboard (OSC 52), or make one line look like
another by turning its direction. Whoever reads a refusal must be reading the refusal.

What we do: all of it goes through `escaping` (`\\x1b` for what a terminal would obey), except line ends and tabs. What
still gets through: letters that look like others, and as many lines as the output limit allows. `--json` needs none of
this: all of it is ASCII there.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from typing import Any

from safe_codeact.escaping import escaped, escaped_line

__all__ = ["complain", "escaped", "escaped_line", "prepare", "show", "show_json"]


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


def note(message: str) -> None:
    """One line of progress to stderr."""
    sys.stderr.write(f"{escaped_line(message)}\n")
    sys.stderr.flush()


def complain(message: str) -> None:
    """One line about the operator's side to stderr."""
    with contextlib.suppress(OSError):  # a full disk behind stdout must not swallow the reason
        sys.stdout.flush()
    sys.stderr.write(f"safe-codeact: {escaped_line(message)}\n")
    sys.stderr.flush()
