"""One more line under an exception, where a look at the objects around it says what was probably meant.

The message stays CPython's own. The look runs after the action's time is over, so nothing here calls code of the action's:
names are read beneath the classes, and only plain text is compared.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType, TracebackType
from typing import Any

from safe_codeact.gate.bounds import ACTION_FILENAME
from safe_codeact.gate.names import MARKER, plain_text
from safe_codeact.guest.namespace.raw import Layout, derives, type_dict, type_mro
from safe_codeact.guest.tracebacks import stored

_SHOWN = 12  # columns that are listed
_LOOKED_AT = 5_000  # names that are compared
_LENGTH = 60  # characters of one name


def hint(error: BaseException, names: Mapping[str, Any]) -> str:
    """A line for the model, or "". `names` are the session's. Never raises for what the action made."""
    try:
        for kind, look in _LOOKS:
            if derives(type(error), kind):
                return plain_text(look(error, names))
    except Exception:  # a hint is a courtesy: objects that cannot be looked at have none
        return ""
    return ""


def _near(wanted: Any, names: Iterable[Any]) -> str:
    if type(wanted) is not str:
        return ""
    known = [name for name in names if type(name) is str and len(name) <= _LENGTH and MARKER not in name][:_LOOKED_AT]
    found = difflib.get_close_matches(wanted[:_LENGTH], known, 1, 0.75)
    return f"Did you mean: {found[0]!r}?" if found and found[0] != wanted else ""


def _missing_name(error: BaseException, names: Mapping[str, Any]) -> str:
    builtins = names.get("__builtins__", {})
    public = [*names, *(builtins if type(builtins) is dict else ())]
    return _near(stored(error, NameError, "name"), (name for name in public if type(name) is str and name[:2] != "__"))


def _missing_attribute(error: BaseException, _names: Mapping[str, Any]) -> str:
    obj = stored(error, AttributeError, "obj")
    if type(obj) is ModuleType:
        found: set[Any] = set(vars(obj))
    else:
        kinds = type_mro(obj if derives(type(obj), type) else type(obj))
        found = {name for kind in kinds for name in type_dict(kind)}
        found |= set(Layout(type(obj)).attributes(obj) or ())
    return _near(
        stored(error, AttributeError, "name"), (name for name in found if type(name) is str and name[:1] != "_")
    )


def _missing_key(error: BaseException, _names: Mapping[str, Any]) -> str:
    """The columns of the pandas frame whose look-up failed: the one name that a model guesses most often."""
    pandas: Any = sys.modules.get("pandas")
    arguments = stored(error, BaseException, "args")
    if pandas is None or len(arguments) != 1:
        return ""
    frame = _frame_of(stored(error, BaseException, "__traceback__"), pandas.DataFrame)
    if frame is None:
        return ""
    columns = [name for name in frame.columns.tolist() if type(name) in (str, int)]
    listed = ", ".join(repr(name)[:_LENGTH] for name in columns[:_SHOWN])
    left = len(frame.columns) - min(len(columns), _SHOWN)
    said = f"The columns are: {listed}{f' and {left} more' if left else ''}."
    return " ".join(filter(None, [said, _near(arguments[0], columns)]))


def _frame_of(traceback: TracebackType | None, kind: type) -> Any:
    """What the innermost call into a library worked on, where that is exactly a DataFrame."""
    found = None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename != ACTION_FILENAME:
            local = frame.f_locals
            found = next((local[name] for name in ("self", "obj") if type(local.get(name)) is kind), found)
        traceback = traceback.tb_next
    return found


_LOOKS: tuple[tuple[type[BaseException], Callable[[BaseException, Mapping[str, Any]], str]], ...] = (
    (NameError, _missing_name),
    (AttributeError, _missing_attribute),
    (KeyError, _missing_key),
)
