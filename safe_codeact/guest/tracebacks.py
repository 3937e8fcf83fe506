"""An action's exception as the model is shown it: its own lines only, with the source line where it is known.

Frames of libraries and of ours say nothing that helps to mend the action, and name paths of the machine. The exception is
the action's object: what CPython keeps in it is read beneath its class, and its text, which is its own code, may fail.
"""

from __future__ import annotations

import itertools
from types import CodeType, TracebackType
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.gate.bounds import ACTION_FILENAME
from safe_codeact.gate.names import plain_text

_MESSAGE = 8_000  # characters
_LINE = 200  # characters of a quoted line
_FRAMES = 12  # of a recursion, the first and the last of these
_CHAIN = 4  # exceptions before this one: its cause, and theirs
_GROUP = 6  # exceptions inside a group, by their last line
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


def report(error: BaseException, source: str, code: CodeType | None, hint: str = "") -> dict[str, Any]:
    """type, message, traceback and line: `Finished.error`. `code` is what `source` was compiled to.

    `hint` is a last line of the traceback; the message stays the exception's own.

    A function of an earlier action has line numbers of another text: it is named, and no line of this one is quoted.
    """
    own, lines = _all_code(code), source.splitlines()
    shown: list[str] = []
    for earlier, how in reversed(_before(error)):
        if not _places(earlier, own):  # raised and handled inside a library: nothing that the action could mend
            continue
        shown += [*_one(earlier, own, lines), "", how, ""]
    shown += _one(error, own, lines)
    shown += [hint] if hint else []
    places = _places(error, own)
    return {
        "type": plain_text(_type_name(error))[:120] or "Exception",
        "message": _message(error),
        "traceback": plain_text("\n".join(shown)).encode("utf-8", "backslashreplace").decode("utf-8")[:40_000],
        "line": next((place.line for place in reversed(places) if place.is_here and place.line > 0), None),
    }


def is_a(error: BaseException, kind: type[BaseException]) -> bool:
    """`isinstance`, without asking the exception for its `__class__`: that may be the action's own code."""
    return issubclass(type(error), kind)


def stored(error: BaseException, owner: type[BaseException], name: str) -> Any:
    """What CPython keeps in an exception under `name`, whatever the action's class says of it."""
    return vars(owner)[name].__get__(error)


def _before(error: BaseException) -> list[tuple[BaseException, str]]:
    """The causes of an exception, nearest first."""
    found: list[tuple[BaseException, str]] = []
    seen = {id(error)}
    while len(found) < _CHAIN:
        cause, how = stored(error, BaseException, "__cause__"), _CAUSE
        if cause is None and not stored(error, BaseException, "__suppress_context__"):
            cause, how = stored(error, BaseException, "__context__"), _CONTEXT
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        found.append((cause, how))
        error = cause
    return found


def _one(error: BaseException, own: set[CodeType], lines: list[str]) -> list[str]:
    """One exception of the chain: its frames, and its last lines."""
    places = _places(error, own)
    shown = ["Traceback (most recent call last):"]
    half = _FRAMES // 2
    for index, place in enumerate(places):
        if half <= index < len(places) - half:
            if index == half:
                shown.append(f"  [… {len(places) - 2 * half} more calls …]")
            continue
        where = f", in {place.function}" if place.function not in ("", "<module>") else ""
        shown.append(f"  line {place.line}{where}" + ("" if place.is_here else " (defined in an earlier action)"))
        if place.is_here and 0 < place.line <= len(lines):
            shown += _quoted(lines[place.line - 1], place.columns)
    shown.append(_last_line(error))
    if is_a(error, BaseExceptionGroup):
        inside = stored(error, BaseExceptionGroup, "exceptions")
        shown += [f"  - {_last_line(each)}" for each in inside[:_GROUP]]
        shown += [f"  - and {len(inside) - _GROUP} more"] if len(inside) > _GROUP else []
    return shown


def _quoted(line: str, columns: tuple[int, int] | None) -> list[str]:
    """A line of the source and, where that says more than the line itself, carets under what failed in it."""
    text = line.strip()
    if len(text) > _LINE:
        return [f"    {text[:_LINE]}"]
    if columns is None or not line.isascii() or "\t" in line:  # columns are bytes, and a tab is as wide as it likes
        return [f"    {text}"]
    start, end = (column - (len(line) - len(line.lstrip())) for column in columns)
    if not 0 <= start < end <= len(text) or end - start == len(text):
        return [f"    {text}"]
    return [f"    {text}", f"    {' ' * start}{'^' * (end - start)}"]


def _last_line(error: BaseException) -> str:
    name, message = _type_name(error), _message(error)
    notes = stored(error, BaseException, "__dict__").get("__notes__")
    more = "".join(f"\n{note}" for note in notes if type(note) is str) if type(notes) is list else ""
    return (f"{name}: {message}" if message else name) + more[:_MESSAGE]


def _type_name(error: BaseException) -> str:
    return str(type.__dict__["__name__"].__get__(type(error)))


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as second:  # the action's own __str__
        text = f"<its text could not be made: {_type_name(second)}>"
    text = plain_text(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= _MESSAGE else text[:_MESSAGE] + " […]"


@dataclass(frozen=True, slots=True)
class _Place:
    line: int
    function: str
    is_here: bool  # of this action, not of an earlier one
    columns: tuple[int, int] | None = None  # bytes from the start of the line


def _places(error: BaseException, own: set[CodeType]) -> list[_Place]:
    """Where the exception came through the action, outermost first."""
    places = []
    traceback: TracebackType | None = stored(error, BaseException, "__traceback__")
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == ACTION_FILENAME:
            columns = _columns(code, traceback.tb_lasti)
            line: int | None = traceback.tb_lineno  # a signal may come where the compiler put in a jump: no line has it
            if line is None:
                line = _line_before(code, traceback.tb_lasti)
            places.append(_Place(line, code.co_name, code in own, columns))
        traceback = traceback.tb_next
    if is_a(error, SyntaxError) and stored(error, SyntaxError, "filename") == ACTION_FILENAME:
        line = stored(error, SyntaxError, "lineno")
        places += [_Place(line, "", True)] if type(line) is int else []
    return places


def _line_before(code: CodeType, instruction: int) -> int:
    positions = itertools.islice(code.co_positions(), instruction // 2)
    return next((line for line, *_ in reversed(list(positions)) if line is not None), code.co_firstlineno)


def _columns(code: CodeType, instruction: int) -> tuple[int, int] | None:
    for line, end_line, start, end in itertools.islice(code.co_positions(), instruction // 2, instruction // 2 + 1):
        if line == end_line and start is not None and end is not None:
            return start, end
    return None


def _all_code(code: CodeType | None) -> set[CodeType]:
    """A code object and those inside it, however deep."""
    found: set[CodeType] = set()
    pending = [] if code is None else [code]
    while pending:
        current = pending.pop()
        found.add(current)
        pending += [constant for constant in current.co_consts if isinstance(constant, CodeType)]
    return found
