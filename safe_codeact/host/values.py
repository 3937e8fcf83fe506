"""`session.get` and `session.set`: a variable's value across the border, plain or taken apart, never pickled."""

from __future__ import annotations

from typing import Any

from safe_codeact.errors import NotPlain
from safe_codeact.wire import messages, tables
from safe_codeact.wire.encode import NotEncodable, pack

_NOT_PLAIN = (
    "Carried are None, bool, int, float, str, bytes, list, tuple and dict, numpy arrays, and pandas Series and DataFrames: "
    "have the action convert it"
)
_TOO_LARGE = "Have the action write it to a file, and read that with session.files.read()"


def value_of(name: str, fetched: messages.Fetched) -> Any:
    """What `get` returns. Raises `NameError`, or `NotPlain` naming the type."""
    if fetched.problem == "missing":
        raise NameError(f"the session has no variable {name!r}")
    if fetched.problem:
        said = "".join(each if each.isprintable() else "?" for each in fetched.type_name)  # a worker's words
        way_out = _TOO_LARGE if fetched.problem == "too_large" else _NOT_PLAIN
        raise NotPlain(f"{name!r} cannot be carried: {said}. {way_out}")
    if not fetched.type_name:
        return fetched.value
    try:
        return tables.build(fetched.type_name, fetched.value)
    except ImportError:
        package = fetched.type_name.partition(".")[0] if fetched.type_name in tables.TYPE_NAMES else "its package"
        raise NotPlain(
            f"{name!r} cannot be carried: {package} is not installed here. Install it, or have the action convert the "
            "value, e.g. with .tolist() or .to_dict('records')"
        ) from None
    except tables.Malformed as error:
        raise NotPlain(f"{name!r} cannot be carried: the worker sent something else than it said ({error})") from None


def assignment(name: str, value: Any, segments: int) -> messages.Assign:
    """The request of `set`. Raises `ValueError` for the name, `NotPlain` for the value."""
    if not name.isidentifier() or name.startswith("__"):
        raise ValueError(f"{name!r} is not a name that an action could bind")
    try:
        carried = tables.flatten(value)
        type_name, plain = carried if carried is not None else ("", value)
        pack(plain)
    except (NotEncodable, tables.NotCarried) as error:
        raise NotPlain(f"{name!r} cannot be carried: {error}") from None
    return messages.Assign(name=name, value=plain, segments=segments, type_name=type_name)
