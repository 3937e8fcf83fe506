"""What to start from, what to go for, and the ways to get at an attribute: tables that a program is put together from.

An attempt is a source (an object that the action has by right), a path of names from there to something it must not have,
and for each name a way to get at it. Most combinations were never tried by anybody.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from safe_codeact.fuzzing.programs import spelling


@dataclass(frozen=True, slots=True)
class Source:
    """`setup` are lines of their own; `paths`: from the object to something that is loot in itself."""

    setup: str
    expression: str
    paths: tuple[tuple[str, ...], ...]
    needs: str = ""  # a module that the policy must let it import


def _paths(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in text.split())


_FUNCTION: Final = _paths("__globals__ __code__ __builtins__ __closure__ __globals__.__class__")
_CLASS: Final = _paths(
    "__mro__ __base__.__subclasses__ __bases__ mro __subclasses__ __dict__ __init__.__globals__ __basicsize__"
)
_OBJECT: Final = _paths(
    "__class__.__mro__ __class__.__base__ __class__.__bases__ __reduce__ __reduce_ex__ __init__.__globals__"
)
_FRAMES: Final = _paths("f_globals f_back f_builtins f_locals f_code")

SOURCES: Final[tuple[Source, ...]] = (
    Source("def f(a=1):\n    return a", "f", _FUNCTION),
    Source("f = lambda a=1: a", "f", _FUNCTION),
    Source("async def f():\n    return 1", "f", _FUNCTION),
    Source("class C:\n    def m(self):\n        return 1", "C.m", _FUNCTION),
    Source("class C:\n    def m(self):\n        return 1", "C().m", _paths("__func__.__globals__ __self__.__class__.__mro__")),
    Source("class C:\n    def m(self):\n        return 1", "C", _CLASS),
    Source("class C:\n    @property\n    def p(self):\n        return 1", "vars(C)['p']", _paths("fget.__globals__ fget.__code__")),
    Source("class C:\n    @classmethod\n    def m(cls):\n        return 1", "C.m", _paths("__func__.__globals__ __func__.__code__")),
    Source("class C:\n    @staticmethod\n    def m():\n        return 1", "vars(C)['m']", _paths("__wrapped__.__globals__ __func__.__globals__")),
    Source("", "int", _CLASS),
    Source("", "dict.fromkeys", _paths("__self__.__mro__ __self__.__subclasses__")),
    Source("", "()", _OBJECT),
    Source("", "'text'", _OBJECT + _paths("format.__self__.__class__.__mro__ join.__self__.__class__.__base__")),
    Source("", "print", _paths("__self__ __self__.__dict__ __self__.eval")),
    Source("", "len", _paths("__self__ __self__.__dict__ __self__.open")),
    Source("", "getattr", _FUNCTION + _paths("__self__ __wrapped__ __defaults__ __kwdefaults__")),
    Source("", "eval", _FUNCTION + _paths("__self__ __func__.__globals__")),
    Source("", "type", _paths("__mro__ __subclasses__ __base__ __self__ _kind make")),
    Source("", "globals()", _paths("_names _real __class__.__mro__ __self__")),
    Source("g = (i for i in (1, 2))\nnext(g)", "g", tuple(("gi_frame", *p) for p in _FRAMES) + _paths("gi_code gi_frame")),
    Source("async def a():\n    return 1\ng = a()", "g", tuple(("cr_frame", *p) for p in _FRAMES) + _paths("cr_code cr_frame cr_origin")),
    Source("async def a():\n    yield 1\ng = a()", "g", tuple(("ag_frame", *p) for p in _FRAMES) + _paths("ag_code ag_frame")),
    Source(
        "try:\n    1 / 0\nexcept ZeroDivisionError as caught:\n    e = caught",
        "e",
        tuple(("__traceback__", "tb_frame", *p) for p in _FRAMES) + _paths("__traceback__ __traceback__.tb_frame __traceback__.tb_next"),
    ),
    Source(
        "try:\n    ''.nothing\nexcept AttributeError as caught:\n    e = caught",
        "e",
        _paths("__traceback__.tb_frame.f_globals obj.__class__.__mro__ __traceback__.tb_frame.f_builtins"),
    ),
    Source("from vault import Box\nb = Box()", "b", _paths("_hidden _os _internal __dict__ __class__.__mro__ _os.system")),
    Source("from vault import Box", "Box", _CLASS + _paths("__init__.__globals__ fail.__globals__ _internal greet.__code__")),
    Source("from vault import Box\nb = Box()", "b.greet", _paths("__func__.__globals__ __self__._hidden __self__._os")),
    Source("from vault import Box\ng = Box().later()", "g", tuple(("gi_frame", *p) for p in _FRAMES)),
    Source("from vault import work", "work", _FUNCTION + _paths("__defaults__ __kwdefaults__")),
    Source("from vault import wrapped", "wrapped", _paths("__wrapped__.__globals__ __closure__ __globals__ __wrapped__.__code__")),
    Source("from vault import job\ng = job()", "g", tuple(("cr_frame", *p) for p in _FRAMES)),
    Source(
        "from vault import Box\ntry:\n    Box().fail()\nexcept AttributeError as caught:\n    e = caught",
        "e",
        _paths("obj __traceback__.tb_next.tb_frame.f_globals __traceback__.tb_frame"),
    ),
    Source("from vault import Swallow\nw = Swallow()\nwith w:\n    1 / 0", "w.error", _paths("__traceback__.tb_frame.f_globals __traceback__.tb_frame.f_back")),
    Source("import vault", "vault", _paths("_SECRET _os __dict__ __loader__ __spec__ __builtins__")),
    Source("import functools\n@functools.lru_cache\ndef f(a=1):\n    return a", "f", _paths("__wrapped__.__globals__ __dict__"), "functools"),
    Source("import functools\nfrom vault import work\np = functools.partial(work)", "p", _paths("func.__globals__ func.__defaults__ __reduce__"), "functools"),
    Source("import functools\nclass C:\n    @functools.cached_property\n    def p(self):\n        return 1", "vars(C)['p']", _paths("func.__globals__ func.__code__"), "functools"),
    Source("import functools\n@functools.singledispatch\ndef f(a):\n    return a", "f", _paths("registry __wrapped__.__globals__ dispatch.__closure__ dispatch.__globals__"), "functools"),
    Source("import random", "random", _paths("_os __dict__ __loader__ _inst.__reduce__ Random.__init__.__globals__ _sha512"), "random"),
    Source("import random", "random.choice", _paths("__self__.__class__.__mro__ __func__.__globals__"), "random"),
    Source("import json", "json", _paths("codecs decoder.scanner __spec__.loader __loader__ _default_decoder loads.__globals__"), "json"),
    Source("import json", "json.JSONDecoder", _CLASS + _paths("decode.__globals__ __init__.__globals__"), "json"),
    Source("import collections\nP = collections.namedtuple('P', 'x y')", "P", _CLASS + _paths("_make.__func__.__globals__ _replace.__globals__ __new__.__globals__"), "collections"),
    Source("import collections", "collections", _paths("_sys abc._abc_data _itemgetter __builtins__ __loader__"), "collections"),
    Source("import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int = 1", "D", _CLASS + _paths("__init__.__globals__ __eq__.__code__ __dataclass_fields__"), "dataclasses"),
    Source("import enum\nclass E(enum.Enum):\n    A = 1", "E.A", _paths("__class__.__mro__ __reduce_ex__ _sort_order_ __objclass__.__mro__"), "enum"),
    Source("import typing", "typing", _paths("sys _sys types __builtins__ get_type_hints.__globals__"), "typing"),
    Source("import re", "re", _paths("_compiler sys enum.sys _cache __loader__ template.__globals__ compile.__globals__"), "re"),
    Source("import logging\nh = logging.getLogger('x')", "h", _paths("manager.__dict__ root.__class__.__mro__ handle.__func__.__globals__"), "logging"),
    Source("import contextlib\n@contextlib.contextmanager\ndef cm():\n    yield 1\nc = cm()", "c", _paths("gen.gi_frame.f_globals func.__globals__ gen.gi_code"), "contextlib"),
    Source("import inspect\nfrom vault import work\ns = inspect.signature(work)", "s", _paths("parameters.__class__.__mro__ _parameters __class__.from_callable.__func__.__globals__"), "inspect"),
    Source("import asyncio\nasync def a():\n    return asyncio.current_task()\nt = asyncio.run(a())", "t", _paths("_coro.cr_frame get_coro get_stack _loop"), "asyncio"),
    Source("import string\nf = string.Formatter()", "f", _paths("get_field.__func__.__globals__ vformat.__globals__ __class__.__mro__"), "string"),
    Source("import io\ns = io.StringIO()", "s", _paths("__class__.__mro__ __reduce_ex__ __getstate__ __init__.__objclass__"), "io"),
    Source("import os", "os", _paths("system fork environ.__class__.__mro__ sys path.__dict__ __loader__ popen _exit"), "os"),
    Source("import sys", "sys", _paths("modules _getframe meta_path settrace __dict__ path_importer_cache"), "sys"),
    Source("import numpy as np", "np", _paths("os sys __builtins__ __loader__ ctypeslib core lib.npyio fromregex.__globals__"), "numpy"),
    Source("import numpy as np\na = np.ones(2)", "a", _paths("ctypes __array_interface__ __array_struct__ tofile __reduce__ data.obj"), "numpy"),
    Source("import pandas as pd\nd = pd.DataFrame({'a': [1]})", "d", _paths("_mgr _metadata __reduce__ to_pickle eval.__func__.__globals__ _constructor.__mro__"), "pandas"),
    Source("import weakref\nclass C: pass\nc = C()\nr = weakref.ref(c)", "r", _paths("__class__.__mro__ __callback__ __init__.__objclass__"), "weakref"),
    Source("import copy", "copy", _paths("_deepcopy_dispatch dispatch_table.__class__ deepcopy.__globals__ copyreg"), "copy"),
    Source("import operator\nf = operator.attrgetter('x')", "f", _paths("__reduce__ __class__.__mro__ __wrapped__"), "operator"),
)  # fmt: skip

Way = Callable[[str, str, random.Random], tuple[str, str]]


def _expression(template: str) -> Way:
    """A way that is one expression: {x} the object, {s} an expression of the name, {n} the name as it is written."""

    def way(x: str, name: str, rng: random.Random) -> tuple[str, str]:
        written = spelling.identifier(name, rng) if rng.random() < 0.3 else name
        return "", template.format(
            x=x, s=spelling.text(name, rng), n=written, r=repr(name), d=spelling.text("{0." + name + "}", rng)
        )

    return way


def _statement(setup: str, expression: str) -> Way:
    """A way that needs lines of its own; {v} is a fresh variable."""

    def way(x: str, name: str, rng: random.Random) -> tuple[str, str]:
        v = f"v{rng.randrange(10_000)}"
        parts = {"x": x, "s": spelling.text(name, rng), "n": name, "r": repr(name), "v": v,
                 "d": spelling.text("{0." + name + "}", rng)}  # fmt: skip
        return setup.format(**parts), expression.format(**parts)

    return way


# All that an object, or a frame, hands over at once.
WHOLES: Final = (
    "vars({x})", "({x}).__dict__", "dict(vars({x}))", "[*vars({x}).values()]", "globals()", "locals()", "dict(globals())",
    "[*globals().values()]", "type({x})", "type(type({x}))", "[getattr({x}, n, None) for n in dir({x})]", "repr({x})",
    "__import__('inspect').getmembers({x})", "__import__('copy').copy({x})", "__import__('copy').deepcopy({x})",
    "getattr({x}, '__dict__', None)", "(lambda: locals())()", "[*map(vars, [{x}])]", "__import__('copy').replace({x})",
    "__import__('inspect').signature({x}).parameters", "[p.default for p in __import__('inspect').signature({x}).parameters.values()]",
    "__import__('typing').get_type_hints({x})", "__import__('types').SimpleNamespace(**vars({x}))", "sorted(vars({x}).items(), key=str)",
)  # fmt: skip
_ANYTHING: Final = "class A{v}(type):\n    def __instancecheck__(cls, other):\n        return True\n"

# Class of the fuzzer's → the ways that belong to it. Some need a module; where it is not there, the attempt ends there.
WAYS: Final[dict[str, tuple[Way, ...]]] = {
    "references": (
        _expression("({x}).{n}"),
        _expression("getattr({x}, {s})"),
        _expression("getattr({x}, {s}, None)"),
        _expression("vars({x})[{s}]"),
        _expression("({x}).__dict__[{s}]"),
        _expression("[o for k, o in vars({x}).items() if k == {s}][0]"),
        _expression("__import__('operator').attrgetter({s})({x})"),
        _statement("from operator import attrgetter as g{v}", "g{v}({s})({x})"),
        _statement("from inspect import getattr_static as g{v}", "g{v}({x}, {s})"),
        _statement("import inspect as i{v}", "dict(i{v}.getmembers({x}))[{s}]"),
        _statement("import copy as c{v}", "getattr(c{v}.copy({x}), {s})"),
        _statement("import types as t{v}", "getattr(t{v}.SimpleNamespace(o={x}).o, {s})"),
        _statement("from vault import call as c{v}", "c{v}(getattr, {x}, {s})"),
        _statement("import weakref as w{v}", "getattr(w{v}.proxy({x}), {s})"),
        _statement("import collections as c{v}", "c{v}.ChainMap(vars({x}))[{s}]"),
        _statement("import contextlib as c{v}", "c{v}.nullcontext({x}).enter_result.{n}"),
    ),
    "hooks": (
        _expression("list(map(getattr, [{x}], [{s}]))[0]"),
        _expression("type({x}).__getattribute__({x}, {s})"),
        _expression("object.__getattribute__({x}, {s})"),
        _expression("type.__getattribute__({x}, {s})"),
        _expression("super(type({x}), {x}).__getattribute__({s})"),
        _expression("{d}.format({x})"),
        _expression("str.format({d}, {x})"),
        _expression("{d}.replace('0', 'x').format_map({{'x': {x}}})"),
        _expression("list(map(str.format, [{d}], [{x}]))[0]"),
        _expression("max([{x}], key=lambda o: bool(getattr(o, {s}))).{n}"),
        _statement("import functools as f{v}", "f{v}.reduce(getattr, [{s}], {x})"),
        _statement("import functools as f{v}", "f{v}.partial(getattr, {x})({s})"),
        _statement("import itertools as i{v}", "list(i{v}.starmap(getattr, [({x}, {s})]))[0]"),
        _statement("import operator as o{v}", "o{v}.methodcaller('__getattribute__', {s})({x})"),
        _statement("import operator as o{v}", "property(o{v}.attrgetter({s})).__get__({x})"),
        _statement("import string as s{v}", "s{v}.Formatter().get_field({d}[1:-1], ({x},), {{}})[0]"),
        _statement("import string as s{v}", "s{v}.Formatter().vformat({d}, ({x},), {{}})"),
        _statement("import logging as l{v}", "l{v}.Formatter({d}.replace('0', 'msg'), style='{{').format(l{v}.makeLogRecord({{'msg': {x}}}))"),
        _statement("import functools as f{v}\nc{v} = f{v}.cached_property(lambda o: 1)\nc{v}.attrname = {s}", "c{v}.__get__({x})"),
        _statement("class F{v}(str):\n    def __getitem__(self, i):\n        return {s}", "getattr({x}, F{v}('x')[0])"),
        _statement("class N{v}(str):\n    def __str__(self):\n        return {s}\n    def startswith(self, *a):\n        return False", "getattr({x}, N{v}({s}))"),
        _statement("class N{v}(str):\n    def __eq__(self, o):\n        return o == {s}\n    def __hash__(self):\n        return hash({s})", "getattr({x}, N{v}('x'))"),
        _statement("class G{v}:\n    def __getattr__(self, n):\n        return getattr({x}, n)", "getattr(G{v}(), {s})"),
        _statement("class G{v}:\n    def __format__(self, spec):\n        return {d}.format({x})", "format(G{v}(), '')"),
        _statement("class G{v}:\n    def __index__(self):\n        global loot\n        loot = getattr({x}, {s})\n        return 0", "[1][G{v}()] and loot"),
    ),
    "syntax": (
        _statement("match {x}:\n    case object({n}=m{v}):\n        pass", "m{v}"),
        _statement(_ANYTHING + "class M{v}(metaclass=A{v}):\n    __match_args__ = ({s},)\nmatch {x}:\n    case M{v}(m{v}):\n        pass", "m{v}"),
        _statement(_ANYTHING + "class M{v}(metaclass=A{v}):\n    pass\nsetattr(M{v}, '__match_args__', ({s},))\nmatch {x}:\n    case M{v}(m{v}):\n        pass", "m{v}"),
        _statement("import dataclasses as d{v}\n" + _ANYTHING + "D{v} = d{v}.make_dataclass('D{v}', [{s}])\nclass M{v}(D{v}, metaclass=A{v}): pass\nmatch {x}:\n    case M{v}(m{v}):\n        pass", "m{v}"),
        _statement("for m{v} in [({x}).{n}]:\n    pass", "m{v}"),
        _statement("m{v}, *_r = [({x}).{n}]", "m{v}"),
        _statement("def f{v}(p=({x}).{n}):\n    return p", "f{v}()"),
        _statement("def f{v}(p: ({x}).{n}):\n    return p", "f{v}.__annotations__['p']"),
        _statement("class K{v}:\n    a: ({x}).{n} = 1", "K{v}.__annotations__['a']"),
        _statement("class K{v}(metaclass=lambda *a, **k: getattr({x}, {s})): pass", "K{v}"),
        _statement("@lambda f: getattr({x}, {s})\ndef f{v}(): pass", "f{v}"),
        _statement("t{v} = f'{{(m{v} := ({x}).{n})}}'", "m{v}"),
        _statement("with __import__('contextlib').nullcontext(({x}).{n}) as m{v}:\n    pass", "m{v}"),
        _statement("try:\n    raise ValueError(getattr({x}, {s}))\nexcept* ValueError as e{v}:\n    m{v} = e{v}.exceptions[0].args[0]", "m{v}"),
        _statement("l{v} = [0]\nl{v}[0] = ({x}).{n}", "l{v}[0]"),
        _expression("(lambda o: o.{n})({x})"),
        _expression("[o.{n} for o in [{x}]][0]"),
        _expression("{{0: o.{n} for o in [{x}]}}[0]"),
        _expression("next(o.{n} for o in [{x}])"),
        _expression("(0 or ({x}).{n})"),
        _expression("(lambda *, o: o.{n})(o={x})"),
    ),
    "parsers": (
        _statement("e{v} = {{'o': {x}}}", "eval('o.' + {s}, e{v})"),
        _statement("e{v} = {{'o': {x}}}\nexec('r = o.' + {s}, e{v})", "e{v}['r']"),
        _statement("o{v} = {x}", "eval('o{v}.' + {s})"),
        _statement("o{v} = {x}", "eval(b'o{v}.' + {s}.encode())"),
        _statement("o{v} = {x}\nexec('global r{v}; r{v} = o{v}.' + {s})", "r{v}"),
        _statement("o{v} = {x}", "eval('# -*- coding: utf-7 -*-' + chr(10) + 'o{v}.' + {s})"),
        _statement("o{v} = {x}", "eval('(lambda: o{v}.' + {s} + ')()')"),
        _statement("o{v} = {x}", "eval('[o{v}.' + {s} + ' for i in [1]][0]')"),
        _statement("o{v} = {x}", "eval('o{v}' + chr(12) + '.' + {s})"),
        _statement("import ast as a{v}\no{v} = {x}", "a{v}.literal_eval('o{v}.' + {s})"),
        _statement("import typing as t{v}\no{v} = {x}\nclass H{v}:\n    a: 'o{v}.' + {s}", "t{v}.get_type_hints(H{v})['a']"),
        _statement("from vault import apply as a{v}\no{v} = {x}", "a{v}(eval, 'o{v}.' + {s})"),
        _statement("o{v} = {x}", "list(map(eval, ['o{v}.' + {s}]))[0]"),
        _expression("({x}) . {n}"),
        _expression("({x}\n.\n{n})"),
        _expression("({x}).\\\n{n}"),
    ),
    "forgery": (
        _expression("getattr({x}, {s} + chr(0x16fe4))"),
        _expression("getattr({x}, {s}[:-1] + chr(0x16fe4))"),
        _statement("globals()[chr(0x16fe4) + 'guard:read'] = lambda o, n: o", "({x}).{n}"),
        _statement("e{v} = {{'o': {x}, chr(0x16fe4) + 'guard:read': lambda o, n: object.__getattribute__(o, n)}}", "eval('o.{n}', e{v})"),
        _statement("e{v} = {{'o': {x}, '__builtins__': {{'getattr': getattr}}}}", "eval('getattr(o, ' + repr({s}) + ')', e{v})"),
        _statement("def getattr_(o, n):\n    return object.__getattribute__(o, n)\nglobals()['getattr'] = getattr_", "getattr({x}, {s})"),
        _statement("class O{v}:\n    def __getattribute__(self, n):\n        return object.__getattribute__({x}, n)", "getattr(O{v}(), {s})"),
        _statement("b{v} = {{}}\nexec('1', b{v})", "eval('getattr(o, n)', {{**b{v}, 'o': {x}, 'n': {s}}})"),
        _statement("class D{v}(dict):\n    def __missing__(self, k):\n        return getattr({x}, {s})", "eval('nothing', {{}}, D{v}())"),
    ),
}  # fmt: skip
