"""An action's exception as the model is shown it: its own lines only, with the source line where it is known.

Frames of libraries and of ours say nothing that helps to mend the action, and name paths of the machine.
"""

from __future__ import annotations

from types import CodeType, TracebackType
from typing import Any

from safe_codeact.gate.bounds import ACTION_FILENAME
from safe_codeact.gate.names import plain_text

_MESSAGE = 8_000  # characters
_FRAMES = 12  # of a recursion, the first and the last of these


def report(error: BaseException, source: str, code: CodeType | None) -> dict[str, Any]:
    """type, message, traceback and line: `Finished.error`. `code` is what `source` was compiled to.

    A function of an earlier action has line numbers of another text: it is named, and no line of this one is quoted.
    """
    own = _all_code(code)
    name = type(error).__name__
    message = _message(error)
    places = _places(error.__traceback__, own)
    if isinstance(error, SyntaxError) and error.filename == ACTION_FILENAME and error.lineno is not None:
        places.append((error.lineno, "", True))
    lines = source.splitlines()
    shown = ["Traceback (most recent call last):"]
    half = _FRAMES // 2
    for index, (line, function, is_here) in enumerate(places):
        if half <= index < len(places) - half:
            if index == half:
                shown.append(f"  [… {len(places) - 2 * half} more calls …]")
            continue
        where = f", in {function}" if function not in ("", "<module>") else ""
        shown.append(f"  line {line}{where}" + ("" if is_here else " (defined in an earlier action)"))
        if is_here and 0 < line <= len(lines):
            shown.append(f"    {lines[line - 1].strip()[:200]}")
    shown.append(f"{name}: {message}" if message else name)
    return {
        "type": plain_text(name)[:120] or "Exception",
        "message": message,
        "traceback": plain_text("\n".join(shown)).encode("utf-8", "backslashreplace").decode("utf-8")[:40_000],
        "line": next((line for line, _name, is_here in reversed(places) if is_here and line > 0), None),
    }


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as second:  # the action's own __str__
        text = f"<its text could not be made: {type(second).__name__}>"
    text = plain_text(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _MESSAGE else text[:_MESSAGE] + " […]"


def _places(traceback: TracebackType | None, own: set[CodeType]) -> list[tuple[int, str, bool]]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == ACTION_FILENAME:
            places.append((traceback.tb_lineno, code.co_name, code in own))
        traceback = traceback.tb_next
    return places


def _all_code(code: CodeType | None) -> set[CodeType]:
    """A code object and those inside it, however deep."""
    found: set[CodeType] = set()
    pending = [] if code is None else [code]
    while pending:
        current = pending.pop()
        found.add(current)
        pending += [constant for constant in current.co_consts if isinstance(constant, CodeType)]
    return found
