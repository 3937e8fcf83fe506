"""The slow loader, for streams that the fast one stumbles over.

A key of a dict is hashed while the stream is read. A guest's `__hash__` may need what is not there yet: globals that
are bound when all is loaded, or attributes of an object in a cycle with the dict. And one object that can't be made any
more must not cost the session all its other names.
What it takes: also `SystemExit` and its like are only one key's or one object's failure; the worker raises its own
timeouts again until the action ends.
A stream also names a number again wherever a reference to it stood, and a state that filled the memory must fit in it.
What we do: read the same stream with pickle's own Python loader, through the same `find_class`; put off each insertion
that fails until the names are bound; stand a `Lost` where an object can't be made, and go on; make a number once.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar

from safe_codeact.guest.namespace.lost import Lost
from safe_codeact.guest.namespace.raw import class_label
from safe_codeact.guest.namespace.rebuild import Rebuilder

_Base: Any = pickle._Unpickler  # the loader that `pickle` ships beside the C one


_NUMBERS = (pickle.BININT[0], pickle.BININT2[0], pickle.LONG1[0], pickle.BINFLOAT[0])
_LATELY = 1 << 14  # numbers


def _sharing(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """`load` puts a number on the stack; the result puts the same object there for the same number, where it came lately."""

    def load_once(unpickler: Any) -> None:
        load(unpickler)
        number = unpickler.stack[-1]
        if number:  # 0.0 == -0.0
            numbers = unpickler.numbers
            if len(numbers) >= _LATELY:
                numbers.clear()
            unpickler.stack[-1] = numbers.setdefault((type(number), number), number)

    return load_once


class PatientUnpickler(_Base):  # type: ignore[misc]
    """`settle` must be called when the names are bound; it returns what had to be left out."""

    def __init__(self, stream: Any, buffers: list[memoryview], rebuilder: Rebuilder, find_class: Any) -> None:
        super().__init__(stream, buffers=buffers)
        self._rebuilder = rebuilder
        self._find_class = find_class
        self.numbers: dict[tuple[type, float], float] = {}
        self._late: dict[int, tuple[Any, list[tuple[Any, Any]]]] = {}
        rebuilder.be_patient()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._find_class(module, name)
        except BaseException as problem:
            return Lost(str(problem) if type(problem) is pickle.UnpicklingError else f"{module}.{name}")

    def _insert(self, container: Any, key: Any, value: Any) -> None:
        """In order: once one insertion of a container was put off, the following ones are too."""
        waiting = self._late.get(id(container))
        if waiting is None:
            try:
                _put(container, key, value)
                return
            except BaseException:
                waiting = self._late[id(container)] = (container, [])
        waiting[1].append((key, value))

    def _load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._insert(self.stack[-1], key, value)

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        for at in range(0, len(items), 2):
            self._insert(self.stack[-1], items[at], items[at + 1])

    def _load_additems(self) -> None:
        items = self.pop_mark()
        for item in items:
            self._insert(self.stack[-1], item, _IN_SET)

    def _load_reduce(self) -> None:
        arguments = self.stack.pop()
        self._replace(self.stack[-1], arguments)

    def _load_newobj(self) -> None:
        arguments = self.stack.pop()
        cls = self.stack[-1]
        self._replace(cls if type(cls) is Lost else cls.__new__, (cls, *arguments))

    def _load_build(self) -> None:
        state = self.stack.pop()
        try:
            self._rebuilder.fill_library(self.stack[-1], state)
        except BaseException as problem:
            self.stack[-1] = Lost(f"an object whose state could not be set ({class_label(type(problem))})")

    def _replace(self, make: Any, arguments: Any) -> None:
        if type(make) is Lost:
            self.stack[-1] = make
            return
        try:
            self.stack[-1] = make(*arguments)
        except BaseException as problem:
            self.stack[-1] = Lost(f"an object that could not be made again ({class_label(type(problem))})")

    def settle(self) -> int:
        """Inserts what was put off; how many entries had to be left out."""
        lost = 0
        for container, items in self._late.values():
            for key, value in items:
                try:
                    _put(container, key, value)
                except BaseException:
                    lost += 1
        return lost + self._rebuilder.settle()

    dispatch: ClassVar[dict[int, Any]] = {
        **_Base.dispatch,
        pickle.SETITEM[0]: _load_setitem,
        pickle.SETITEMS[0]: _load_setitems,
        pickle.ADDITEMS[0]: _load_additems,
        pickle.REDUCE[0]: _load_reduce,
        pickle.NEWOBJ[0]: _load_newobj,
        pickle.BUILD[0]: _load_build,
        **{code: _sharing(_Base.dispatch[code]) for code in _NUMBERS},
    }


_IN_SET = object()


def _put(container: Any, key: Any, value: Any) -> None:
    if type(container) is set:
        container.add(key)
    elif type(container) is dict:
        container[key] = value
    elif value is _IN_SET:
        container.update((key,))
    else:
        container[key] = value
