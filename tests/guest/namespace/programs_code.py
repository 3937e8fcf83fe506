"""Programs of several turns about functions and classes. Each must print the same with and without snapshots."""

from __future__ import annotations

CODE: dict[str, list[str]] = {
    "a function sees a later re-binding": ["x = 1\ndef f():\n    return x", "x = 2\nprint(f())", "x = 3\nprint(f())"],
    "a function sees a later deletion": ["x = 1\ndef f():\n    return x", "del x", "print(f())"],
    "global counter": ["n = 0\ndef inc():\n    global n\n    n += 1", "inc(); inc()\nprint(n)", "inc()\nprint(n)"],
    "recursion": ["def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)", "print(fact(20))"],
    "mutual recursion, one redefined": [
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)",
        "print(even(10), odd(7))",
        "def odd(n): return 'redefined'",
        "print(even(3))",
    ],
    "two closures share a cell": [
        "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n    def get():\n"
        "        return n\n    return inc, get\ninc, get = make()",
        "inc(); inc()\nprint(get())",
        "inc()\nprint(get())",
    ],
    "closures made in a loop": [
        "fs = [lambda i=i: i for i in range(3)]\ngs = [lambda: i for i in range(3)]",
        "print([f() for f in fs], [g() for g in gs])",
    ],
    "a closure that calls itself": [
        "def outer():\n    def walk(n):\n        return [] if n == 0 else [n] + walk(n - 1)\n    return walk\nw = outer()",
        "print(w(4), w.__qualname__)",
    ],
    "an unbound cell": [
        "def outer():\n    def f():\n        return later\n    if False:\n        later = 1\n    return f\nf = outer()",
        "try:\n    f()\nexcept NameError as e:\n    print(type(e).__name__, e)",
    ],
    "defaults are shared objects": [
        "def add(x, seen=[]):\n    seen.append(x)\n    return seen",
        "add(1)\nprint(add(2))",
        "print(add(3), add.__defaults__)",
    ],
    "keyword defaults and annotations": [
        "def f(a: int, *, b: str = 'x') -> list[int]:\n    'doc of f'\n    return [a, b]",
        "print(f(1), f.__kwdefaults__, f.__annotations__, f.__doc__, f.__name__)",
    ],
    "attributes of functions": ["def f(): pass\nf.calls = [1]\nalias = f.calls", "alias.append(2)\nprint(f.calls)"],
    "a lambda in a dict": [
        "ops = {'+': lambda a, b: a + b, '-': lambda a, b: a - b}",
        "print(ops['+'](1, 2), ops['-'](1, 2))",
    ],
    "a generator function": ["def gen(n):\n    for i in range(n):\n        yield i * i", "print(list(gen(4)))"],
    "an async function": [
        "async def f(x):\n    return x + 1",
        "c = f(1)\ntry:\n    c.send(None)\nexcept StopIteration as e:\n    print(e.value)\ndel c",
    ],
    "functools.wraps": [
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(f(*a))\n"
        "    return inner\n@twice\ndef inc(x):\n    'adds one'\n    return x + 1",
        "print(inc(1), inc.__name__, inc.__doc__, inc.__wrapped__(1))",
    ],
    "a decorator class": [
        "class Count:\n    def __init__(self, f):\n        self.f, self.n = f, 0\n    def __call__(self, *a):\n"
        "        self.n += 1\n        return self.f(*a)\n@Count\ndef f(x):\n    return x * 2",
        "f(1); f(2)\nprint(f.n)",
        "print(f(3), f.n)",
    ],
    "lru_cache": [
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef fib(n):\n    return n if n < 2 else fib(n-1) + fib(n-2)",
        "print(fib(80))",
        "print(fib(90), fib.cache_parameters(), fib.__name__)",
    ],
    "partial": [
        "from functools import partial\nbase = [1]\np = partial(sorted, base, reverse=True)",
        "base.append(5)\nprint(p())",
    ],
    "singledispatch is rebuilt or reported": [
        "from contextlib import contextmanager\n@contextmanager\ndef tag(n):\n    print('<', n)\n    yield n\n    print('>', n)",
        "with tag('b') as t:\n    print(t)",
    ],
    "instances across turns": [
        "class A:\n    def __init__(self, v):\n        self.v = v\n    def get(self):\n        return self.v\na = A([1])",
        "b = A(2)\nprint(isinstance(a, A), type(a) is type(b), a.get(), b.get())",
        "print(isinstance(b, A), a.get(), b.get(), type(b).__name__)",
    ],
    "a method re-defined reaches old instances": [
        "class A:\n    def hi(self): return 'old'\na = A()",
        "A.hi = lambda self: 'new'",
        "print(a.hi())",
    ],
    "a class re-defined does not reach old instances": [
        "class A:\n    def hi(self): return 'old'\na = A()",
        "class A:\n    def hi(self): return 'new'\nb = A()",
        "print(a.hi(), b.hi(), isinstance(a, A), isinstance(b, A))",
    ],
    "super and the class cell": [
        "class A:\n    def f(self): return ['A']\nclass B(A):\n    def f(self): return super().f() + ['B']\n"
        "class C(B):\n    def f(self): return super().f() + [__class__.__name__]\nc = C()",
        "print(c.f(), C.__mro__[1] is B)",
        "print(c.f(), issubclass(C, A))",
    ],
    "multiple inheritance": [
        "class A:\n    def go(self): return ['A']\nclass B(A):\n    def go(self): return ['B'] + super().go()\n"
        "class C(A):\n    def go(self): return ['C'] + super().go()\nclass D(B, C): pass\nd = D()",
        "print(d.go(), [c.__name__ for c in D.__mro__])",
    ],
    "static, class methods, properties": [
        "class A:\n    n = 0\n    @staticmethod\n    def s(x): return x + 1\n    @classmethod\n    def c(cls):\n"
        "        cls.n += 1\n        return cls.n\n    @property\n    def p(self): return self._p\n    @p.setter\n"
        "    def p(self, v): self._p = v * 2\na = A()\na.p = 2\nbound = A.c",
        "print(a.s(1), A.c(), bound(), a.p)",
        "a.p = 5\nprint(A.n, a.p, bound())",
    ],
    "bound methods": [
        "class A:\n    def __init__(self): self.n = 0\n    def inc(self):\n        self.n += 1\n        return self.n\na = A()\ninc = a.inc",
        "inc()\nprint(a.n)",
        "inc()\nprint(a.n, inc.__self__ is a)",
    ],
    "dataclass": [
        "from dataclasses import dataclass, field, asdict, replace\n@dataclass(order=True)\nclass P:\n    x: int\n    y: list = field(default_factory=list)\n    z: str = 'z'\np = P(1)\np.y.append(3)",
        "q = P(0, [1])\nprint(p, q < p, p == P(1, [3]), asdict(p), replace(p, x=9))",
        "print(sorted([p, q]), P.__match_args__)",
    ],
    "frozen dataclass as key": [
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass K:\n    a: int\n    b: tuple\nd = {K(1, (2,)): 'one'}",
        "print(d[K(1, (2,))])\ntry:\n    K(1, ()).a = 3\nexcept Exception as e:\n    print(type(e).__name__, e)",
        "print(d, hash(K(1, ())) == hash(K(1, ())))",
    ],
    "slotted dataclass": [
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass S:\n    a: int\n    b: str = 'b'\n    def both(self): return (self.a, self.b)\ns = S(1)",
        "s.a = 5\nprint(s, s.both())\ntry:\n    s.c = 1\nexcept AttributeError as e:\n    print('no c')",
        "print(s, S(2))",
    ],
    "frozen slotted dataclass": [
        "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass S:\n    a: int\ns = {S(1): 1}",
        "print(s[S(1)], s)",
    ],
    "dataclass inheritance and post_init": [
        "from dataclasses import dataclass, field, fields\n@dataclass\nclass A:\n    x: int\n@dataclass\nclass B(A):\n    y: int = 2\n    t: int = field(init=False)\n    def __post_init__(self):\n        self.t = self.x + self.y\nb = B(1)",
        "print(b, [f.name for f in fields(B)], B(4, 5))",
        "@dataclass\nclass C(B):\n    w: str = 'w'\nprint(C(1))",
    ],
    "make_dataclass": [
        "from dataclasses import make_dataclass\nC = make_dataclass('C', ['x', ('y', int, 5)])\nc = C(1)",
        "print(c, C(2, 3))",
    ],
    "Enum identity": [
        "from enum import Enum, auto\nclass Color(Enum):\n    RED = auto()\n    GREEN = auto()\n    ROT = 1\n    def up(self): return self.name.upper()\nfav = Color.RED\nd = {Color.RED: 1}",
        "print(fav is Color.RED, fav, d[Color.RED], Color.ROT is fav, list(Color), Color(2), Color['GREEN'].up())",
        "print(fav is Color.ROT, fav in d, Color.GREEN.value)",
    ],
    "IntEnum, StrEnum and Flag": [
        "from enum import IntEnum, Flag, IntFlag, StrEnum, auto\nclass L(IntEnum):\n    LOW = 1\n    HIGH = 2\nclass F(Flag):\n    A = 1\n    B = 2\n    AB = 3\nclass S(StrEnum):\n    X = auto()\nx, fl, s = L.HIGH, F.A | F.B, S.X",
        "print(x > L.LOW, x + 1, fl, F.A in fl, fl is F.AB, ~F.A, s == 'x', f'{s}', x is L.HIGH)",
        "print(F.A | F.B is fl, repr(x), s.upper(), L(1))",
    ],
    "Enum with members that have __init__": [
        "from enum import Enum\nclass Planet(Enum):\n    EARTH = (5.9, 6.3)\n    MARS = (0.6, 3.3)\n    def __init__(self, mass, radius):\n        self.mass, self.radius = mass, radius\n    @property\n    def g(self): return round(self.mass / self.radius, 3)\np = Planet.MARS",
        "print(p.g, Planet.EARTH.mass, p.value, p is Planet((0.6, 3.3)))",
        "print([q.g for q in Planet], p is Planet.MARS)",
    ],
    "Enum with _missing_ by value": [
        "from enum import Enum\nclass E(str, Enum):\n    A = 'a'\n    B = 'b'\ne = E('a')",
        "print(e == 'a', e is E.A, e.upper(), E('b'))",
    ],
    "functional Enum": [
        "from enum import Enum\nAnimal = Enum('Animal', 'CAT DOG')\na = Animal.CAT",
        "print(a, a is Animal(1), list(Animal))",
    ],
    "namedtuple": [
        "from collections import namedtuple\nP = namedtuple('P', 'x y', defaults=[0])\np = P(1)",
        "print(p, p._replace(x=5), P._fields, isinstance(p, P), p == (1, 0), p._asdict())",
        "print(P(3, 4), P.x.__doc__)",
    ],
    "a subclass of a namedtuple": [
        "from collections import namedtuple\nclass V(namedtuple('V', 'x y')):\n    __slots__ = ()\n    def norm(self): return self.x ** 2 + self.y ** 2\nv = V(3, 4)",
        "print(v, v.norm(), isinstance(v, V))",
    ],
    "typing.NamedTuple": [
        "from typing import NamedTuple\nclass E(NamedTuple):\n    name: str\n    age: int = 3\n    def older(self): return self._replace(age=self.age + 1)\ne = E('a')",
        "print(e, e.older(), E('b', 2), E.__annotations__)",
    ],
    "abstract classes": [
        "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n    def area(self): ...\nclass Sq(Shape):\n    def __init__(self, a): self.a = a\n    def area(self): return self.a ** 2\ns = Sq(3)\nclass Other: pass\nShape.register(Other)",
        "print(s.area(), isinstance(s, Shape), isinstance(Other(), Shape))\ntry:\n    Shape()\nexcept TypeError as e:\n    print('abstract', 'area' in str(e))",
        "class Tri(Shape):\n    def area(self): return 1\nprint(Tri().area(), isinstance(Tri(), Shape))",
    ],
    "Protocol and Generic": [
        "from typing import Protocol, Generic, TypeVar, runtime_checkable, Optional, Callable\nT = TypeVar('T')\n@runtime_checkable\nclass HasLen(Protocol):\n    def size(self) -> int: ...\nclass Box(Generic[T]):\n    def __init__(self, v: T) -> None: self.v = v\n    def size(self) -> int: return 1\nb = Box[int](3)\nalias = dict[str, list[int]]\nopt = Optional[int]\ncall = Callable[[int, str], bool]\nunion = int | str",
        "print(isinstance(b, HasLen), isinstance(3, HasLen), b.v, Box[str]('x').v, alias, opt, call, union, T, Box[T])",
        "class Sub(Box[T]): pass\nprint(Sub(1).size(), isinstance(Sub(1), HasLen), Box.__parameters__ == (T,))",
    ],
    "TypedDict and NewType": [
        "from typing import TypedDict, NewType, Literal, Annotated\nclass M(TypedDict, total=False):\n    a: int\n    b: str\nU = NewType('U', int)\nm = M(a=1)\nL = Literal['a', 1]\nA = Annotated[int, 'm']",
        "print(m, M(b='x'), U(3), L, A, M.__total__, sorted(M.__optional_keys__))",
    ],
    "__slots__ with inheritance": [
        "class A:\n    __slots__ = ('x', '__dict__')\nclass B(A):\n    __slots__ = 'y'\nb = B()\nb.x, b.y, b.z = 1, [2], 3\nc = B()",
        "b.y.append(1)\nprint(b.x, b.y, b.z, hasattr(c, 'x'))",
    ],
    "private attributes and mangled slots": [
        "class A:\n    __slots__ = ('__a',)\n    def __init__(self, a): self.__a = a\n    def get(self): return self.__a\na = A(4)",
        "print(a.get())",
    ],
    "own exceptions": [
        "class E(Exception):\n    def __init__(self, code, *, why):\n        super().__init__(f'{code}: {why}')\n        self.code, self.why = code, why\ntry:\n    try:\n        1/0\n    except ZeroDivisionError as z:\n        raise E(5, why='x') from z\nexcept E as caught:\n    err = caught",
        "print(err, err.code, err.why, repr(err.__cause__), isinstance(err, E))\ntry:\n    raise err\nexcept E as e:\n    print('again', e.args)",
    ],
    "builtin exceptions": [
        "try:\n    int('x')\nexcept ValueError as e:\n    v = e\ntry:\n    {}['k']\nexcept KeyError as e:\n    k = e\nimport json\ntry:\n    json.loads('{')\nexcept json.JSONDecodeError as e:\n    j = e\ng = ExceptionGroup('g', [ValueError(1)])\nu = UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')\no = OSError(2, 'no', 'f')\ns = StopIteration(4)",
        "print(repr(v), repr(k), j.pos, j.msg, repr(j), repr(g), u, o.errno, o.filename, o, s.value)",
    ],
    "subclasses of builtins": [
        "class D(dict):\n    def __setitem__(self, k, v): super().__setitem__(k, v * 2)\n    def __missing__(self, k): return 'none'\nclass L(list): pass\nclass I(int): pass\nclass S(str):\n    def shout(self): return self.upper()\nclass F(float): pass\nclass T(tuple): pass\nclass Z(set): pass\nclass Y(frozenset): pass\nclass B(bytes): pass\nd = D(); d['a'] = 1; d.extra = [1]\nl = L([1]); l.me = l\ni, s, f, t, z, y, b = I(5), S('x'), F(2.5), T((1, [2])), Z([1]), Y([1]), B(b'q')",
        "print(d, d['q'], d.extra, l, l.me is l, i + 1, s.shout(), f, t, z, y, b, [type(x).__name__ for x in (d, l, i, s, f, t, z, y, b)])",
        "d['b'] = 4\nprint(d, t[1], type(i).__name__)",
    ],
    "subclasses of collections": [
        "from collections import OrderedDict, defaultdict, deque, Counter, UserDict\nclass O(OrderedDict): pass\nclass DD(defaultdict): pass\nclass Q(deque): pass\nclass C(Counter): pass\nclass U(UserDict): pass\no = O(a=1); dd = DD(list); dd['x'].append(1); q = Q([1, 2], maxlen=2); c = C('aab'); u = U(a=1)",
        "o.move_to_end('a'); q.append(3); dd['y'].append(2); c.update('b'); u['b'] = 2\nprint(o, dd, q, c, u, q.maxlen)",
        "print(dd['new'], c.most_common(1), type(u).__name__, dd)",
    ],
    "__init_subclass__ and registries run once": [
        "class Base:\n    registry = []\n    def __init_subclass__(cls, tag=None, **kw):\n        super().__init_subclass__(**kw)\n        cls.tag = tag\n        Base.registry.append(cls)\nclass A(Base, tag='a'): pass",
        "class B(Base, tag='b'): pass\nprint([c.__name__ for c in Base.registry], A.tag, B.tag)",
        "print([c.__name__ for c in Base.registry], Base.registry[0] is A)",
    ],
    "a metaclass": [
        "class Meta(type):\n    made = []\n    def __new__(m, n, b, d):\n        c = super().__new__(m, n, b, d)\n        m.made.append(n)\n        return c\n    def __call__(cls, *a):\n        print('calling', cls.__name__)\n        return super().__call__(*a)\n    def __len__(cls): return 7\nclass A(metaclass=Meta):\n    def __init__(self, x): self.x = x\na = A(1)",
        "print(Meta.made, len(A), a.x, type(A).__name__)",
        "print(A(2).x, Meta.made)",
    ],
    "descriptors with __set_name__": [
        "class Typed:\n    def __set_name__(self, owner, name): self.name = '_' + name\n    def __get__(self, o, t): return self if o is None else o.__dict__.get(self.name, 'unset')\n    def __set__(self, o, v): o.__dict__[self.name] = v\nclass A:\n    x = Typed()\na = A()\na.x = 3",
        "print(a.x, A.x.name)",
        "a.x = 4\nprint(a.x, A().x)",
    ],
    "cached_property and total_ordering": [
        "from functools import cached_property, total_ordering\n@total_ordering\nclass V:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __lt__(self, o): return self.n < o.n\n    @cached_property\n    def sq(self):\n        print('computing')\n        return self.n ** 2\na = V(3)\nprint(a.sq)",
        "print(a.sq, V(4).sq, V(3) >= V(2), V(1) > V(2))",
    ],
    "singleton by __new__": [
        "class One:\n    it = None\n    def __new__(cls, x):\n        if cls.it is None:\n            print('made')\n            cls.it = super().__new__(cls)\n        return cls.it\n    def __init__(self, x): self.x = x\na = One(1)",
        "b = One(2)\nprint(a is b, a.x, One.it is a)",
        "print(a is b, b.x)",
    ],
    "operators and special methods": [
        "class V:\n    def __init__(self, *c): self.c = c\n    def __add__(self, o): return V(*(a + b for a, b in zip(self.c, o.c)))\n    def __repr__(self): return f'V{self.c}'\n    def __eq__(self, o): return self.c == o.c\n    def __hash__(self): return hash(self.c)\n    def __getitem__(self, i): return self.c[i]\n    def __len__(self): return len(self.c)\n    def __iter__(self): return iter(self.c)\n    def __contains__(self, x): return x in self.c\n    def __enter__(self): return self\n    def __exit__(self, *a): print('exit')\nv = V(1, 2)\nd = {v: 'v'}",
        "print(v + v, d[V(1, 2)], len(v), list(v), 2 in v, v[0])\nwith v as w:\n    print(w is v)",
    ],
    "nested classes": [
        "class A:\n    class B:\n        class C:\n            n = 1\n    def make(self): return A.B.C()\nc = A().make()",
        "print(type(c).__qualname__, isinstance(c, A.B.C), c.n)",
    ],
    "classes made in functions": [
        "def make(n):\n    class K:\n        def get(self): return n\n    return K\nA, B = make(1), make(2)\na = A()",
        "print(a.get(), B().get(), type(a) is A, A is B, A.__qualname__)",
    ],
    "__getattr__ and __setattr__": [
        "class A:\n    def __init__(self): object.__setattr__(self, 'data', {})\n    def __getattr__(self, n):\n        if n in self.data: return self.data[n]\n        raise AttributeError(n)\n    def __setattr__(self, n, v): self.data[n] = v\na = A()\na.x = 1",
        "a.y = 2\nprint(a.x, a.y, a.data, hasattr(a, 'z'))",
    ],
    "class attributes are shared": [
        "class A:\n    all = []\n    def __init__(self): self.all.append(self)\na = A()",
        "b = A()\nprint(A.all == [a, b], a.all is A.all)",
        "print(len(A.all), A.all[0] is a)",
    ],
    "a class that names itself": [
        "class Node:\n    root: 'Node' = None\n    def __init__(self, up=None): self.up = up\nNode.root = Node()\nn = Node(Node.root)",
        "print(n.up is Node.root, type(Node.root) is Node)",
    ],
    "getattr guard comes back": [
        "g = getattr\nclass A: x = 1",
        "print(g(A, 'x'), g is getattr)\ntry:\n    print(g(A, 'y', 'd'))\nexcept AttributeError as e:\n    print(e)",
    ],
    "builtins as values": [
        "fs = {'s': sum, 'm': max, 'l': len, 'i': int, 't': type(None)}\nk = sorted\nup = str.upper\nap = [].append\nL = [3]\nap2 = L.append",
        "print([fs[n]([1, 2]) for n in 'sml'], fs['i']('4'), fs['t'] is type(None), k([2, 1]), up('a'))\nap2(4)\nprint(L)",
    ],
    "tools as values": ["find = search\ntable = {'s': search}", "print(find('x'), table['s'] is search)"],
    "match statements": [
        "class P:\n    __match_args__ = ('x', 'y')\n    def __init__(self, x, y): self.x, self.y = x, y\ndef where(p):\n    match p:\n        case P(0, y): return f'axis {y}'\n        case P(x=x): return f'at {x}'\np = P(0, 2)",
        "print(where(p), where(P(1, 1)))",
    ],
}
