"""More attempts by class: through objects that carry names, classes that are asked, modules that are renamed, forged guards.

As in `attempts`: each binds `loot`, and in plain CPython it gets what it is after. The ones for `MEMORY` read the bytes of a
string through numpy, at an address that they chose.
"""

from __future__ import annotations

import sys

ANYTHING = """
class Anything(type):
    def __instancecheck__(cls, other):
        return True
"""
MEMORY = """
import numpy as np
secret = b'canary-7f3' + b'a91'
where = {'data': (id(secret) + 32, True), 'shape': (13,), 'typestr': '|u1', 'version': 3}
"""
ANSWER = "        if name == '__array_interface__': return where\n        raise AttributeError(name)\n"
_HOOKED = (
    '\'class A:\\n    def __getattr__(self, name):\\n        if name == "__array_interface__": return where\\n'
    "        raise AttributeError(name)'"
)
READ = "loot = np.asarray(A()).tobytes().decode('latin-1')\n"

DEEPER: dict[str, list[str]] = {
    "objects that carry the name of an attribute": [
        "import functools\nfrom vault import Box\ncp = functools.cached_property(lambda s: 1)\ncp.__set_name__(Box, '_hidden')\n"
        "loot = cp.__get__(Box())",
        "import functools\nfrom vault import Box\ncp = functools.cached_property(lambda s: 1)\ncp.attrname = '_os'\nloot = cp.__get__(Box())",
        "import functools\nfrom vault import Box\ncp = functools.cached_property(lambda s: 1)\nsetattr(cp, 'attrname', '_os')\n"
        "loot = type(cp).__get__(cp, Box())",
        "from dataclasses import dataclass, asdict\nfrom vault import Box\n@dataclass\nclass D(Box):\n    label: str = 'a'\n"
        "    def __post_init__(self): Box.__init__(self)\nd = D()\nD.__dataclass_fields__['label'].name = '_hidden'\nloot = list(asdict(d).values())",
        "from dataclasses import dataclass, astuple, fields\nfrom vault import Box\n@dataclass\nclass D(Box):\n    label: str = 'a'\n"
        "    def __post_init__(self): Box.__init__(self)\nd = D()\ntype(fields(D)[0]).name.__set__(fields(D)[0], '_hidden')\nloot = astuple(d)",
        "from dataclasses import dataclass, replace\nfrom vault import Box\n@dataclass\nclass H:\n    _hidden: str = ''\n@dataclass\nclass D(Box):\n"
        "    label: str = 'a'\n    def __init__(self, **kw):\n        global loot\n        Box.__init__(self)\n        loot = kw\n"
        "D.__dataclass_fields__['_hidden'] = H.__dataclass_fields__['_hidden']\nreplace(D())",
        "from dataclasses import dataclass, replace\nfrom vault import Box\n@dataclass\nclass H:\n    _hidden: str = ''\n@dataclass\nclass D(Box):\n"
        "    label: str = 'a'\n    def __init__(self, **kw):\n        global loot\n        Box.__init__(self)\n        loot = kw\n"
        "vars(D)['__dataclass_fields__']['_hidden'] = vars(H)['__dataclass_fields__']['_hidden']\nreplace(D())",
        "from dataclasses import dataclass\nfrom vault import Box\n@dataclass\nclass D(Box):\n    _hidden: str = 'x'\n"
        "    def __post_init__(self): Box.__init__(self)\nloot = D()._hidden",
        "from dataclasses import dataclass, astuple\n@dataclass\nclass M(type):\n    x: int = 0\n    def __init__(cls, *a): pass\n"
        "class C(metaclass=M): pass\nM.__dataclass_fields__['x'].name = '__base__'\nloot = astuple(C)",
    ],
    "objects that hand over what a library keeps": [
        "import inspect\nfrom vault import work\nloot = inspect.signature(work).parameters['_os'].default",
        "import inspect\nfrom vault import work\nloot = inspect.getcallargs(work)",
        "import inspect\nfrom vault import work\nloot = inspect.Signature.from_callable(work).parameters['_os'].default",
        "import inspect\nfrom vault import work\nb = inspect.signature(work).bind()\nb.apply_defaults()\nloot = b.arguments",
        "import functools\nfrom vault import Box\nclass Spy:\n    def update(self, d):\n        global loot\n        loot = dict(d)\nclass W:\n"
        "    def __getattribute__(self, n):\n        if n == '__dict__': return Spy()\n        return object.__getattribute__(self, n)\n"
        "functools.update_wrapper(W(), Box(), ())",
        "import functools\nfrom vault import wrapped\nclass W: pass\nw = W()\n"
        "functools.update_wrapper(w, wrapped, ['__globals__'], [])\nloot = vars(w)['__globals__']",
        "import inspect\ndef f(x: '().__class__.__base__.__subclasses__()'): pass\n"
        "loot = inspect.Signature.from_callable(f, eval_str=True).parameters['x'].annotation",
        "import typing\nseen = []\ndef f(x: 'seen.append(().__class__.__base__.__subclasses__()) or int'): pass\n"
        "typing.get_type_hints(f)\nloot = seen[0]",
        "import functools\nseen = []\n@functools.singledispatch\ndef f(x): pass\n@f.register\n"
        "def _(x: 'seen.append(().__class__.__base__.__subclasses__()) or int'): pass\nloot = seen[0]",
    ],
    "fields that become patterns": [
        ANYTHING + "from dataclasses import dataclass\n@dataclass\nclass M(metaclass=Anything):\n    gi_frame: object\n"
        "def g(): yield 1\nmatch g():\n    case M(f): loot = f",
        ANYTHING
        + "from collections import namedtuple\nclass M(namedtuple('N', 'gi_frame'), metaclass=Anything): pass\n"
        "def g(): yield 1\nmatch g():\n    case M(f): loot = f",
        ANYTHING
        + "from typing import NamedTuple\nclass N(NamedTuple):\n    gi_frame: object\nclass M(N, metaclass=Anything): pass\n"
        "def g(): yield 1\nmatch g():\n    case M(f): loot = f",
        ANYTHING
        + "from dataclasses import make_dataclass\nM = make_dataclass('M', ['cr_frame'], bases=(Anything('B', (), {}),))\n"
        "async def g(): pass\nmatch g():\n    case M(f): loot = f",
        "from vault import work\nfrom abc import ABC\nfrom dataclasses import dataclass\n@dataclass\nclass M(ABC):\n    format: str\nM.register(str)\n"
        "match '{0.__globals__[_SECRET]}':\n    case M(f): loot = f(work)",
        ANYTHING
        + "from vault import work\nfrom dataclasses import dataclass\n@dataclass\nclass B:\n    format: str\nclass M(B, metaclass=Anything): pass\n"
        "match '{0.__globals__[_SECRET]}':\n    case M(f): loot = f(work)",
        ANYTHING
        + "from vault import Box\nfrom dataclasses import dataclass\n@dataclass\nclass M(metaclass=Anything):\n    obj: object\n"
        "try: Box().fail()\nexcept AttributeError as e:\n    match e:\n        case M(o): loot = o",
        "class Anything(type):\n    def __instancecheck__(cls, other): return True\n    def __getattr__(cls, name): return ('__globals__',)\n"
        "class M(metaclass=Anything): pass\ndef f(): pass\nmatch f:\n    case M(g): loot = g",
        "class Anything(type):\n    def __instancecheck__(cls, other): return True\n    def __getattribute__(cls, name):\n"
        "        return ('__globals__',) if name == '__match_args__' else type.__getattribute__(cls, name)\n"
        "class M(metaclass=Anything): pass\ndef f(): pass\nmatch f:\n    case M(g): loot = g",
        "class Anything(type):\n    def __instancecheck__(cls, other): return True\n    __match_args__ = property(lambda c: ('__globals__',))\n"
        "class M(metaclass=Anything): pass\ndef f(): pass\nmatch f:\n    case M(g): loot = g",
        "Anything = type('A', (type,), {'__instancecheck__': lambda c, o: True, '__match_args__': property(lambda c: ('__globals__',))})\n"
        "class M(metaclass=Anything): pass\ndef f(): pass\nmatch f:\n    case M(g): loot = g",
    ],
    "memory by a class that says where": [
        MEMORY + "class A:\n    def __getattr__(self, name):\n" + ANSWER + READ,
        MEMORY
        + "class A:\n    def __getattribute__(self, name):\n        return where if name == '__array_interface__' else object.__getattribute__(self, name)\n"
        + READ,
        MEMORY
        + "class H:\n    def __setattr__(self, name, value=None):\n"
        + ANSWER
        + "A = type('A', (), {'__getattr__': vars(H)['__setattr__']})\n"
        + READ,
        MEMORY
        + "class H:\n    def __set_name__(self, name, value=None):\n"
        + ANSWER
        + "A = type('A', (), {'__getattr__': vars(H)['__set_name__']})\n"
        + READ,
        MEMORY
        + "class K(str):\n    def __hash__(self): return hash('__array_interface__')\n    def __eq__(self, o): return True\n"
        "class M(type):\n    def __new__(m, n, b, ns): return type.__new__(m, n, b, {**ns, K('x'): where})\nclass A(metaclass=M): pass\n"
        + READ,
        MEMORY
        + "class D(dict): pass\nclass M(type):\n    def __new__(m, n, b, ns):\n        d = D(ns)\n        d['__array_interface__'] = where\n"
        "        return type.__new__(m, n, b, d)\nclass A(metaclass=M): pass\n" + READ,
        MEMORY + f"d = {{'where': where}}\nexec({_HOOKED}, d)\nA = d['A']\n" + READ,
        MEMORY + "t = (lambda a, b: b)(0, type)\nA = t('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "isinstance = lambda a, b: b\nA = isinstance(0, type)('A', (), {'__array_interface__': where})\n"
        + READ,
        MEMORY
        + "class X:\n    def __eq__(self, o):\n        global t\n        t = o\n        return True\nX() == type\n"
        "A = t('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class X:\n    def __contains__(self, o):\n        global t\n        t = o\n        return True\ntype in X()\n"
        "A = t('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class X:\n    def __eq__(self, o):\n        global t\n        t = o\n        return True\nX() == int.__class__\n"
        "A = t('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class B:\n    def __init_subclass__(cls, t):\n        global T\n        T = t\nclass C(B, t=type): pass\n"
        "A = T('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class MM(type):\n    def __new__(m, n, b, ns):\n        global T\n        T = b[0]\n        return type.__new__(m, n, b, ns)\n"
        "class M(type, metaclass=MM): pass\nA = T('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class T(type, metaclass=lambda n, b, ns: b[0]): pass\nA = T('A', (), {'__array_interface__': where})\n"
        + READ,
        MEMORY
        + "from abc import ABC\nclass Ask(ABC):\n    @classmethod\n    def __subclasshook__(cls, C):\n        global T\n        T = C\n"
        "        return True\nisinstance(int, Ask)\nA = T('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "from abc import ABCMeta\nclass Meta(ABCMeta):\n    def __subclasscheck__(cls, C):\n        global T\n        T = C\n        return True\n"
        "class Ask(metaclass=Meta): pass\nisinstance(int, Ask)\nA = T('A', (), {'__array_interface__': where})\n"
        + READ,
        MEMORY
        + "from abc import ABC\nclass Ask(ABC):\n    __subclasshook__ = classmethod(lambda cls, C: [globals_.append(C), True][1])\n"
        "globals_ = []\nisinstance(int, Ask)\nA = globals_[-1]('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "from abc import ABC\nclass Ask(ABC): pass\nAsk.__subclasshook__ = classmethod(lambda cls, C: [seen.append(C), True][1])\nseen = []\n"
        "isinstance(int, Ask)\nA = seen[-1]('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY + "import typing\nA = typing.get_origin(typing.Type)('A', (), {'__array_interface__': where})\n" + READ,
        MEMORY
        + "class M(type):\n    @classmethod\n    def __prepare__(m, *a): return {'__array_interface__': where}\nclass A(metaclass=M): pass\n"
        + READ,
    ],
    "modules that are renamed (IMPORT_FROM looks into sys.modules)": [
        "import os.path\nos.__name__ = 'os'\ndel os.path\nimport os.path as p\nloot = p",
        "import collections.abc\ncollections.__name__ = 'collections'\ndel collections.abc\nimport collections.abc as c\nloot = c",
        "import json\nclass L(dict):\n    def __setitem__(self, k, v):\n        if k == 'loads':\n            json.__name__ = 'os'\n            del json.path\n"
        "        dict.__setitem__(self, k, v)\njson.path = 1\nd = L()\nexec('from json import loads, path', {}, d)\nloot = d['path']",
        "import json\nclass L(dict):\n    def __setitem__(self, k, v):\n        if k == 'loads':\n            json.__init__('os')\n            del json.path\n"
        "        dict.__setitem__(self, k, v)\njson.path = 1\nd = L()\nexec('from json import loads, path', {}, d)\nloot = d['path']",
        "import json\nclass L(dict):\n    def __setitem__(self, k, v):\n        if k == 'loads':\n            type(json).__init__(json, 'os')\n            del json.path\n"
        "        dict.__setitem__(self, k, v)\nclass M(type):\n    @classmethod\n    def __prepare__(m, *a): return L()\n    def __new__(m, n, b, ns): return ns\n"
        "json.path = 1\nclass C(metaclass=M):\n    from json import loads, path\nloot = C['path']",
        "import json\ndef __getattr__(name): return loot\njson.__all__.append('codecs')\nfrom json import *\nloot = codecs",
        "import json\njson.__dict__['__name__'] = 'os'\nfrom json import path\nloot = path",
    ],
}

if sys.version_info >= (3, 12):
    _BASE = "import enum\nclass P:\n    def __get__(self, o, t): return 5\n"
    DEEPER["objects that carry the name of an attribute"] += [
        _BASE + "class Base:\n    x = P()\ndef f(): pass\nclass E(Base, enum.Enum):\n    x = enum.member(f)\n"
        "r = vars(E)['x']\nr.name = '__globals__'\nloot = r.__get__(E['x'])",
        _BASE
        + "class Base:\n    gi_frame = P()\ndef g(): yield\nclass E(Base, enum.Enum):\n    gi_frame = enum.member(g())\n"
        "loot = vars(E)['gi_frame'].__get__(E['gi_frame'])",
        "type X[T: (int.__mro__, int)] = int\nloot = X.__type_params__[0].__constraints__[0]",
        "def f[T: int.__mro__](x: T): pass\nloot = f.__type_params__[0].__bound__",
        "class A:\n    type X = __classdict__\nloot = A.X.__value__['__module__'] and int.__mro__",
    ]
if sys.version_info >= (3, 13):
    DEEPER["objects that carry the name of an attribute"] += [
        "class C[T = int.__mro__]: pass\nloot = C.__type_params__[0].__default__",
        "import copy\nfrom dataclasses import dataclass\nfrom vault import Box\n@dataclass\nclass H:\n    _hidden: str = ''\n@dataclass\nclass D(Box):\n"
        "    label: str = 'a'\n    def __init__(self, **kw):\n        global loot\n        Box.__init__(self)\n        loot = kw\n"
        "D.__dataclass_fields__['_hidden'] = H.__dataclass_fields__['_hidden']\ncopy.replace(D())",
    ]

_FORGED = "m = chr(0x16fe4)\n"
DEEPER_AGAINST_THE_GATE: dict[str, list[str]] = {
    "forged guards": [
        MEMORY
        + _FORGED
        + f"d = {{m + 'guard:hook:__getattr__': lambda n: n, 'where': where}}\nexec({_HOOKED}, d)\nA = d['A']\n"
        + READ,
        MEMORY
        + _FORGED
        + f"d = {{'where': where}}\nd['d'] = d\nexec('b = d[\"__builtins__\"]', d)\nd['b'][m + 'guard:hook:__getattr__'] = lambda n: n\n"
        f"exec({_HOOKED}, {{'__builtins__': d['b'], 'where': where}}, d)\nA = d['A']\n" + READ,
        _FORGED + "d = {m + 'guard:type': lambda t, x: t}\nexec('t = type(5)', d)\nloot = d['t']",
        _FORGED
        + "d = {m + 'guard:read': lambda o, n: o}\nexec('t = int.__class__', d)\nloot = d['t'] if d['t'] is not int else None",
        "seen = []\nclass Spy(dict):\n    def __missing__(self, k):\n        if ord(k[0]) > 60000: return lambda *a: seen.extend(a) or str\n        raise KeyError(k)\n"
        "class M(type):\n    @classmethod\n    def __prepare__(m, *a): return Spy()\n    def __new__(m, n, b, ns): return type.__new__(m, n, b, dict(ns))\n"
        "class C(metaclass=M):\n    x = int.__class__\n    y = type(int)\nloot = seen",
        "d = {}\nd['d'] = d\nexec('b = d[\"__builtins__\"]', d)\nloot = d['b']['__import__']('os', None, None, [], 0)\nloot = loot if hasattr(loot, 'system') else None",
        "d = {}\nd['d'] = d\nexec('b = d[\"__builtins__\"]', d)\nloot = d['b'][chr(0x16fe4) + 'guard:read'](lambda: 0, '__globals__')",
        "d = {}\nd['d'] = d\nexec('b = d[\"__builtins__\"]', d)\nbuild = d['b']['__build_class__']\nclass M(type):\n    @classmethod\n"
        "    def __prepare__(m, *a): return {'__array_interface__': {}}\ndef body(): pass\nloot = build(body, 'A', metaclass=M)",
        "k = '_abc_' + chr(0x16fe4) + 'own'\nM = type('M', (type,), {k: True})\nloot = M('A', (), {'__array_interface__': {}})",
        "k = '_abc_' + chr(0x16fe4) + 'own'\nclass D(dict): pass\nclass M(type):\n    def __new__(m, n, b, ns):\n        d = D(ns)\n        d[k] = True\n"
        "        d['__reduce__'] = lambda self: (print, ())\n        return type.__new__(m, n, b, d)\nclass loot(metaclass=M): pass",
        "import json\nseen = 0\ntarget = chr(0x16fe4) + 'guard:hook:__getattr__'\nclass K(str):\n    def __hash__(self):\n        global seen\n        seen += 1\n"
        "        return hash('loads') if seen < 4 else hash(target)\n    def __eq__(self, o): return True\njson.loads = lambda n: n\n"
        "json.__all__.append(K('loads'))\nfrom json import *\nloot = [k for k in list(globals()) if type(k) is not str] and int.__subclasses__",
        "v = globals()\nv.__init__({})\nexec('x = 1', v)\nloot = dict(v).get('__builtins__')",
        "class A: pass\na = A()\nd = a.__dict__\nd.__init__({'__array_interface__': 5})\ndict.__setitem__(d, '__reduce__', 1)\nb = A()\nb.__dict__ = d\nloot = vars(b).get('__reduce__') and object.__subclasses__",
        "t = type\nt.__init__(5)\nloot = t._kind",
        "t = type\nloot = object.__getattribute__(t, '_kind')",
        "t = type\nloot = t.__reduce__()",
        "t = type\nloot = t.__call__(int)('A', (), {'__reduce__': 1})",
        "t = type\nloot = super(t, t)",
    ],
}
