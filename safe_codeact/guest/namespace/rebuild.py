"""The loading half: each step that a snapshot's stream may call, bound to one live session.

Threat: a stream calls these steps with arguments of its choice, in any order.
What doesn't work: `pickle`'s own BUILD, which sets attributes of any name on anything (`(DataFrame, (None,
{"__getattr__": f}))`), and `copyreg`, which runs `__new__`, `__init__` and `__setattr__` of guest classes.
What we do: functions get the live namespace as globals and with it the guarded builtins; state is written beneath the
classes (`raw`), only onto instances, never onto classes, functions, modules or known objects; nothing here takes a name
and walks to it, except `bound` and `class_method`, which refuse special names.
What still gets through: marshalled code is trusted as bytecode, and the C loader knows BUILD. Our streams hold neither
forged code nor a BUILD that a guest chose; a worker whose interpreter was taken over can write one that takes over the
next worker of the same session. That one is confined alike, so nothing is gained.
"""

from __future__ import annotations

import abc
import builtins
import collections
import enum
import functools
import marshal
import operator
import sys
import types
import typing
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from safe_codeact.guest.interpreters.definitions import Function
from safe_codeact.guest.namespace import arrays
from safe_codeact.guest.namespace.allowed import CLOSURE_MODULES, GENERATED_BUILTINS, SINGLETONS
from safe_codeact.guest.namespace.known import Known, resolve
from safe_codeact.guest.namespace.lost import Lost, Refused
from safe_codeact.guest.namespace.raw import Layouts, derives, type_dict

_GENERATED = {name: getattr(builtins, name) for name in GENERATED_BUILTINS}
_NOT_INSTANCES = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MappingProxyType,
)  # fmt: skip


class _Fills:
    """What the C unpickler takes for a list."""

    def __init__(self, rebuilder: Rebuilder) -> None:
        self._rebuilder = rebuilder

    def append(self, item: tuple[Any, Any] | None) -> None:
        if item is not None:
            self._rebuilder.fill_instance(*item)

    def extend(self, items: list[tuple[Any, Any] | None]) -> None:
        for item in items:
            self.append(item)


class Rebuilder:
    """The steps. One per load; `finish` must be called when the stream is through."""

    def __init__(self, namespace: dict[str, Any], known: Known) -> None:
        self._namespace = namespace
        self._known = known
        self._hooks: list[tuple[type, str, Any]] = []
        self._made: dict[int, object] = {}  # what these steps made, and may therefore write to
        self._layouts = Layouts()
        self._patient = False
        self._waiting: list[tuple[Any, Any]] = []  # contents for which a hash may be missing yet

    def _own(self, made: Any) -> Any:
        self._made[id(made)] = made
        return made

    def _must_own(self, obj: object) -> None:
        if id(obj) not in self._made:
            raise Refused("a snapshot writes only to what it made itself")

    # ---- by reference

    def known(self, name: str) -> object:
        try:
            found = self._known.find(name)
        except (LookupError, ImportError):
            found = None
        return Lost(f"{name.partition(':')[2]} is not available to this action") if found is None else found

    def constant(self, module: str, name: str) -> object:
        if name not in SINGLETONS.get(module, ()):
            raise Refused(f"{module}.{name} is not a constant that a snapshot may name")
        return getattr(sys.modules[module], name)

    def exported(self, module: str, qualname: str) -> object:
        """A granted object under the name of a module that shows it, not of the one that made it."""
        return resolve(module, qualname, self._known)

    def zone(self, key: str) -> object:
        return sys.modules["zoneinfo"].ZoneInfo(key)

    # ---- functions

    def definition(self, source: str, defaults: list[Any]) -> object:
        """A function of a formula: its interpreter runs no more of the text than it has handlers for."""
        return Function.of(source, defaults)

    def code(self, data: bytes) -> types.CodeType:
        # SAFETY: marshal can crash the interpreter on forged bytes. Only a worker that was already taken over forges
        # them, and this one is confined alike (see above).
        code = marshal.loads(data)  # noqa: S302
        if type(code) is not types.CodeType:
            raise Refused("a snapshot's code must be a code object")
        return code

    def cell(self) -> types.CellType:
        return types.CellType()

    def function(
        self, code: types.CodeType, home: str, name: str, closure: tuple[types.CellType, ...] | None
    ) -> types.FunctionType:
        return self._own(types.FunctionType(code, self._globals(home), name, None, closure))  # type: ignore[no-any-return]

    def _globals(self, home: str) -> dict[str, Any]:
        if home == "":
            return self._namespace
        if home == "generated":
            return {"__builtins__": _GENERATED, "__name__": "generated"}
        if home not in CLOSURE_MODULES:
            raise Refused(f"a snapshot has no functions over the globals of {home}")
        return vars(sys.modules[home])

    def fill_function(self, function: types.FunctionType, state: tuple[Any, ...]) -> None:
        self._must_own(function)
        qualname, module, doc, defaults, kwdefaults, annotations, attributes, contents, type_params, used = state
        function.__qualname__ = qualname
        function.__module__ = module
        function.__doc__ = doc
        function.__defaults__ = defaults
        function.__kwdefaults__ = kwdefaults
        if annotations:
            function.__annotations__ = annotations
        if attributes:
            function.__dict__.update(attributes)
        for cell, content in zip(function.__closure__ or (), contents, strict=True):
            if content:
                cell.cell_contents = content[0]
        if used:
            scope = function.__globals__
            if scope.get("__builtins__") is not _GENERATED:
                raise Refused("only a generated function has globals of its own")
            scope.update({name: value for name, value in used.items() if not name.startswith("__")})
        if type_params:
            function.__type_params__ = type_params  # type: ignore[attr-defined]

    def method(self, function: Callable[..., Any], owner: object) -> types.MethodType:
        return types.MethodType(function, owner)

    def bound(self, owner: object, name: str) -> object:
        """A method of a builtin or library object: `[].append`, `df.describe`, a figure's own `_set_artist_props`."""
        if type(name) is not str or name.startswith("__") or isinstance(owner, type | types.ModuleType):
            raise Refused(f"a snapshot has no bound method {name!r}")
        found = getattr(owner, name)
        if getattr(found, "__self__", None) is not owner:
            raise Refused(f"{name!r} is not a bound method")
        return found

    def class_method(self, owner: type, name: str) -> object:
        """A class's own method: `dict.fromkeys`, `str.upper`."""
        if type(name) is not str or name.startswith("__") or not isinstance(owner, type):
            raise Refused(f"a snapshot has no method {name!r} of a class")
        return getattr(owner, name)

    def lru_cache(self, function: Callable[..., Any], maxsize: int | None, typed: bool) -> object:
        return self._own(functools.lru_cache(maxsize, typed)(function))

    def fill_lru_cache(self, wrapper: Any, attributes: dict[str, Any]) -> None:
        self._must_own(wrapper)
        wrapper.__dict__.update(attributes)

    def cached_property(self, function: Callable[..., Any], name: str | None) -> object:
        made = functools.cached_property(function)
        made.attrname = name
        return made

    def partial(self, function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> object:
        return functools.partial(function, *args, **keywords)

    def mapping_proxy(self, mapping: Mapping[Any, Any]) -> object:
        return types.MappingProxyType(dict(mapping))

    # ---- classes

    def skeleton(self, meta: type | None, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        """An empty class, made without running hooks of guest metaclasses or guest bases (those are set last)."""
        kind = meta or type
        if not issubclass(kind, type) or issubclass(kind, enum.EnumMeta):
            raise Refused("the metaclass of a snapshot's class must be a plain one")
        make = abc.ABCMeta.__new__ if issubclass(kind, abc.ABCMeta) else type.__new__
        return self._own(make(kind, name, bases, body))  # type: ignore[no-any-return]

    def fill_class(self, cls: type, state: tuple[dict[str, Any], list[type]]) -> None:
        """Only onto a class that a snapshot made: a library's class is never written to."""
        self._must_own(cls)
        attributes, registered = state
        for name, value in attributes.items():
            if name == "__init_subclass__":
                self._hooks.append((cls, name, value))
            else:
                type.__setattr__(cls, name, value)
        for other in registered:
            abc.ABCMeta.register(cls, other)  # type: ignore[arg-type]

    def named_tuple(
        self, name: str, fields: tuple[str, ...], defaults: tuple[Any, ...], bases: tuple[type, ...]
    ) -> type:
        factory: Any = collections.namedtuple
        made: type = factory(name, fields, defaults=defaults)
        if bases != (tuple,):
            made = types.new_class(name, (made, *bases[1:]))
        return self._own(made)  # type: ignore[no-any-return]

    def enum_class(
        self, meta: type, name: str, bases: tuple[type, ...], body: dict[str, Any], members: dict[str, Any]
    ) -> type:
        """The members with their values, made by `Enum` itself; what guest hooks gave them comes with their state."""
        if not issubclass(meta, enum.EnumMeta):
            raise Refused("an Enum needs an Enum's metaclass")
        boundary = body.pop("boundary", None)
        options = {} if boundary is None else {"boundary": boundary}
        namespace = enum.EnumMeta.__prepare__(name, bases)
        namespace.update(body)
        for member, value in members.items():
            namespace[member] = value
        return self._own(enum.EnumMeta.__new__(meta, name, bases, namespace, **options))  # type: ignore[no-any-return,arg-type]

    def fill_enum(self, cls: Any, state: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
        self._must_own(cls)
        attributes, members = state
        for name, value in attributes.items():
            type.__setattr__(cls, name, value)
        for name, values in members.items():
            cls._member_map_[name].__dict__.update(values)

    def enum_member(self, cls: Any, name: str) -> object:
        if not isinstance(cls, enum.EnumMeta):
            raise Refused("only an Enum has members")
        return cls._member_map_[name]

    def flag(self, cls: type, value: int) -> object:
        if not isinstance(cls, enum.EnumMeta):
            raise Refused("only a Flag has values")
        return cls(value)

    def be_patient(self) -> None:
        """Fill guest containers only in `settle`, when the names are bound."""
        self._patient = True

    def settle(self) -> int:
        """Fills the containers that waited; how many could not be filled."""
        lost = 0
        for obj, content in self._waiting:
            try:
                _fill_content(obj, content)
            except BaseException:  # a guest's hash
                lost += 1
        return lost

    def finish(self) -> None:
        for cls, name, value in self._hooks:
            type.__setattr__(cls, name, value)
        self._hooks.clear()

    # ---- instances

    def instance(self, cls: type, native: type, arguments: tuple[Any, ...], early: dict[str, Any]) -> object:
        """An instance without `__init__`; `early` holds the attributes that a `__hash__` may need in a cycle."""
        if not isinstance(cls, type) or not derives(cls, native):
            raise Refused("an instance is made by a base of its own class")
        made = native.__new__(cls, *arguments)
        if native is collections.deque:
            collections.deque.__init__(made, *arguments)  # where `maxlen` is set
        self._fill(made, early, {})
        return self._own(made)

    def fill_instance(self, obj: Any, state: tuple[dict[str, Any], dict[str, Any], Any, dict[str, Any]]) -> None:
        attributes, slots, content, members = state
        self._must_own(obj)
        self._fill(obj, attributes, slots)
        for name, value in members.items():
            BaseException.__setattr__(obj, name, value)
        if content is None:
            return
        if self._patient:
            self._waiting.append((obj, content))
        else:
            _fill_content(obj, content)

    def fills(self) -> _Fills:
        """Takes the states that were put off while saving, and fills them in as they come."""
        return _Fills(self)

    def _fill(self, obj: Any, attributes: dict[str, Any], slots: dict[str, Any]) -> None:
        if attributes:
            target = self._layouts.of(obj).attributes(obj)
            if target is None:
                raise Refused(f"a {type(obj).__name__} has no attributes of its own")
            target.update(attributes)
        if slots:
            if isinstance(obj, collections.defaultdict):
                factory = type_dict(collections.defaultdict)["default_factory"]
                factory.__set__(obj, slots.pop("default_factory", None))
            descriptors = self._layouts.of(obj).slots
            for name, value in slots.items():
                descriptors[name].__set__(obj, value)

    def fill_library(self, obj: Any, state: Any) -> None:
        """The state of a library's object: its own `__setstate__` or, as pickle does it, `__dict__` and slots."""
        self._refuse_shared(obj)
        setter = getattr(type(obj), "__setstate__", None)
        if setter is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of itertools, since 3.12
                setter(obj, state)
            return
        slots: dict[str, Any] = {}
        if type(state) is tuple and len(state) == 2:
            state, slots = state
        self._fill(obj, state or {}, slots or {})

    def _refuse_shared(self, obj: object) -> None:
        if isinstance(obj, _NOT_INSTANCES) or self._known.name_of(obj) is not None:
            raise Refused(f"a snapshot does not write to a {type(obj).__name__}")

    # ---- typing

    def subscript(self, origin: Any, arguments: Any) -> object:
        if not isinstance(origin, type) and type(origin).__module__ not in ("typing", "types"):
            raise Refused("only a type is subscripted")
        return origin[arguments]

    def union(self, arguments: tuple[Any, ...]) -> object:
        return typing.Union[arguments]  # noqa: UP007

    def type_union(self, arguments: tuple[Any, ...]) -> object:
        return functools.reduce(operator.or_, arguments)

    def type_variable(self, kind: str, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> object:
        if kind not in ("TypeVar", "ParamSpec", "TypeVarTuple"):
            raise Refused(f"{kind} is not a type variable")
        return getattr(typing, kind)(name, *arguments, **options)

    def new_type(self, name: str, supertype: Any, module: str) -> object:
        factory: Any = typing.NewType
        made = factory(name, supertype)
        made.__module__ = module
        return made

    # ---- arrays

    def array(self, *arguments: Any) -> object:
        return arrays.load_array(*arguments)

    def view(self, *arguments: Any) -> object:
        return arrays.load_view(*arguments)

    def block_refs(self) -> object:
        return sys.modules["pandas._libs.internals"].BlockValuesRefs()

    def block(self, values: Any, indexer: Any, dimensions: int, refs: Any) -> object:
        """A block of a pandas frame that goes on knowing which other blocks share its memory."""
        internals = sys.modules["pandas._libs.internals"]
        made = internals._unpickle_block(values, indexer, dimensions)
        if type(refs) is not internals.BlockValuesRefs:
            return made
        return type(made)(made.values, placement=made.mgr_locs, ndim=made.ndim, refs=refs)


def _fill_content(obj: Any, content: Any) -> None:
    """The content of a subclass of a builtin container, beneath what the subclass makes of `append` or `[]`."""
    kind = type(obj)
    if issubclass(kind, collections.OrderedDict):
        for key, value in content.items() if type(content) is dict else content:
            collections.OrderedDict.__setitem__(obj, key, value)
    elif issubclass(kind, dict):
        dict.update(obj, content)
    elif issubclass(kind, list):
        list.extend(obj, content)
    elif issubclass(kind, set):
        set.update(obj, content)
    elif issubclass(kind, collections.deque):
        collections.deque.extend(obj, content)


_OURS = ("finish", "be_patient", "settle")
STEPS: dict[str, str] = {
    f"Rebuilder.{name}": name
    for name, step in vars(Rebuilder).items()
    if type(step) is types.FunctionType and not name.startswith("_") and name not in _OURS
}
