"""`safe_codeact.frozen` against `dataclasses`: the same classes, made by both."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from safe_codeact import frozen


def classes_of(decorate: Callable[..., Any]) -> list[type]:
    """The same definitions under either decorator."""

    @decorate(frozen=True, slots=True)
    class Nothing:
        pass

    @decorate(frozen=True, slots=True)
    class Plain:
        """A page of its own."""

        a: int
        b: float = 2.5
        c: list[int] = dataclasses.field(default_factory=list)
        d: int = dataclasses.field(default=0, compare=False)

    @decorate(frozen=True, slots=True, kw_only=True)
    class Named:
        a: int
        b: str = "b"

    @decorate(frozen=True, slots=True)
    class Worked:
        a: int
        twice: int = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "twice", 2 * self.a)

        def __repr__(self) -> str:
            return "its own"

    return [Nothing, Plain, Named, Worked]


PAIRS = list(zip(classes_of(frozen.dataclass), classes_of(dataclasses.dataclass), strict=True))
CALLS = [
    ((), {}),
    ((1,), {}),
    ((1, 2.0), {}),
    ((1, 2.0, [3]), {}),
    ((1, 2.0, [3], 4), {}),
    ((1, 2.0, [3], 4, 5), {}),
    ((), {"a": 1}),
    ((1,), {"b": "c"}),
    ((), {"a": 1, "b": "c"}),
    ((), {"b": 2.0, "d": 4, "c": [1], "a": 1}),
    ((1,), {"a": 1}),
    ((), {"nobody": 1}),
    ((1,), {"twice": 1}),
]


def called(cls: type, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        return cls(*given, **named)
    except TypeError:
        return TypeError


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("given", "named"), CALLS)
def test_a_call_makes_what_the_standard_library_s_class_would_hold(ours, theirs, given, named):
    """Arguments by place and by name, defaults, what is missing and what is too much; repr, equality, hash, replace."""
    one, other = called(ours, given, named), called(theirs, given, named)
    if other is TypeError:
        assert one is TypeError
        return
    assert repr(one) == repr(other)
    assert repr(dataclasses.asdict(one)) == repr(dataclasses.asdict(other))
    assert one == copy.copy(one) != other
    assert hashed(one) == hashed(other)
    for change in ({"a": 7}, {"d": 7}, {}):
        assert differs(one, change) == differs(other, change)


def differs(value: Any, change: dict[str, Any]) -> object:
    try:
        return dataclasses.replace(value, **change) == value
    except TypeError:
        return TypeError


def hashed(value: object) -> object:
    try:
        return hash(value)
    except TypeError:
        return TypeError


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda cls: cls.__name__)
def test_a_class_looks_from_outside_as_the_standard_library_s(ours, theirs):
    """Signature, fields, slots, patterns and documentation."""
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(theirs)]
    assert ours.__slots__ == theirs.__slots__
    assert ours.__match_args__ == theirs.__match_args__
    assert ours.__doc__.startswith(("A page", ours.__name__))
    assert not hasattr(called(ours, (), {"a": 1} if dataclasses.fields(ours) else {}), "__dict__")


@frozen.dataclass(frozen=True, slots=True)
class Kept:
    inner: object


def test_nothing_can_be_set_deleted_or_added():
    """Frozen, by whichever name; pickling and recursion pass by."""
    kept = Kept(1)
    for name in ("inner", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(kept, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(kept, name)
    assert pickle.loads(pickle.dumps(kept)) == kept == Kept(1) != Kept(2)
    knot: list[object] = []
    knot.append(Kept(knot))
    assert "..." in repr(knot[0])


def test_what_is_not_made_here_is_refused():
    """A class that is open, and a default where nothing could be given."""
    with pytest.raises(TypeError, match="frozen=True, slots=False must both be True"):
        frozen.dataclass(frozen=True, slots=False)

    class Wrong:
        field: int = dataclasses.field(init=False, default=1)

    with pytest.raises(TypeError, match="a default is for a parameter"):
        frozen.dataclass(frozen=True, slots=True)(Wrong)
