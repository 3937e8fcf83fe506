"""Programs about classes. Turns are separated by a line of three dashes."""

from __future__ import annotations

CLASSES: dict[str, str] = {
    "instances across turns": r"""
class A:
    def __init__(self, v):
        self.v = v
    def get(self):
        return self.v
a = A([1])
---
b = A(2)
print(isinstance(a, A), type(a) is type(b), a.get(), b.get())
---
print(isinstance(b, A), a.get(), b.get(), type(b).__name__)
""",
    "a method re-defined reaches old instances": r"""
class A:
    def hi(self): return 'old'
a = A()
---
A.hi = lambda self: 'new'
---
print(a.hi())
""",
    "a class re-defined does not reach old instances": r"""
class A:
    def hi(self): return 'old'
a = A()
---
class A:
    def hi(self): return 'new'
b = A()
---
print(a.hi(), b.hi(), isinstance(a, A), isinstance(b, A))
""",
    "super and the class cell": r"""
class A:
    def f(self): return ['A']
class B(A):
    def f(self): return super().f() + ['B']
class C(B):
    def f(self): return super().f() + [__class__.__name__]
c = C()
---
print(c.f(), C.__mro__[1] is B)
---
print(c.f(), issubclass(C, A))
""",
    "multiple inheritance": r"""
class A:
    def go(self): return ['A']
class B(A):
    def go(self): return ['B'] + super().go()
class C(A):
    def go(self): return ['C'] + super().go()
class D(B, C): pass
d = D()
---
print(d.go(), [c.__name__ for c in D.__mro__])
""",
    "static, class methods, properties": r"""
class A:
    n = 0
    @staticmethod
    def s(x): return x + 1
    @classmethod
    def c(cls):
        cls.n += 1
        return cls.n
    @property
    def p(self): return self._p
    @p.setter
    def p(self, v): self._p = v * 2
a = A()
a.p = 2
bound = A.c
---
print(a.s(1), A.c(), bound(), a.p)
---
a.p = 5
print(A.n, a.p, bound())
""",
    "bound methods": r"""
class A:
    def __init__(self): self.n = 0
    def inc(self):
        self.n += 1
        return self.n
a = A()
inc = a.inc
---
inc()
print(a.n)
---
inc()
print(a.n, inc.__self__ is a)
""",
    "dataclass": r"""
from dataclasses import dataclass, field, asdict, replace
@dataclass(order=True)
class P:
    x: int
    y: list = field(default_factory=list)
    z: str = 'z'
p = P(1)
p.y.append(3)
---
q = P(0, [1])
print(p, q < p, p == P(1, [3]), asdict(p), replace(p, x=9))
---
print(sorted([p, q]), P.__match_args__)
""",
    "frozen dataclass as key": r"""
from dataclasses import dataclass
@dataclass(frozen=True)
class K:
    a: int
    b: tuple
d = {K(1, (2,)): 'one'}
---
print(d[K(1, (2,))])
try:
    K(1, ()).a = 3
except Exception as e:
    print(type(e).__name__, e)
---
print(d, hash(K(1, ())) == hash(K(1, ())))
""",
    "slotted dataclass": r"""
from dataclasses import dataclass
@dataclass(slots=True)
class S:
    a: int
    b: str = 'b'
    def both(self): return (self.a, self.b)
s = S(1)
---
s.a = 5
print(s, s.both())
try:
    s.c = 1
except AttributeError as e:
    print('no c')
---
print(s, S(2))
""",
    "frozen slotted dataclass": r"""
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class S:
    a: int
s = {S(1): 1}
---
print(s[S(1)], s)
""",
    "dataclass inheritance and post_init": r"""
from dataclasses import dataclass, field, fields
@dataclass
class A:
    x: int
@dataclass
class B(A):
    y: int = 2
    t: int = field(init=False)
    def __post_init__(self):
        self.t = self.x + self.y
b = B(1)
---
print(b, [f.name for f in fields(B)], B(4, 5))
---
@dataclass
class C(B):
    w: str = 'w'
print(C(1))
""",
    "make_dataclass": r"""
from dataclasses import make_dataclass
C = make_dataclass('C', ['x', ('y', int, 5)])
c = C(1)
---
print(c, C(2, 3))
""",
    "Enum identity": r"""
from enum import Enum, auto
class Color(Enum):
    RED = auto()
    GREEN = auto()
    ROT = 1
    def up(self): return self.name.upper()
fav = Color.RED
d = {Color.RED: 1}
---
print(fav is Color.RED, fav, d[Color.RED], Color.ROT is fav, list(Color), Color(2), Color['GREEN'].up())
---
print(fav is Color.ROT, fav in d, Color.GREEN.value)
""",
    "IntEnum, StrEnum and Flag": r"""
from enum import IntEnum, Flag, IntFlag, StrEnum, auto
class L(IntEnum):
    LOW = 1
    HIGH = 2
class F(Flag):
    A = 1
    B = 2
    AB = 3
class S(StrEnum):
    X = auto()
x, fl, s = L.HIGH, F.A | F.B, S.X
---
print(x > L.LOW, x + 1, fl, F.A in fl, fl is F.AB, ~F.A, s == 'x', f'{s}', x is L.HIGH)
---
print(F.A | F.B is fl, repr(x), s.upper(), L(1))
""",
    "Enum with members that have __init__": r"""
from enum import Enum
class Planet(Enum):
    EARTH = (5.9, 6.3)
    MARS = (0.6, 3.3)
    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius
    @property
    def g(self): return round(self.mass / self.radius, 3)
p = Planet.MARS
---
print(p.g, Planet.EARTH.mass, p.value, p is Planet((0.6, 3.3)))
---
print([q.g for q in Planet], p is Planet.MARS)
""",
    "Enum with _missing_ by value": r"""
from enum import Enum
class E(str, Enum):
    A = 'a'
    B = 'b'
e = E('a')
---
print(e == 'a', e is E.A, e.upper(), E('b'))
""",
    "functional Enum": r"""
from enum import Enum
Animal = Enum('Animal', 'CAT DOG')
a = Animal.CAT
---
print(a, a is Animal(1), list(Animal))
""",
    "namedtuple": r"""
from collections import namedtuple
P = namedtuple('P', 'x y', defaults=[0])
p = P(1)
---
print(p, p._replace(x=5), P._fields, isinstance(p, P), p == (1, 0), p._asdict())
---
print(P(3, 4), P.x.__doc__)
""",
    "a subclass of a namedtuple": r"""
from collections import namedtuple
class V(namedtuple('V', 'x y')):
    __slots__ = ()
    def norm(self): return self.x ** 2 + self.y ** 2
v = V(3, 4)
---
print(v, v.norm(), isinstance(v, V))
""",
    "typing.NamedTuple": r"""
from typing import NamedTuple
class E(NamedTuple):
    name: str
    age: int = 3
    def older(self): return self._replace(age=self.age + 1)
e = E('a')
---
print(e, e.older(), E('b', 2), E.__annotations__)
""",
    "abstract classes": r"""
from abc import ABC, abstractmethod
class Shape(ABC):
    @abstractmethod
    def area(self): ...
class Sq(Shape):
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
s = Sq(3)
class Other: pass
Shape.register(Other)
---
print(s.area(), isinstance(s, Shape), isinstance(Other(), Shape))
try:
    Shape()
except TypeError as e:
    print('abstract', 'area' in str(e))
---
class Tri(Shape):
    def area(self): return 1
print(Tri().area(), isinstance(Tri(), Shape))
""",
    "Protocol and Generic": r"""
from typing import Protocol, Generic, TypeVar, runtime_checkable, Optional, Callable
T = TypeVar('T')
@runtime_checkable
class HasLen(Protocol):
    def size(self) -> int: ...
class Box(Generic[T]):
    def __init__(self, v: T) -> None: self.v = v
    def size(self) -> int: return 1
b = Box[int](3)
alias = dict[str, list[int]]
opt = Optional[int]
call = Callable[[int, str], bool]
union = int | str
---
print(isinstance(b, HasLen), isinstance(3, HasLen), b.v, Box[str]('x').v, alias, opt, call, union, T, Box[T])
---
class Sub(Box[T]): pass
print(Sub(1).size(), isinstance(Sub(1), HasLen), Box.__parameters__ == (T,))
""",
    "TypedDict and NewType": r"""
from typing import TypedDict, NewType, Literal, Annotated
class M(TypedDict, total=False):
    a: int
    b: str
U = NewType('U', int)
m = M(a=1)
L = Literal['a', 1]
A = Annotated[int, 'm']
---
print(m, M(b='x'), U(3), L, A, M.__total__, sorted(M.__optional_keys__))
""",
    "__slots__ with inheritance": r"""
class A:
    __slots__ = ('x', '__dict__')
class B(A):
    __slots__ = 'y'
b = B()
b.x, b.y, b.z = 1, [2], 3
c = B()
---
b.y.append(1)
print(b.x, b.y, b.z, hasattr(c, 'x'))
""",
    "private attributes and mangled slots": r"""
class A:
    __slots__ = ('__a',)
    def __init__(self, a): self.__a = a
    def get(self): return self.__a
a = A(4)
---
print(a.get())
""",
    "own exceptions": r"""
class E(Exception):
    def __init__(self, code, *, why):
        super().__init__(f'{code}: {why}')
        self.code, self.why = code, why
try:
    try:
        1/0
    except ZeroDivisionError as z:
        raise E(5, why='x') from z
except E as caught:
    err = caught
---
print(err, err.code, err.why, repr(err.__cause__), isinstance(err, E))
try:
    raise err
except E as e:
    print('again', e.args)
""",
    "builtin exceptions": r"""
try:
    int('x')
except ValueError as e:
    v = e
try:
    {}['k']
except KeyError as e:
    k = e
import json
try:
    json.loads('{')
except json.JSONDecodeError as e:
    j = e
g = ExceptionGroup('g', [ValueError(1)])
u = UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')
o = OSError(2, 'no', 'f')
s = StopIteration(4)
---
print(repr(v), repr(k), j.pos, j.msg, repr(j), repr(g), u, o.errno, o.filename, o, s.value)
""",
    "subclasses of builtins": r"""
class D(dict):
    def __setitem__(self, k, v): super().__setitem__(k, v * 2)
    def __missing__(self, k): return 'none'
class L(list): pass
class I(int): pass
class S(str):
    def shout(self): return self.upper()
class F(float): pass
class T(tuple): pass
class Z(set): pass
class Y(frozenset): pass
class B(bytes): pass
d = D(); d['a'] = 1; d.extra = [1]
l = L([1]); l.me = l
i, s, f, t, z, y, b = I(5), S('x'), F(2.5), T((1, [2])), Z([1]), Y([1]), B(b'q')
---
print(d, d['q'], d.extra, l, l.me is l, i + 1, s.shout(), f, t, z, y, b)
print([type(x).__name__ for x in (d, l, i, s, f, t, z, y, b)])
---
d['b'] = 4
print(d, t[1], type(i).__name__)
""",
    "subclasses of collections": r"""
from collections import OrderedDict, defaultdict, deque, Counter, UserDict
class O(OrderedDict): pass
class DD(defaultdict): pass
class Q(deque): pass
class C(Counter): pass
class U(UserDict): pass
o = O(a=1); dd = DD(list); dd['x'].append(1); q = Q([1, 2], maxlen=2); c = C('aab'); u = U(a=1)
---
o.move_to_end('a'); q.append(3); dd['y'].append(2); c.update('b'); u['b'] = 2
print(o, dd, q, c, u, q.maxlen)
---
print(dd['new'], c.most_common(1), type(u).__name__, dd)
""",
    "__init_subclass__ and registries run once": r"""
class Base:
    registry = []
    def __init_subclass__(cls, tag=None, **kw):
        super().__init_subclass__(**kw)
        cls.tag = tag
        Base.registry.append(cls)
class A(Base, tag='a'): pass
---
class B(Base, tag='b'): pass
print([c.__name__ for c in Base.registry], A.tag, B.tag)
---
print([c.__name__ for c in Base.registry], Base.registry[0] is A)
""",
    "a metaclass": r"""
class Meta(type):
    made = []
    def __new__(m, n, b, d):
        c = super().__new__(m, n, b, d)
        m.made.append(n)
        return c
    def __call__(cls, *a):
        print('calling', cls.__name__)
        return super().__call__(*a)
    def __len__(cls): return 7
class A(metaclass=Meta):
    def __init__(self, x): self.x = x
a = A(1)
---
print(Meta.made, len(A), a.x, type(A).__name__)
---
print(A(2).x, Meta.made)
""",
    "descriptors with __set_name__": r"""
class Typed:
    def __set_name__(self, owner, name): self.name = '_' + name
    def __get__(self, o, t): return self if o is None else o.__dict__.get(self.name, 'unset')
    def __set__(self, o, v): o.__dict__[self.name] = v
class A:
    x = Typed()
a = A()
a.x = 3
---
print(a.x, A.x.name)
---
a.x = 4
print(a.x, A().x)
""",
    "cached_property and total_ordering": r"""
from functools import cached_property, total_ordering
@total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.n < o.n
    @cached_property
    def sq(self):
        print('computing')
        return self.n ** 2
a = V(3)
print(a.sq)
---
print(a.sq, V(4).sq, V(3) >= V(2), V(1) > V(2))
""",
    "singleton by __new__": r"""
class One:
    it = None
    def __new__(cls, x):
        if cls.it is None:
            print('made')
            cls.it = super().__new__(cls)
        return cls.it
    def __init__(self, x): self.x = x
a = One(1)
---
b = One(2)
print(a is b, a.x, One.it is a)
---
print(a is b, b.x)
""",
    "operators and special methods": r"""
class V:
    def __init__(self, *c): self.c = c
    def __add__(self, o): return V(*(a + b for a, b in zip(self.c, o.c)))
    def __repr__(self): return f'V{self.c}'
    def __eq__(self, o): return self.c == o.c
    def __hash__(self): return hash(self.c)
    def __getitem__(self, i): return self.c[i]
    def __len__(self): return len(self.c)
    def __iter__(self): return iter(self.c)
    def __contains__(self, x): return x in self.c
    def __enter__(self): return self
    def __exit__(self, *a): print('exit')
v = V(1, 2)
d = {v: 'v'}
---
print(v + v, d[V(1, 2)], len(v), list(v), 2 in v, v[0])
with v as w:
    print(w is v)
""",
    "nested classes": r"""
class A:
    class B:
        class C:
            n = 1
    def make(self): return A.B.C()
c = A().make()
---
print(type(c).__qualname__, isinstance(c, A.B.C), c.n)
""",
    "classes made in functions": r"""
def make(n):
    class K:
        def get(self): return n
    return K
A, B = make(1), make(2)
a = A()
---
print(a.get(), B().get(), type(a) is A, A is B, A.__qualname__)
""",
    "__getattr__ and __setattr__": r"""
class A:
    def __init__(self): object.__setattr__(self, 'data', {})
    def __getattr__(self, n):
        if n in self.data: return self.data[n]
        raise AttributeError(n)
    def __setattr__(self, n, v): self.data[n] = v
a = A()
a.x = 1
---
a.y = 2
print(a.x, a.y, a.data, hasattr(a, 'z'))
""",
    "class attributes are shared": r"""
class A:
    all = []
    def __init__(self): self.all.append(self)
a = A()
---
b = A()
print(A.all == [a, b], a.all is A.all)
---
print(len(A.all), A.all[0] is a)
""",
    "a class that names itself": r"""
class Node:
    root: 'Node' = None
    def __init__(self, up=None): self.up = up
Node.root = Node()
n = Node(Node.root)
---
print(n.up is Node.root, type(Node.root) is Node)
""",
    "getattr guard comes back": r"""
g = getattr
class A: x = 1
---
print(g(A, 'x'), g is getattr)
try:
    print(g(A, 'y', 'd'))
except AttributeError as e:
    print(e)
""",
    "builtins as values": r"""
fs = {'s': sum, 'm': max, 'l': len, 'i': int, 't': type(None)}
k = sorted
up = str.upper
ap = [].append
L = [3]
ap2 = L.append
---
print([fs[n]([1, 2]) for n in 'sml'], fs['i']('4'), fs['t'] is type(None), k([2, 1]), up('a'))
ap2(4)
print(L)
""",
    "tools as values": r"""
find = search
table = {'s': search}
---
print(find('x'), table['s'] is search)
""",
    "match statements": r"""
class P:
    __match_args__ = ('x', 'y')
    def __init__(self, x, y): self.x, self.y = x, y
def where(p):
    match p:
        case P(0, y): return f'axis {y}'
        case P(x=x): return f'at {x}'
p = P(0, 2)
---
print(where(p), where(P(1, 1)))
""",
    "contextmanager": r"""
from contextlib import contextmanager
@contextmanager
def tag(n):
    print('<', n)
    yield n
    print('>', n)
---
with tag('b') as t:
    print(t)
""",
}
