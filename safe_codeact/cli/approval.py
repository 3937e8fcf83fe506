"""A person at the terminal decides about a call: what is asked is shown first, escaped, and silence is no."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from safe_codeact import Decision, ToolCall
from safe_codeact.escaping import escaped, escaped_line

_SHOWN = 2_000  # characters of one argument, and of the action
_YES = frozenset({"y", "yes"})


class Prompt:
    """`approve=` of a runtime in the terminal. `before` is called first: whatever else is moving on the screen stops.

    Asks on `answers` (standard input), and refuses where nobody sits there.
    """

    def __init__(
        self,
        before: Callable[[], None] | None = None,
        *,
        answers: TextIO | None = None,
        screen: TextIO | None = None,
    ) -> None:
        self._before = before
        self._answers = answers
        self._screen = screen

    def __call__(self, call: ToolCall) -> Decision:
        """Show the call, and read y, or anything else with a reason."""
        answers = self._answers or sys.stdin
        if answers is None or not answers.isatty():
            return Decision(approved=False, reason="nobody is at the terminal to approve it")
        if self._before is not None:
            self._before()
        # Only now: while a display moves, it stands in for the stream, and reads markup.
        screen = self._screen or sys.stderr
        screen.write(shown(call) + "\nAllow this call? [y/N, or why not] ")
        screen.flush()
        answer = answers.readline().strip()
        if answer.lower() in _YES:
            return Decision(approved=True)
        return Decision(approved=False, reason="" if answer.lower() in ("", "n", "no") else answer[:500])


def shown(call: ToolCall) -> str:
    """The call as a person reads it: nothing in it is obeyed by the terminal, and no argument looks like a line of ours."""
    lines = [f"The action asks to call {escaped_line(call.name)}:"]
    lines += [f"    {escaped_line(name)} = {_cut(escaped_line(repr(value)))}" for name, value in call.arguments.items()]
    preview = call.preview
    if preview is not None:
        others = [name for name in preview.tools if name != call.name]
        lines.append(f"  It can also call: {', '.join(map(escaped_line, others)) or 'no other tool'}")
        if preview.workspace != "none":
            may = "read and write" if preview.workspace == "rw" else "read"
            files = ", ".join(map(escaped_line, preview.files[:20])) or "none yet"
            lines.append(f"  It can {may} the session's files: {files}{' …' if len(preview.files) > 20 else ''}")
        lines += [f"  It can read: {', '.join(map(escaped_line, preview.readable))}"] if preview.readable else []
        lines += ["  All of it:", *(f"    | {line}" for line in _cut(escaped(preview.source)).split("\n"))]
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… {len(text) - _SHOWN:,} characters more"
