"""Programs after what an interpreter believes: classes with methods that C code trusts, libraries that hand things out, and
sources that parsers may read differently."""

from __future__ import annotations

import random
from typing import Final

from safe_codeact.fuzzing.programs import spelling

BELIEVED: Final = ("__array_interface__", "__reduce__", "__reduce__", "__array_interface__")

# Ways to give a class an attribute by a name that is text: {s} an expression of the name, {w} what it is given.
CLASSES: Final = (
    "loot = type('A', (), {{{s}: {w}}})",
    "t = type\nloot = t('A', (), {{{s}: {w}}})",
    "loot = (lambda a, b: b)(0, type)('A', (), {{{s}: {w}}})",
    "loot = type(int)('A', (), {{{s}: {w}}})",
    "import abc\nloot = abc.ABCMeta('A', (), {{{s}: {w}}})",
    "import enum\nloot = type(enum.Enum).__mro__[-2]('A', (), {{{s}: {w}}})",
    "import functools\nloot = functools.partial(type, 'A', ())({{{s}: {w}}})",
    "from vault import call\nloot = call(type, 'A', (), {{{s}: {w}}})",
    "loot = list(map(type, ['A'], [()], [{{{s}: {w}}}]))[0]",
    "class A: pass\nsetattr(A, {s}, {w})\nloot = A",
    "class A: pass\ntype.__setattr__(A, {s}, {w})\nloot = A",
    "class A: pass\nobject.__setattr__(A, {s}, {w})\nloot = A",
    "class A: pass\nvars(A)[{s}] = {w}\nloot = A",
    "class A:\n    locals()[{s}] = {w}\nloot = A",
    "class A:\n    vars()[{s}] = {w}\nloot = A",
    "class A:\n    exec({s} + ' = {w}')\nloot = A",
    "exec('class A:\\n    ' + {s} + ' = {w}')\nloot = A",
    "d = {{}}\nexec('class A:\\n    ' + {s} + ' = {w}', d)\nloot = d['A']",
    "class M(type):\n    def __new__(m, n, b, ns):\n        return type.__new__(m, n, b, {{**ns, {s}: {w}}})\nclass A(metaclass=M): pass\nloot = A",
    "class M(type):\n    def __new__(m, n, b, ns):\n        ns[{s}] = {w}\n        return super().__new__(m, n, b, ns)\nclass A(metaclass=M): pass\nloot = A",
    "class M(type):\n    @classmethod\n    def __prepare__(m, *a):\n        return {{{s}: {w}}}\nclass A(metaclass=M): pass\nloot = A",
    "class D(dict): pass\nclass M(type):\n    def __new__(m, n, b, ns):\n        return type.__new__(m, n, b, D(ns, **{{{s}: {w}}}))\nclass A(metaclass=M): pass\nloot = A",
    "class K(str):\n    def __hash__(self): return hash({s})\n    def __eq__(self, o): return True\nloot = type('A', (), {{K('x'): {w}}})",
    "import dataclasses\nloot = dataclasses.make_dataclass('A', [({s}, object, dataclasses.field(default={w}))])",
    "import types\nloot = types.new_class('A', (), {{}}, lambda ns: ns.update({{{s}: {w}}}))",
    "import enum\nloot = enum.Enum('A', {{'a': 1, {s}: 2}})",
    "import typing\nloot = typing.NamedTuple('A', [({s}, int)])",
    "import collections\nloot = collections.namedtuple('A', [{s}])",
    "class B:\n    def __init_subclass__(cls):\n        setattr(cls, {s}, {w})\nclass A(B): pass\nloot = A",
    "class P:\n    def __set_name__(self, owner, name):\n        setattr(owner, {s}, {w})\nclass A:\n    p = P()\nloot = A",
    "class X:\n    def __eq__(self, o):\n        global t\n        t = o\n        return True\nX() == type\nloot = t('A', (), {{{s}: {w}}})",
    "class X:\n    def __contains__(self, o):\n        global t\n        t = o\n        return True\ntype in X()\nloot = t('A', (), {{{s}: {w}}})",
    "class B:\n    def __init_subclass__(cls, t):\n        global T\n        T = t\nclass C(B, t=type): pass\nloot = T('A', (), {{{s}: {w}}})",
    "from abc import ABC\nclass Ask(ABC):\n    @classmethod\n    def __subclasshook__(cls, C):\n        global T\n        T = C\n        return True\nisinstance(int, Ask)\nloot = T('A', (), {{{s}: {w}}})",
    "import copy\nt = copy.copy(type)\nloot = t('A', (), {{{s}: {w}}})",
    "import collections\nd = collections.UserDict({{{s}: {w}}})\nloot = type('A', (), dict(d))",
    "import weakref\nt = weakref.ref(type)()\nloot = t('A', (), {{{s}: {w}}})",
    "import typing\nloot = typing.get_origin(typing.Type)('A', (), {{{s}: {w}}})",
    "match [type]:\n    case [t]:\n        loot = t('A', (), {{{s}: {w}}})",
    "def g():\n    yield type\nfor t in g():\n    loot = t('A', (), {{{s}: {w}}})",
    "import functools\n@functools.singledispatch\ndef f(x): return x\nloot = f(type)('A', (), {{{s}: {w}}})",
    "import operator\nloot = operator.call(type, 'A', (), {{{s}: {w}}}) if hasattr(operator, 'call') else None",
)  # fmt: skip
_GIVEN: Final = {
    "__array_interface__": ("{}", "{'data': (4096, True)}"),
    "__reduce__": ("lambda self: (print, ())", "print"),
}

# Walks over what a module hands out: {m} is a module of the policy's. One name that is refused must not end the walk.
_LOOK: Final = "def look(o, n):\n    try:\n        return getattr(o, n)\n    except Exception:\n        return None\n"
WALKS: Final = (
    _LOOK + "import {m} as m\nloot = [look(m, n) for n in dir(m)]",
    _LOOK + "import {m} as m\nloot = [look(look(m, n), k) for n in dir(m) for k in dir(look(m, n)) if k[:2] != '__'][:300]",
    _LOOK + "import {m} as m\nimport copy\nc = copy.copy(m)\nloot = [look(c, n) for n in dir(m)]",
    _LOOK + "import {m} as m\nloot = [look(look(m, n), k) for n in dir(m) for k in {k!r}]",
    _LOOK + "import {m} as m\nloot = [look(m, {us}), look(m, {us})]",
    _LOOK + "from {m} import *\nloot = [o for n, o in globals().items() if n[:2] != '__']",
    _LOOK + "import {m} as m\nimport inspect\nloot = []\nfor n in dir(m):\n    try:\n        loot += [p.default for p in inspect.signature(look(m, n)).parameters.values()]\n    except Exception:\n        pass",
    _LOOK + "import {m} as m\nloot = []\nfor n in dir(m):\n    try:\n        loot.append(look(m, n)())\n    except Exception as e:\n        loot += list(e.args)",
    _LOOK + "import {m} as m\nloot = []\nfor n in dir(m):\n    try:\n        loot.append(look(m, n)({a}))\n    except Exception as e:\n        loot += list(e.args)",
    _LOOK + "import {m} as m\nloot = []\nfor n in dir(m):\n    try:\n        loot.append(look(look(m, n)({a}), {us}))\n    except Exception as e:\n        loot += list(e.args)",
    "import {m} as m\nimport inspect\nloot = [v for n, v in inspect.getmembers(m)]",
    "import {m} as m\nloot = list(vars(m).values())",
    "import {m} as m\nm.__name__ = 'os'\nfrom {m} import path as loot",
    _LOOK + "import {m} as m\nfor n in dir(m):\n    try:\n        delattr(m, n)\n    except Exception:\n        pass\nimport {m} as again\nloot = [look(again, n) for n in dir(again)]",
    "from {m} import {u} as loot",
    "import {m}\nloot = {m}.{u}",
)  # fmt: skip
# Doors of the libraries that open a file, an address or a text by themselves: tried where the policy imports them.
DOORS: Final = (
    ("numpy", "import numpy as np\nloot = str(np.loadtxt('/etc/passwd', dtype=str, delimiter='|'))"),
    ("numpy", "import numpy as np\nloot = np.fromfile('/etc/passwd', np.uint8).tobytes()"),
    ("numpy", "import numpy as np\nloot = np.memmap('/etc/passwd', np.uint8, 'r').tobytes()"),
    ("numpy", "import numpy as np\nnp.save('/tmp/fuzzed.npy', np.ones(1))"),
    ("numpy", "import numpy as np\nnp.ones(2).tofile('/tmp/fuzzed.bin')"),
    ("numpy", "import numpy as np\nloot = np.lib.npyio.DataSource().open('http://127.0.0.1:9/x')"),
    ("numpy", "import numpy as np\nloot = np.load('/etc/passwd', allow_pickle=True)"),
    ("numpy", "import numpy as np\nloot = np.ones(2).ctypes.data"),
    ("pandas", "import pandas as pd\nloot = pd.read_csv('/etc/passwd', sep=':', header=None).to_csv()"),
    ("pandas", "import pandas as pd\nloot = pd.read_csv('http://127.0.0.1:9/x.csv')"),
    ("pandas", "import pandas as pd\nloot = pd.read_csv('file:///etc/passwd')"),
    ("pandas", "import pandas as pd\nloot = pd.read_pickle('x.pkl')"),
    ("pandas", "import pandas as pd\npd.DataFrame({'a': [1]}).to_csv('/tmp/fuzzed.csv')"),
    ("pandas", "import pandas as pd\npd.DataFrame({'a': [1]}).to_pickle('x.pkl')"),
    ("pandas", "import pandas as pd\nloot = pd.eval('@x.__class__.__mro__', local_dict={'x': 1})"),
    ("pandas", "import pandas as pd\nloot = pd.DataFrame({'a': [1]}).eval('a.__class__.__base__')"),
    ("pandas", "import pandas as pd\nloot = pd.DataFrame({'a': [1]}).apply({t})"),
    ("pandas", "import pandas as pd\nloot = pd.Series([1]).agg({t})"),
    ("pandas", "import pandas as pd\nloot = pd.DataFrame({'a': [1]}).to_sql('t', 'sqlite:////tmp/fuzzed.db')"),
    ("pandas", "import pandas as pd\nloot = pd.DataFrame({'a': [1]}).style.format('{0.__init__.__globals__}').to_html()"),
    ("matplotlib.pyplot", "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('/tmp/fuzzed.png')"),
    ("matplotlib.pyplot", "import matplotlib.pyplot as plt\nloot = plt.imread('/etc/passwd')"),
    ("matplotlib.pyplot", "import matplotlib.pyplot as plt\nloot = plt.imread('http://127.0.0.1:9/x.png')"),
    ("matplotlib.pyplot", "import matplotlib.pyplot as plt\nplt.switch_backend('module://antigravity')"),
    ("matplotlib.pyplot", "import matplotlib.pyplot as plt\nplt.style.use('/etc/passwd')"),
    ("sympy", "import sympy\nloot = sympy.sympify({t})"),
    ("sympy", "import sympy\nloot = sympy.lambdify([], sympy.Symbol(\"__import__('os').getpid()\"))()"),
    ("sympy", "from sympy.parsing.sympy_parser import parse_expr\nloot = parse_expr({t})"),
    ("scipy.io", "import scipy.io\nloot = scipy.io.loadmat('/etc/passwd')"),
    ("scipy", "import scipy\nloot = scipy.__loader__"),
    ("logging", "import logging\nlogging.basicConfig(filename='/tmp/fuzzed.log', force=True)\nlogging.error('x')"),
    ("logging", "import logging\nlogging.FileHandler('/tmp/fuzzed.log')"),
    ("os", "import os\nloot = [os.listdir(p) for p in ('/etc', '/root', '/home')]"),
    ("os", "import os\nloot = os.environ['PATH'] and os.popen('id')"),
    ("pathlib", "import pathlib\nloot = pathlib.Path('/etc/passwd').read_text()"),
    ("io", "import io\nloot = io.open('/etc/passwd').read()"),
    ("io", "import io\nloot = io.FileIO('/etc/passwd').read()"),
    ("csv", "import csv\nloot = list(csv.reader(open('/etc/passwd')))"),
    ("timeit", "import timeit\ntimeit.timeit({t}, number=1)"),
    ("typing", "import typing\nloot = typing.get_type_hints(type('C', (), {{'__annotations__': {{'x': {t}}}}}))"),
    ("collections", "import collections\nloot = collections.namedtuple('N', 'a', module={t})"),
    ("zoneinfo", "import zoneinfo\nloot = zoneinfo.ZoneInfo('../../../etc/passwd')"),
    ("zoneinfo", "import zoneinfo\nloot = zoneinfo.ZoneInfo.from_file(open('/etc/passwd', 'rb'))"),
    ("uuid", "import uuid\nloot = uuid.getnode()"),
    ("secrets", "import secrets\nloot = secrets.os"),
    ("random", "import random\nloot = random.SystemRandom().__reduce__()"),
    ("hashlib", "import hashlib\nloot = hashlib.file_digest(open('/etc/passwd', 'rb'), 'sha256').hexdigest()"),
    ("inspect", "import inspect\nloot = inspect.getsource(inspect.signature)"),
    ("asyncio", "import asyncio\nasync def f():\n    return await asyncio.create_subprocess_shell('id')\nloot = asyncio.run(f())"),
    ("asyncio", "import asyncio\nasync def f():\n    return await asyncio.open_connection('127.0.0.1', 9)\nloot = asyncio.run(f())"),
    ("sys", "import sys\nloot = sys.modules"),
    ("traceback", "import traceback\nloot = traceback.extract_stack()[0].locals"),
    ("warnings", "import warnings\nloot = warnings.catch_warnings()._module"),
)  # fmt: skip
_TEXTS: Final = (
    "__import__('os').getpid()",
    "().__class__.__base__.__subclasses__()",
    "to_pickle",
    "__reduce__",
    "__class__",
    "open('/etc/passwd').read()",
)
_UNDER: Final = ("_os", "os", "sys", "_sys", "_io", "io", "builtins", "_thread", "types", "_collections_abc", "codecs",
                 "__loader__", "__spec__", "__builtins__", "warnings", "importlib", "subprocess", "socket", "ctypes", "posix")  # fmt: skip
_KEYS: Final = (
    "f_globals",
    "gi_frame",
    "os",
    "sys",
    "modules",
    "func",
    "cache",
    "_os",
    "wrapped",
    "module",
    "globals",
    "loader",
)
_ARGUMENTS: Final = (
    "1",
    "'os'",
    "'/etc/passwd'",
    "print",
    "[1]",
    "{}",
    "int",
    "lambda *a: a",
    "'a', 'b'",
    "[1], [2]",
    "b'x'",
)

# Texts that parsers may read differently. They are run to the end: what counts is that nobody dies, and nothing comes out.
ODDITIES: Final = (
    "x = 1\x0cy = 2", "\ufeffx = 1", "x = 1\r\ny = 2\rz = 3", "# coding: latin-1\nx = 'é'", "# -*- coding: utf-7 -*-\nx = 1",
    "if 1:\n\tx = 1\n        y = 2", "x = 1 \\\n + 1", "x = (\n1\n)", "x = '\\N{DIGIT ONE}'", "print(1);;", "x = 1;", "x: int",
    "def f(): return 1\\\n", "x = 1 # \x00", "'\\\n'", "f'{1!r:>{2}}'", "f'''{\n1\n}'''", "x = 0_1", "x = 1if 1else 2",
    "x = [a for a in b'ab' if a]", "(yield)", "await 1", "lambda: (yield)", "class A: x = yield", "del ()", "() = ()", "[] = []",
    "for () in [()]: pass", "with (open) as x: pass", "type X = int", "def f[T](x: T): pass", "match 1:\n case 1 | 2: pass",
    "from . import x", "from __future__ import braces", "from __future__ import annotations", "nonlocal x", "global x; x = 1",
    "return 1", "break", "*a, b = 1, 2", "a, *b, *c = 1,", "print(*[1], **{})", "f(**{'a': 1}, a=1)", "x = ...", "x = 1_000j",
    "async def f(): [await x async for x in y]", "assert (1, 'x')", "@1\ndef f(): pass", "x = f'{x=}'", "\x1a", "\\", "'''",
    "x = '\ud7ff'", "𝓍 = 1", "x\u00a0= 1", "x\u200b = 1", "ﬁ = 1", "ſ = 1; s", "__debug__ = 1", "None = 1", "__class__ = 1",
)  # fmt: skip


def class_attempt(index: int, rng: random.Random) -> str:
    """A class that C code would believe, made in the way of that number."""
    name = rng.choice(BELIEVED)
    given = rng.choice(_GIVEN[name])
    return CLASSES[index % len(CLASSES)].format(s=spelling.text(name, rng), w=given)


def walk(index: int, modules: tuple[str, ...], rng: random.Random) -> str:
    """A walk over what one of the policy's modules hands out."""
    module = rng.choice(modules)
    under = rng.choice(_UNDER)
    parts = {
        "m": module,
        "i": rng.randint(1, 60),
        "a": rng.choice(_ARGUMENTS),
        "k": list(rng.sample(_KEYS, 4)),
        "u": under,
    }
    return WALKS[index % len(WALKS)].format(**parts, us=spelling.text(under, rng))


def door(index: int, modules: tuple[str, ...], rng: random.Random) -> str:
    """A library's own way to a file, an address or a text that it runs, of those that the policy imports."""
    there = [source for module, source in DOORS if module in modules] or [source for _module, source in DOORS]
    return (
        there[index % len(there)]
        .replace("{t}", spelling.text(rng.choice(_TEXTS), rng))
        .replace("{{", "{")
        .replace("}}", "}")
    )


def oddity(index: int, rng: random.Random) -> str:
    """A source that parsers may read differently, or two of them."""
    first = ODDITIES[index % len(ODDITIES)]
    return first if rng.random() < 0.5 else first + rng.choice(("\n", ";", "\r", " ")) + rng.choice(ODDITIES)
