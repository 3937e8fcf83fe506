"""Text that a guest wrote, where it leaves: for a terminal, for a log, for the text of an observation.

Threat: a terminal obeys what it is sent. A program's output, an error message or a file's name can move the cursor back
and write over what was shown, retitle the window, put text on the clipboard (OSC 52), or make one line look like another by
turning its direction. A log is read line by line: a message with a line end in it writes a line of its own.

What doesn't work: removing the sequences that are known, since terminals know others. What we do: every character that is
not shown as itself is written as its escape (`\\x1b`). What still gets through: letters that look like others.
"""

from __future__ import annotations

import logging
import re
import traceback

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


# What a terminal obeys, and what turns text around. Joiners and variation selectors stay: emoji and Indic scripts need them,
# and who reads the text is a model.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\U000e0000-\U000e007f]"
)


def tamed(text: str) -> str:
    """For the text of an observation, which a model reads and people print: as `escaped`, but for what only hides."""
    return _OBEYED.sub(_escape, text.replace("\r\n", "\n"))


class LineByLine(logging.Filter):
    """For loggers that tell of guests: a message is one line, and no line of an exception's text looks like a message.

    The record keeps its exception for handlers that want it; formatters find its text made already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything through."""
        record.msg, record.args = escaped_line(record.getMessage()), None
        if record.exc_info and record.exc_info[1] is not None:
            lines = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n").split("\n")
            record.exc_text = "\n".join(f"  | {escaped(line)}" for line in lines)
        return True


def logger(name: str) -> logging.Logger:
    """The logger of this name, line by line."""
    found = logging.getLogger(name)
    if not any(isinstance(each, LineByLine) for each in found.filters):
        found.addFilter(LineByLine())
    return found
