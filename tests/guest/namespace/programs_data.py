"""Programs about data of the standard library. Turns are separated by a line of three dashes."""

from __future__ import annotations

DATA: dict[str, str] = {
    "two names, one list": r"""
a = [1]
b = a
---
b.append(2)
print(a, a is b)
---
a.append(3)
print(b)
""",
    "a list in a dict in a tuple": r"""
l = []
t = ({'l': l}, l)
---
t[0]['l'].append(1)
print(l, t, t[1] is l)
""",
    "a list that holds itself": r"""
l = [1]
l.append(l)
d = {}
d['me'] = d
t = ([],)
t[0].append(t)
---
print(l[1] is l, d['me'] is d, t[0][0] is t, l)
""",
    "aliasing between instance and name": r"""
class A: pass
a = A()
a.items = []
items = a.items
---
items.append(1)
print(a.items)
""",
    "a graph with cycles": r"""
class N:
    def __init__(self, n): self.n, self.to = n, []
a, b = N('a'), N('b')
a.to.append(b); b.to.append(a)
---
print(a.to[0].to[0] is a, b.to[0].n)
""",
    "a set of hashable nodes in a cycle": r"""
class N:
    def __init__(self, n): self.n, self.near = n, set()
    def __hash__(self): return hash(self.n)
    def __eq__(self, o): return self.n == o.n
a, b = N('a'), N('b')
a.near.add(b); b.near.add(a); b.near.add(b)
---
print(a in b.near, b in b.near, len(b.near))
""",
    "a cycle whose hash needs a global and a list": r"""
def key(n): return hash(tuple(n.parts))
class N:
    def __init__(self, *p): self.parts, self.near = list(p), set()
    def __hash__(self): return key(self)
a, b = N(1, 2), N(3)
a.near |= {a, b}; b.near.add(a)
d = {a: 'a', b: [a]}
---
print(a in b.near, b in a.near, d[a], d[b][0] is a)
""",
    "a long linked list": r"""
class N:
    def __init__(self, v, nxt): self.v, self.nxt = v, nxt
head = None
for i in range(3000):
    head = N(i, head)
---
n, s = head, 0
while n:
    s += n.v
    n = n.nxt
print(s)
""",
    "a deep tree of lists": r"""
t = []
for i in range(300):
    t = [t, i]
---
n = 0
while t:
    t = t[0]
    n += 1
print(n)
""",
    "del": r"""
a, b = 1, 2
---
del a
---
try:
    print(a)
except NameError as e:
    print(e)
print(b)
""",
    "names bound inside try and for": r"""
try:
    t = 1
    raise ValueError
except ValueError:
    u = 2
for i in range(3):
    last = i
with __import__('contextlib').suppress(KeyError):
    w = 5
---
print(t, u, i, last, w)
""",
    "names bound before an exception": r"""
a = 1
b = 1 / 0
c = 3
---
print(a)
try:
    b
except NameError as e:
    print(e)
""",
    "underscore names": r"""
_ = 5
_private = [1]
_1 = 2
---
print(_, _private, _1)
""",
    "None, bools, Ellipsis, NotImplemented": r"""
v = (None, True, False, Ellipsis, NotImplemented, type(None))
---
print(v, v[3] is ..., v[4] is NotImplemented)
""",
    "big and odd numbers": r"""
n = 2 ** 3000
f = (float('inf'), -0.0, 1e-320)
nan = float('nan')
c = 3 + 4j
---
print(n % 1000007, f, nan != nan, c)
""",
    "text and bytes": r"""
s = 'é\u2028\ud800😀'
b = b'\x00\xff'
ba = bytearray(b'ab')
other = ba
---
ba.append(99)
print(ascii(s), b, other)
""",
    "range and slice": r"""
r = range(5, 100, 7)
s = slice(1, None, 2)
---
print(r[2], s, list(r)[s])
""",
    "iterators half consumed": r"""
i = iter([1, 2, 3, 4])
next(i)
r = iter(range(10))
next(r); next(r)
d = iter({'a': 1})
t = iter((1, 2, 3))
next(t)
e = enumerate('abc')
next(e)
z = zip([1, 2], 'ab')
v = reversed([1, 2, 3])
next(v)
m = map(str, [1, 2])
f = filter(None, [0, 1, 2])
s = iter('abc')
next(s)
---
print(next(i), next(r), list(d), list(t), list(e), list(z), list(v), list(m), list(f), list(s))
---
print(list(i), list(r))
""",
    "itertools under way": r"""
import itertools as it
c, y = it.count(5, 2), it.cycle("ab")
ch = it.chain([1, 2], [3])
sl = it.islice([1, 2, 3, 4], 1, None)
p = it.permutations([1, 2, 3], 2)
pr = it.product([1, 2], "ab")
ac = it.accumulate([1, 2, 3])
next(c), next(y), next(ch), next(sl), next(p), next(pr), next(ac)
---
print(next(c), next(y), next(y), list(ch), list(sl), next(p), list(pr), list(ac))
---
print(next(c), next(y), next(p))
""",
    "an iterator shares its list": r"""
l = [1, 2, 3]
i = iter(l)
next(i)
---
l.append(4)
print(list(i))
""",
    "sets and frozensets": r"""
s = {1, 'a', (2, 3)}
f = frozenset({s and 1, 2})
t = s
---
t.add(9)
print(sorted(map(str, s)), f)
""",
    "dict order": r"""
d = {'z': 1, 'a': 2}
d['m'] = 3
del d['z']
d['z'] = 4
---
print(list(d.items()))
""",
    "collections": r"""
from collections import deque, Counter, OrderedDict, defaultdict, ChainMap
q = deque([1, 2], maxlen=3)
c = Counter('hello')
o = OrderedDict(b=1, a=2)
d = defaultdict(lambda: [0])
d['x'].append(1)
dd = defaultdict(int)
cm = ChainMap({'a': 1}, {'b': 2})
---
q.extend([3, 4]); o.move_to_end('b'); d['y']; dd['k'] += 1
print(q, c.most_common(2), o, dict(d), dd, cm['b'])
---
print(d['new'], q.maxlen, dd['none'])
""",
    "datetimes": r"""
from datetime import datetime, date, timedelta, timezone, time
from zoneinfo import ZoneInfo
d = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
b = datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Berlin'))
t = timedelta(days=1, seconds=5)
x = (date(2020, 1, 1), time(3, 4), timezone(timedelta(hours=2)))
---
print(d + t, b.utcoffset(), b.tzinfo is ZoneInfo('Europe/Berlin'), x, d.tzinfo is timezone.utc)
""",
    "exact numbers": r"""
from decimal import Decimal, getcontext
from fractions import Fraction
d = Decimal('1.10')
f = Fraction(3, 9)
import uuid
u = uuid.UUID(int=5)
---
print(d + 1, f, u)
""",
    "patterns": r"""
import re
p = re.compile(r'(\d+)-(?P<n>x)', re.I)
---
print(p.match('12-X').group('n'), p.flags, p.pattern)
""",
    "module aliases": r"""
import math as m, json
from math import sqrt, pi
import collections.abc as cabc
---
print(m.floor(2.5), json.dumps([1]), sqrt(16), round(pi, 3), isinstance([], cabc.Sequence))
""",
    "modules inside data": r"""
import math
tools = {'m': math, 'f': math.sqrt}
---
print(tools['m'] is math, tools['f'](9))
""",
    "random.Random": r"""
import random
r = random.Random(7)
a = r.random()
---
b = r.random()
print(a, b)
---
print(r.randint(0, 100), r.gauss(0, 1))
""",
    "random.seed in one turn decides the next": r"""
import random
random.seed(1)
---
print(random.random(), random.randint(0, 9))
---
print(random.random(), random.choice("abc"))
""",
    "string templates and text wrappers": r"""
import string, types
t = string.Template('$a b')
n = types.SimpleNamespace(a=[1])
n.me = n
---
print(t.substitute(a=1), n.a, n.me is n)
""",
    "string io": r"""
import io
s = io.StringIO('line1\nline2\n')
s.readline()
b = io.BytesIO(b'abc')
b.read(1)
---
print(repr(s.readline()), b.read())
""",
    "heaps and bisect": r"""
import heapq
h = []
for x in (5, 1, 4): heapq.heappush(h, (x, {'v': x}))
---
print(heapq.heappop(h), h[0][0])
""",
    "itemgetter": r"""
from operator import itemgetter
k = itemgetter(1)
---
print(sorted([(1, 2), (2, 1)], key=k))
""",
    "interned identity of small things": r"""
e = ()
s = 'abc'
t = s
l = [s, s]
---
print(e == (), t is s, l[0] is l[1])
""",
    "memory of shared tuples": r"""
t = (1, [2])
a = [t, t]
---
print(a[0] is a[1], a[0] is t)
""",
    "comprehension results and unpacking": r"""
a, *b = range(5)
d = {k: v for k, v in zip('ab', b)}
---
print(a, b, d)
""",
    "a dispatcher table of classes": r"""
class A:
    def run(self): return 'A'
class B(A):
    def run(self): return 'B' + super().run()
table = {'a': A, 'b': B, A: 'cls'}
---
print(table['b']().run(), table[A], table['a'] is A)
""",
    "a cached object graph": r"""
class Tree:
    def __init__(self, v, *kids): self.v, self.kids = v, list(kids)
    def walk(self):
        yield self.v
        for k in self.kids: yield from k.walk()
leaf = Tree(3)
t = Tree(1, Tree(2, leaf), leaf)
---
leaf.v = 9
print(list(t.walk()), t.kids[1] is leaf)
""",
}
