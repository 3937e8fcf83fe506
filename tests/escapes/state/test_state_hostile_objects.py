"""What a gated action can put into its own names: hooks that lie, raise, hang on to more than they were given.

Each attack is two turns: the first makes the state, the second looks at what came back. Its output must be what the
table says; the name `good`, made beside the attack, is always kept.
"""

from __future__ import annotations

from typing import Any

import pytest
from state_jobs import run_state_jobs

# title → (first turn, second turn, what it prints, names that are not kept)
ATTACKS: dict[str, tuple[str, str, str, list[str]]] = {
    "__reduce__ that names a call": (
        "class A:\n    def __reduce__(self): return (print, ('owned',))\na = A()",
        "print(type(a).__name__)",
        "A\n",
        [],
    ),
    "__reduce_ex__ that raises SystemExit": (
        "class A:\n    def __reduce_ex__(self, p): raise SystemExit(3)\na = A()",
        "print(type(a).__name__)",
        "A\n",
        [],
    ),
    "__getstate__ and __setstate__ that lie": (
        "class A:\n    def __init__(self): self.v = 1\n    def __getstate__(self): return {'v': 2}\n"
        "    def __setstate__(self, s): self.v = 'owned'\na = A()",
        "print(a.v)",
        "1\n",
        [],
    ),
    "hooks in an instance's own attributes": (
        "import types\nns = types.SimpleNamespace(**{'__reduce_ex__': lambda p: (print, ('owned',))})",
        "print('ns' in dir())",
        "False\n",
        ["ns"],
    ),
    "hooks under a str subclass whose hash lies later": (
        "import types\nclass S(str):\n    n = 0\n    def __hash__(self):\n        S.n += 1\n"
        "        return hash('__reduce_ex__') if S.n < 3 else 0\n"
        "ns = types.SimpleNamespace()\ndel S.__hash__\nns = types.SimpleNamespace(**{S('__reduce_ex__'): lambda p: 'x'})",
        "print('ns' in dir())",
        "False\n",
        ["ns"],
    ),
    "a frame subclass whose reduction writes to its class": (
        "import pandas as pd\nclass F(pd.DataFrame):\n    def __reduce__(self):\n"
        "        return (lambda: pd.DataFrame, (), (None, {'hacked': 1}))\nf = F({'a': [1]})",
        "import pandas as pd\nprint(hasattr(pd.DataFrame, 'hacked'), 'f' in dir())",
        "False False\n",
        [],
    ),
    "a frame subclass whose reduction writes to a guard": (
        "import pandas as pd\nclass F(pd.DataFrame):\n    def __reduce__(self):\n"
        "        return (lambda: getattr, (), (None, {'__defaults__': (1,)}))\nf = F({'a': [1]})",
        "try:\n    getattr(1, '__class__')\nexcept AttributeError as e:\n    print(e)",
        "__class__ is not for actions\n",
        [],
    ),
    "a frame subclass whose reduction writes to a facade": (
        "import pandas as pd, math\nclass F(pd.DataFrame):\n    def __reduce__(self):\n"
        "        return (lambda: math, (), {'pi': 4})\nf = F({'a': [1]})",
        "import math\nprint(math.pi)",
        "3.141592653589793\n",
        [],
    ),
    "a frame subclass whose reduction asks for a setter": (
        "import pandas as pd\nclass F(pd.DataFrame):\n    def __reduce__(self):\n"
        "        return (F, (), 1, None, None, lambda o, s: print('owned'))\nf = F({'a': [1]})",
        "print('f' in dir())",
        "False\n",
        ["f"],
    ),
    "a frame subclass whose reduction never ends": (
        "import pandas as pd\nclass F(pd.DataFrame):\n    def __reduce__(self): return (F, (F({'a': [1]}),))\nf = F({'a': [1]})",
        "print('f' in dir())",
        "False\n",
        ["f"],
    ),
    "a random generator subclass whose state raises KeyboardInterrupt": (
        "import random\nclass R(random.Random):\n    def __reduce__(self): raise KeyboardInterrupt\nr = R(1)",
        "print('r' in dir())",
        "False\n",
        ["r"],
    ),
    "a lying __class__": (
        "class A:\n    __class__ = property(lambda self: int)\na = A()",
        "print(type(a).__name__)",
        "A\n",
        [],
    ),
    "a lying __dict__": (
        "class A:\n    __dict__ = property(lambda self: {'v': 'owned'})\na = A()\na.w = 1",
        "print('a' in dir(), 'A' in dir())",
        "False True\n",
        ["a"],
    ),
    "__getattribute__ that raises": (
        "class A:\n    def __getattribute__(self, n): raise SystemExit\na = A()",
        "print(type(a).__name__)",
        "A\n",
        [],
    ),
    "__eq__ that is always true and a constant hash": (
        "class A:\n    def __eq__(self, o): return True\n    def __hash__(self): return 1\na = A()\nd = {a: 1}\nl = [a, 1]",
        "print(len(d), l[0] is a, l[1])",
        "1 True 1\n",
        [],
    ),
    "a hash that raises after a while": (
        "n = [0]\nclass A:\n    def __hash__(self):\n        n[0] += 1\n        if n[0] > 1: raise ValueError\n"
        "        return 1\na = A()\nd = {a: 1, 'k': 2}",
        "print(d.get('k'), type(a).__name__, '(entries)' in dir())",
        "2 A False\n",
        [],
    ),
    "a hash that ends the process": (
        "class A:\n    ready = []\n    def __hash__(self):\n        if A.ready: raise SystemExit(5)\n        return 1\n"
        "a = A()\nd = {a: 1}\nA.ready.append(1)",
        "print(type(a).__name__)",
        "A\n",
        [],
    ),
    "a metaclass whose hash, eq and attributes raise": (
        "class M(type):\n    def __hash__(cls): raise SystemExit\n    def __eq__(cls, o): raise SystemExit\n"
        "    def __getattribute__(cls, n):\n        if n in ('__module__', '__qualname__', '__mro__', '__dict__', '__reduce_ex__'):\n"
        "            raise SystemExit\n        return type.__getattribute__(cls, n)\nclass A(metaclass=M):\n    v = 1\na = A()",
        "print(a.v, type(a) is A)",
        "1 True\n",
        [],
    ),
    "a metaclass whose mro lies": (
        "class M(type):\n    def mro(cls): return [cls, dict, object] if cls.__name__ == 'B' else type.mro(cls)\n"
        "class A(dict, metaclass=M): pass\na = A(x=1)",
        "print(a, isinstance(a, dict))",
        "{'x': 1} True\n",
        [],
    ),
    "a class that calls itself a library's": (
        "class DataFrame:\n    pass\nDataFrame.__module__ = 'pandas'\nd = DataFrame()",
        "import pandas\nprint(isinstance(d, pandas.DataFrame), type(d) is DataFrame)",
        "False True\n",
        [],
    ),
    "a function that calls itself os.system": (
        "def system(c): return 'mine'\nsystem.__module__ = 'os'\nsystem.__qualname__ = 'system'",
        "print(system('id'))",
        "mine\n",
        [],
    ),
    "a class attribute under a str subclass": (
        "class S(str): pass\nA = type('A', (), {S('x'): 1})\na = A()",
        "print('A' in dir(), 'a' in dir())",
        "False False\n",
        ["A", "a"],
    ),
    "functions get the guarded builtins": (
        "def f(): return open\ndef g(): return getattr(1, '__class__')\nh = lambda: eval('1')\n"
        "class A:\n    def m(self): return exec\ndef outer():\n    def inner(): return compile\n    return inner\ni = outer()",
        "for each in (f, g, h, A().m, i):\n    try:\n        each()\n        print('owned')\n"
        "    except (NameError, AttributeError) as e:\n        print(type(e).__name__)",
        "NameError\nAttributeError\nNameError\nNameError\nNameError\n",
        [],
    ),
    "functions run over the live namespace": (
        "def f(): return marker\ndef keep(): return f",
        "marker = 'live'\nprint(f(), keep() is f, f.__globals__ is keep.__globals__, f.__globals__['marker'])",
        "live True True live\n",
        [],
    ),
    "generated methods get next to no builtins": (
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass D:\n    x: int\nd = D(1)",
        "b = D.__init__.__globals__['__builtins__']\nprint('open' in b, 'eval' in b, '__import__' in b, 'getattr' in b, d)",
        "False False False False D(x=1)\n",
        [],
    ),
    "a generator, its frame and its code": (
        "def g():\n    yield 1\nx = g()\nnext(x)\nfr = x.gi_frame",
        "print('x' in dir(), 'fr' in dir())",
        "False False\n",
        ["fr", "x"],
    ),
    "a traceback": (
        "try:\n    1/0\nexcept ZeroDivisionError as e:\n    err, tb = e, e.__traceback__",
        "print(repr(err), err.__traceback__, 'tb' in dir())",
        "ZeroDivisionError('division by zero') None False\n",
        ["tb"],
    ),
    "a million levels of lists": (
        "l = []\nfor _ in range(1_000_000): l = [l]",
        "print('l' in dir())",
        "False\n",
        ["l"],
    ),
    "a hundred thousand nested instances": (
        "class N:\n    def __init__(self, n): self.n = n\nx = None\nfor _ in range(100_000): x = N(x)",
        "c = 0\nwhile x: x, c = x.n, c + 1\nprint(c)",
        "100000\n",
        [],
    ),
    "shared lists that unfold to 2**60": (
        "l = [1]\nfor _ in range(60): l = [l, l]",
        "n = 0\nwhile type(l) is list: assert l[0] is l[-1]; l, n = l[0], n + 1\nprint(n)",
        "61\n",
        [],
    ),
    "an exception that holds itself": (
        "e = ValueError(1)\ne.args = (e,)\ne.__cause__ = e",
        "print(e.args[0] is e, e.__cause__ is e)",
        "True True\n",
        [],
    ),
    "a class name of a megabyte with control characters": (
        "G = type('A' * 1_000_000 + '\\x1b[2J\\n', (), {'__slots__': ()})\nclass H:\n    pass\nh = H()\nh.g = (x for x in [])",
        "print(len(G.__name__), 'h' in dir())",
        "1000005 False\n",
        ["h"],
    ),
    "an array whose strides leave its memory": (
        "import numpy.lib.stride_tricks as st, numpy as np\na = np.arange(4)\nb = st.as_strided(a, (6,), (8,))",
        "print(a, b[:4], b.shape)",
        "[0 1 2 3] [0 1 2 3] (6,)\n",
        [],
    ),
    "wrapped builtin methods": (
        "w = [].__len__\nv = (1).__add__\nu = {}.__class__",
        "print('w' in dir(), 'v' in dir(), u is dict)",
        "False False True\n",
        ["v", "w"],
    ),
    "attrgetter and methodcaller": (
        "import operator\na = operator.attrgetter('__class__')\nm = operator.methodcaller('__subclasses__')\n"
        "p = __import__('functools').partial(operator.attrgetter, '__class__')",
        "print('a' in dir(), 'm' in dir())",
        "False False\n",
        ["a", "m"],
    ),
}
GOOD = "\ngood = [1, 2]"


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    jobs = [{"turns": [first + GOOD], "look": second} for first, second, _, _ in ATTACKS.values()]
    return dict(zip(ATTACKS, run_state_jobs(jobs), strict=True))


@pytest.mark.parametrize("title", list(ATTACKS))
def test_hostile_objects_do_no_more_than_they_may(title: str, answers: dict[str, dict[str, Any]]) -> None:
    answer = answers[title]
    _, _, expected, not_kept = ATTACKS[title]
    assert "broken" not in answer, answer["broken"]
    assert answer["stdout"] == expected, answer
    assert "good" in answer["bound"]
    assert sorted(answer["saved"][0]) == not_kept, answer["saved"]
    assert answer["touched"] == []
    reasons = [*answer["saved"][0].values(), *answer["not_kept"].values()]
    assert all(len(reason) <= 300 and reason.isprintable() for reason in reasons)
    assert "owned" not in str(answer)


def test_a_state_beyond_its_limit_leaves_nothing_half_written() -> None:
    answer = run_state_jobs([{"turns": ["x = 'a' * (1 << 27)"]}])[0]
    assert answer["bound"] == []
    assert answer["saved"] == [
        {
            "StateTooLarge": answer["saved"][0]["StateTooLarge"],
        }
    ]
    assert answer["saved"][0]["StateTooLarge"].endswith(
        "more than the 67,108,864 that limits.state_mb allows: delete what is no longer needed (del name), "
        "or keep it in a file of the workspace"
    )
