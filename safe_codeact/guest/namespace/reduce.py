"""The saving half: how each kind of object becomes a step of `rebuild.Rebuilder`, or is said not to be kept.

Threat: guest hooks (`__reduce__`, `__getstate__`, instance attributes of those names) choose callables and state for
pickle to run when the snapshot is loaded, with the attribute names that the gate refuses in source.
What doesn't work: refusing by name at load alone: guest functions may be called there, and BUILD sets any attribute.
What we do: instances of guest classes are read beneath their classes, so their hooks are never asked; library objects
go through their class's reduction, not the instance's, and their state is set by our own step, which writes only to
instances. Every class or function that a stream names passes `known.granted` here as well as at load.
"""

from __future__ import annotations

import collections
import marshal
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from safe_codeact.guest.namespace import arrays, classes, frames, instances, values
from safe_codeact.guest.namespace.allowed import CLOSURE_MODULES, ITERATORS, SINGLETONS
from safe_codeact.guest.namespace.known import Known, resolve
from safe_codeact.guest.namespace.raw import (
    HEAP_TYPE,
    IMMUTABLE_TYPE,
    Layouts,
    class_label,
    derives,
    type_dict,
    type_flags,
    type_module,
    type_name,
    type_qualname,
)
from safe_codeact.guest.namespace.rebuild import Rebuilder

PROTOCOL = 5
IN_BAND = 1 << 12  # buffers below a page are cheaper inside the stream


class NotKept(Exception):
    """This object cannot be kept; the message is the reason that the model reads."""


class Later:
    """Stands in the stream where the states that were put off go."""


class Shown:
    """Stands for a dict, list or set that a module shows: the C pickler writes those without asking for a reduction."""

    def __init__(self, name: str) -> None:
        self.name = name


class SessionPickler(pickle.Pickler):
    """Pickles the values of one session's names.

    `buffers` receives the large buffers in order; `needs` the packages that loading will use. With `flat`, the state
    of guest instances is not written inside one another but one after the other behind everything else (`later`), so
    that a linked list of any length can be kept; the price is that sets and dicts may have to be filled again at load.
    """

    def __init__(self, sink: Any, namespace: dict[str, Any], known: Known, *, flat: bool = False) -> None:
        self._flat = flat
        self._pending: collections.deque[tuple[object, object]] = collections.deque()
        self.alone: dict[int, object] = {}  # arrays that share memory with none, whatever numpy says
        self.buffers: list[memoryview] = []
        self.needs: set[str] = set()
        self.words: set[str] | None = set()  # of the code that is kept; None: it may use any name
        self.namespace = namespace
        self.known = known
        self.layouts = Layouts()
        self._constants = _constants()
        self._reducers: dict[int, Callable[[Any], Any]] = {}
        self._kinds: list[type] = []  # keeps the keys of `_reducers` alive
        super().__init__(sink, PROTOCOL, buffer_callback=self._take_buffer)

    def _take_buffer(self, buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND:
            return True
        self.buffers.append(raw)
        return False

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        reducer = self._reducers.get(id(kind))
        if reducer is None:
            reducer = self._classify(kind)
            self._kinds.append(kind)
            self._reducers[id(kind)] = reducer
        return reducer(obj)

    def defer(self, obj: object, state: object) -> bool:
        """Takes the state of an instance for later, where this pickling is flat."""
        if self._flat:
            self._pending.append((obj, state))
        return self._flat

    def later(self) -> Iterator[tuple[object, object] | None]:
        """The states put off, including those that writing these puts off. The C pickler asks for one item more than
        it has written, hence the fillers."""
        idle = 0
        while idle < 2:
            if self._pending:
                idle = 0
                yield self._pending.popleft()
            else:
                idle += 1
                yield None

    def _reduce_later(self, _: Later) -> Any:
        return Rebuilder.fills, (), None, self.later()

    def _reduce_shown(self, shown: Shown) -> Any:
        return Rebuilder.known, (shown.name,)

    def _classify(self, kind: type) -> Callable[[Any], Any]:
        """The reduction of all objects of one exact type."""
        exact = _EXACT_BY_ID.get(id(kind))
        if exact is not None:
            return exact.__get__(self)  # type: ignore[no-any-return]
        if derives(kind, type):
            return self._reduce_class
        if type_name(kind) == "cython_function_or_method":
            return self._reduce_cython
        late = _LATE.get(f"{type_module(kind)}.{type_qualname(kind)}")
        if late is not None:
            return late.__get__(self)  # type: ignore[no-any-return]
        if self.is_guest_class(kind):
            reduce_guest = instances.guest_reducer(self, kind)
            return lambda obj: self.named(obj) or reduce_guest(obj)
        return self._library_reducer(kind)

    def is_guest_class(self, cls: type) -> bool:
        """Made by the session: a heap type that is not found under its own name in a loaded module."""
        if type_flags(cls) & (HEAP_TYPE | IMMUTABLE_TYPE) != HEAP_TYPE:
            return False
        module = type_dict(cls).get("__module__")
        if type(module) is not str or module == "__main__" or module not in sys.modules:
            return True
        found: Any = sys.modules[module]
        for part in type_qualname(cls).split("."):
            found = getattr(found, part, None)
        return found is not cls

    # ---- by reference

    def named(self, obj: object) -> Any:
        """The reduction of a known object or of a constant, or None."""
        name = self.known.name_of(obj)
        if name is not None:
            return Rebuilder.known, (name,)
        constant = self._constants.get(id(obj))
        return None if constant is None else (Rebuilder.constant, constant)

    def reference(self, obj: Any, module: Any, qualname: Any) -> Any:
        """`module.qualname` as a global of the stream; raises `NotKept` where the policy doesn't grant it."""
        if type(module) is str and type(qualname) is str:
            try:
                found = resolve(module, qualname, self.known)
            except LookupError as problem:
                raise NotKept(f"{problem}") from None
            if found is obj:
                self.needs.add(module.partition(".")[0])
                return NotImplemented
        raise NotKept(f"{qualname} of {module} is not found under that name")

    def _reduce_class(self, cls: type) -> Any:
        reduction = self.named(cls)
        if reduction is not None:
            return reduction
        if not self.is_guest_class(cls):
            return self.reference(cls, cls.__module__, cls.__qualname__)
        return classes.reduce_class(self, cls)

    def _reduce_function(self, function: types.FunctionType) -> Any:
        scope = function.__globals__
        if scope is self.namespace:
            return values.reduce_function(function, "")
        if id(function) in _STEPS:
            return NotImplemented
        reduction = self.named(function)
        if reduction is not None:
            return reduction
        module, qualname = function.__module__, function.__qualname__
        home = scope.get("__name__")
        if "<locals>" not in qualname:
            for place in dict.fromkeys((module, home)):
                if type(place) is str and values.found_at(place, qualname) is function:
                    return self._reference_at(function, place, qualname)
        if function.__code__.co_filename == "<string>":
            return values.reduce_function(function, "generated")
        if function.__code__.co_filename.startswith("<lambdifygenerated-"):  # by sympy, of text that was judged
            return values.reduce_function(function, "generated", values.used_globals(function))
        if home in CLOSURE_MODULES and scope is vars(sys.modules[home]):
            return values.reduce_function(function, home)
        raise NotKept(f"{function.__name__} is a function of {module}, not of this session: import it again")

    def _reference_at(self, function: types.FunctionType, place: str, qualname: str) -> Any:
        owner, _, name = qualname.rpartition(".")
        if owner:
            return _bound(resolve(place, owner, self.known), name)
        reduction = self.reference(function, place, qualname)
        return reduction if place == function.__module__ else (Rebuilder.exported, (place, qualname))

    def _reduce_builtin(self, function: Any) -> Any:
        reduction = self.named(function)
        if reduction is not None:
            return reduction
        owner = function.__self__
        if owner is None or type(owner) is types.ModuleType:
            return self.reference(function, function.__module__, function.__qualname__)
        return _bound(owner, function.__name__)

    def _reduce_cython(self, function: Any) -> Any:
        reduction = self.named(function)
        return self.reference(function, function.__module__, function.__qualname__) if reduction is None else reduction

    def _reduce_method(self, method: types.MethodType) -> Any:
        function = method.__func__
        if type(function) is types.FunctionType and function.__globals__ is self.namespace:
            return Rebuilder.method, (function, method.__self__)
        reduction = self.named(method)
        if reduction is not None:
            return reduction
        if type(function) is types.FunctionType:
            return _bound(method.__self__, function.__name__)
        return Rebuilder.method, (function, method.__self__)

    def _reduce_type_method(self, method: Any) -> Any:
        reduction = self.named(method)
        return _bound(method.__objclass__, method.__name__) if reduction is None else reduction

    def _reduce_code(self, code: types.CodeType) -> Any:
        words = values.words_of(code)
        self.words = None if self.words is None or words is None else self.words | words
        return Rebuilder.code, (marshal.dumps(code),)

    def _reduce_definition(self, definition: Any) -> Any:
        source, defaults = definition.state()
        self.words = None if self.words is None else self.words | values.words_in(source)
        return Rebuilder.definition, (source, defaults)

    def _reduce_module(self, module: types.ModuleType) -> Any:
        reduction = self.named(module)
        if reduction is None:
            raise NotKept(f"the module {module.__name__} can't be kept: import it again")
        return reduction

    def _reduce_array(self, array: Any) -> Any:
        self.needs.add("numpy")
        step = arrays.reduce_array(array, alone=id(array) in self.alone)
        if step is None:
            return NotImplemented
        return getattr(Rebuilder, step[0]), step[1]

    def _reduce_ufunc(self, function: Any) -> Any:
        reduction = self.named(function)
        if reduction is not None:
            return reduction
        name = function.__name__
        if getattr(sys.modules["numpy"], name, None) is function:
            self.needs.add("numpy")
            return Rebuilder.exported, ("numpy", name)
        raise NotKept(f"the numpy function {name} can't be kept: make it again")

    def _reduce_zone(self, zone: Any) -> Any:
        self.needs.add("zoneinfo")
        return Rebuilder.zone, (zone.key,)

    # ---- library objects

    def _library_reducer(self, kind: type) -> Callable[[Any], Any]:
        module, qualname = kind.__module__, kind.__qualname__
        self.needs.add(module.partition(".")[0])
        reason = instances.REASONS.get(f"{module}.{qualname}")
        try:
            allowed = resolve(module, qualname, self.known) is kind
        except LookupError:
            allowed = False
        if module == "builtins" and qualname in ITERATORS:
            return lambda obj: NotImplemented
        if module == "itertools":  # its reductions warn since 3.12
            return lambda obj: instances.reduce_quietly(self, obj, f"{class_label(kind)} objects can't be kept")
        if reason is None and allowed and kind.__dictoffset__ == 0:
            return lambda obj: self.named(obj) or NotImplemented  # no attributes of its own: no guest hook can be on it
        label = class_label(kind)
        refusal = f"{label} objects can't be kept: {reason or instances.DEFAULT_REASON}"

        def reduce(obj: Any) -> Any:
            reduction = self.named(obj)
            if reduction is not None:
                return reduction
            if not allowed:
                raise NotKept(refusal)
            return instances.reduce_library(self, obj, refusal)

        return reduce


def _bound(owner: Any, name: str) -> Any:
    if name.startswith("__"):
        raise NotKept(f"the special method {name} can't be kept by itself: keep its object")
    return (Rebuilder.class_method if isinstance(owner, type) else Rebuilder.bound), (owner, name)


def _constants() -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for module, names in SINGLETONS.items():
        loaded = sys.modules.get(module)
        if loaded is not None:
            for name in names:
                constant = getattr(loaded, name, None)
                if constant is not None:
                    found[id(constant)] = (module, name)
    return found


_STEPS = frozenset(id(step) for step in vars(Rebuilder).values() if type(step) is types.FunctionType)

_EXACT: dict[type, Any] = {
    types.FunctionType: SessionPickler._reduce_function,
    types.CodeType: SessionPickler._reduce_code,
    types.BuiltinFunctionType: SessionPickler._reduce_builtin,
    types.MethodType: SessionPickler._reduce_method,
    types.MethodDescriptorType: SessionPickler._reduce_type_method,
    types.WrapperDescriptorType: SessionPickler._reduce_type_method,
    types.ModuleType: SessionPickler._reduce_module,
    Later: SessionPickler._reduce_later,
    Shown: SessionPickler._reduce_shown,
    **values.EXACT,
}
_EXACT_BY_ID = {id(kind): reducer for kind, reducer in _EXACT.items()}
_LATE: dict[str, Any] = {
    "numpy.ndarray": SessionPickler._reduce_array,
    "numpy.ufunc": SessionPickler._reduce_ufunc,
    "zoneinfo.ZoneInfo": SessionPickler._reduce_zone,
    "collections.Counter": instances.reduce_counter,
    "safe_codeact.guest.interpreters.definitions.Function": SessionPickler._reduce_definition,
    **values.LATE,
    **frames.LATE,
}
