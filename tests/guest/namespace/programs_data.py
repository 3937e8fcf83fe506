"""Programs of several turns about data. Each must print the same with and without snapshots."""

from __future__ import annotations

DATA: dict[str, list[str]] = {
    "two names, one list": ["a = [1]\nb = a", "b.append(2)\nprint(a, a is b)", "a.append(3)\nprint(b)"],
    "a list in a dict in a tuple": ["l = []\nt = ({'l': l}, l)", "t[0]['l'].append(1)\nprint(l, t, t[1] is l)"],
    "a list that holds itself": [
        "l = [1]\nl.append(l)\nd = {}\nd['me'] = d\nt = ([],)\nt[0].append(t)",
        "print(l[1] is l, d['me'] is d, t[0][0] is t, l)",
    ],
    "aliasing between instance and name": [
        "class A: pass\na = A()\na.items = []\nitems = a.items",
        "items.append(1)\nprint(a.items)",
    ],
    "a graph with cycles": [
        "class N:\n    def __init__(self, n): self.n, self.to = n, []\na, b = N('a'), N('b')\na.to.append(b); b.to.append(a)",
        "print(a.to[0].to[0] is a, b.to[0].n)",
    ],
    "a set of hashable nodes in a cycle": [
        "class N:\n    def __init__(self, n): self.n, self.near = n, set()\n    def __hash__(self): return hash(self.n)\n    def __eq__(self, o): return self.n == o.n\na, b = N('a'), N('b')\na.near.add(b); b.near.add(a); b.near.add(b)",
        "print(a in b.near, b in b.near, len(b.near))",
    ],
    "a cycle whose hash needs a global and a list": [
        "def key(n): return hash(tuple(n.parts))\nclass N:\n    def __init__(self, *p): self.parts, self.near = list(p), set()\n    def __hash__(self): return key(self)\na, b = N(1, 2), N(3)\na.near |= {a, b}; b.near.add(a)\nd = {a: 'a', b: [a]}",
        "print(a in b.near, b in a.near, d[a], d[b][0] is a)",
    ],
    "a long linked list": [
        "class N:\n    def __init__(self, v, nxt): self.v, self.nxt = v, nxt\nhead = None\nfor i in range(3000):\n    head = N(i, head)",
        "n, s = head, 0\nwhile n:\n    s += n.v\n    n = n.nxt\nprint(s)",
    ],
    "a deep tree of lists": [
        "t = []\nfor i in range(300):\n    t = [t, i]",
        "n = 0\nwhile t:\n    t = t[0]\n    n += 1\nprint(n)",
    ],
    "del": ["a, b = 1, 2", "del a", "try:\n    print(a)\nexcept NameError as e:\n    print(e)\nprint(b)"],
    "names bound inside try and for": [
        "try:\n    t = 1\n    raise ValueError\nexcept ValueError:\n    u = 2\nfor i in range(3):\n    last = i\nwith __import__('contextlib').suppress(KeyError):\n    w = 5",
        "print(t, u, i, last, w)",
    ],
    "names bound before an exception": [
        "a = 1\nb = 1 / 0\nc = 3",
        "print(a)\ntry:\n    b\nexcept NameError as e:\n    print(e)",
    ],
    "underscore names": ["_ = 5\n_private = [1]\n_1 = 2", "print(_, _private, _1)"],
    "None, bools, Ellipsis, NotImplemented": [
        "v = (None, True, False, Ellipsis, NotImplemented, type(None))",
        "print(v, v[3] is ..., v[4] is NotImplemented)",
    ],
    "big and odd numbers": [
        "n = 2 ** 3000\nf = (float('inf'), -0.0, 1e-320)\nnan = float('nan')\nc = 3 + 4j",
        "print(n % 1000007, f, nan != nan, c)",
    ],
    "text and bytes": [
        "s = 'é\\u2028\\ud800😀'\nb = b'\\x00\\xff'\nba = bytearray(b'ab')\nother = ba",
        "ba.append(99)\nprint(ascii(s), b, other)",
    ],
    "range and slice": ["r = range(5, 100, 7)\ns = slice(1, None, 2)", "print(r[2], s, list(r)[s])"],
    "iterators half consumed": [
        "i = iter([1, 2, 3, 4])\nnext(i)\nr = iter(range(10))\nnext(r); next(r)\nd = iter({'a': 1})\nt = iter((1, 2, 3))\nnext(t)\ne = enumerate('abc')\nnext(e)\nz = zip([1, 2], 'ab')\nv = reversed([1, 2, 3])\nnext(v)\nm = map(str, [1, 2])\nf = filter(None, [0, 1, 2])\ns = iter('abc')\nnext(s)",
        "print(next(i), next(r), list(d), list(t), list(e), list(z), list(v), list(m), list(f), list(s))",
        "print(list(i), list(r))",
    ],
    "an iterator shares its list": ["l = [1, 2, 3]\ni = iter(l)\nnext(i)", "l.append(4)\nprint(list(i))"],
    "sets and frozensets": [
        "s = {1, 'a', (2, 3)}\nf = frozenset({s and 1, 2})\nt = s",
        "t.add(9)\nprint(sorted(map(str, s)), f)",
    ],
    "dict order": ["d = {'z': 1, 'a': 2}\nd['m'] = 3\ndel d['z']\nd['z'] = 4", "print(list(d.items()))"],
    "collections": [
        "from collections import deque, Counter, OrderedDict, defaultdict, ChainMap\nq = deque([1, 2], maxlen=3)\nc = Counter('hello')\no = OrderedDict(b=1, a=2)\nd = defaultdict(lambda: [0])\nd['x'].append(1)\ndd = defaultdict(int)\ncm = ChainMap({'a': 1}, {'b': 2})",
        "q.extend([3, 4]); o.move_to_end('b'); d['y']; dd['k'] += 1\nprint(q, c.most_common(2), o, dict(d), dd, cm['b'])",
        "print(d['new'], q.maxlen, dd['none'])",
    ],
    "datetimes": [
        "from datetime import datetime, date, timedelta, timezone, time\nfrom zoneinfo import ZoneInfo\nd = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)\nb = datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Berlin'))\nt = timedelta(days=1, seconds=5)\nx = (date(2020, 1, 1), time(3, 4), timezone(timedelta(hours=2)))",
        "print(d + t, b.utcoffset(), b.tzinfo is ZoneInfo('Europe/Berlin'), x, d.tzinfo is timezone.utc)",
    ],
    "exact numbers": [
        "from decimal import Decimal, getcontext\nfrom fractions import Fraction\nd = Decimal('1.10')\nf = Fraction(3, 9)\nimport uuid\nu = uuid.UUID(int=5)",
        "print(d + 1, f, u)",
    ],
    "patterns": [
        "import re\np = re.compile(r'(\\d+)-(?P<n>x)', re.I)",
        "print(p.match('12-X').group('n'), p.flags, p.pattern)",
    ],
    "module aliases": [
        "import math as m, json\nfrom math import sqrt, pi\nimport collections.abc as cabc",
        "print(m.floor(2.5), json.dumps([1]), sqrt(16), round(pi, 3), isinstance([], cabc.Sequence))",
    ],
    "modules inside data": [
        "import math\ntools = {'m': math, 'f': math.sqrt}",
        "print(tools['m'] is math, tools['f'](9))",
    ],
    "random.Random": [
        "import random\nr = random.Random(7)\na = r.random()",
        "b = r.random()\nprint(a, b)",
        "print(r.randint(0, 100), r.gauss(0, 1))",
    ],
    "string templates and text wrappers": [
        "import string, types\nt = string.Template('$a b')\nn = types.SimpleNamespace(a=[1])\nn.me = n",
        "print(t.substitute(a=1), n.a, n.me is n)",
    ],
    "string io": [
        "import io\ns = io.StringIO('line1\\nline2\\n')\ns.readline()\nb = io.BytesIO(b'abc')\nb.read(1)",
        "print(repr(s.readline()), b.read())",
    ],
    "heaps and bisect": [
        "import heapq\nh = []\nfor x in (5, 1, 4): heapq.heappush(h, (x, {'v': x}))",
        "print(heapq.heappop(h), h[0][0])",
    ],
    "itemgetter": ["from operator import itemgetter\nk = itemgetter(1)", "print(sorted([(1, 2), (2, 1)], key=k))"],
    "arrays": [
        "import numpy as np\na = np.arange(12).reshape(3, 4)\nf = np.asfortranarray(a * 1.5)\nz = np.array(5)\ne = np.empty((0, 3))\nb = np.array([True, False])\ns = np.array(['ab', 'c'])\nd = np.array(['2020-01-01', 'NaT'], dtype='M8[D]')\nr = np.array([(1, 2.5)], dtype=[('x', 'i4'), ('y', 'f8')])\nc = np.array([1 + 2j])",
        "print(a.sum(), f.flags.f_contiguous, z, e.shape, b, s, d, r['y'], c, a.dtype, f[1])",
        "a[0, 0] = 99\nprint(a[0], r.dtype)",
    ],
    "views share memory": [
        "import numpy as np\na = np.arange(10)\nv = a[2:8:2]\nr = a[::-1]\nm = a.reshape(2, 5)\nt = m.T",
        "a[2] = 100\nprint(v, r[-3], m[0, 2], t[2, 0])",
        "t[0, 0] = -1\nv[1] = 55\nprint(a, np.shares_memory(a, t), v)",
    ],
    "views without their base": [
        "import numpy as np\nv = np.arange(10)[2:]\nw = v[1:]\nx = np.arange(6.).reshape(2, 3)[:, 1]",
        "v[1] = 7\nprint(w, x)",
        "w[0] = 8\nprint(v, np.shares_memory(v, w))",
    ],
    "large arrays stay shared and writable": [
        "import numpy as np\na = np.zeros(100_000)\nv = a[50_000:]\nb = a\nro = np.ones(10_000)\nro.flags.writeable = False",
        "a[60_000] = 5\nprint(v[10_000], b is a, ro.flags.writeable, a.flags.writeable)",
        "v[:] = 1\nprint(a.sum(), ro.sum())",
        "print(v.sum(), np.shares_memory(a, v))",
    ],
    "object arrays": [
        "import numpy as np\nl = [1]\na = np.array([l, 'x', None], dtype=object)\nv = a[1:]",
        "l.append(2)\nv[0] = 'y'\nprint(a)",
    ],
    "numpy scalars and types": [
        "import numpy as np\nx = np.float64(1.5)\ni = np.int32(7)\ndt = np.dtype('f4')\nt = np.int16\nf = np.sin\ng = np.mean\nn = np.nan\nmx = np.matrix([[1, 2]])\nma = np.ma.array([1, 2], mask=[0, 1]) if hasattr(np, 'ma') else None\nd64 = np.datetime64('2020-01-01')",
        "print(repr(x), repr(i), dt, t, f(0.0), g([1, 2]), n, mx, d64, f is np.sin)",
    ],
    "a numpy Generator goes on": [
        "import numpy as np\nr = np.random.default_rng(3)\na = r.random()",
        "print(a, r.integers(0, 100, 3))",
        "print(r.normal())",
    ],
    "a frame": [
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', None], 'c': pd.to_datetime(['2020-01-01'] * 3), 'd': pd.Categorical(['p', 'q', 'p']), 'e': [1.5, None, 2]})",
        "df['f'] = df.a * 2\nprint(df.to_string(), df.dtypes.astype(str).tolist())",
        "print(df.groupby('d', observed=True).a.sum().to_dict(), df.loc[1, 'f'])",
    ],
    "frames with indexes of all kinds": [
        "import pandas as pd\na = pd.Series([1, 2], index=pd.date_range('2020', periods=2, freq='D', tz='UTC'), name='s')\nb = pd.DataFrame({'x': [1, 2, 3]}, index=pd.MultiIndex.from_tuples([(1, 'a'), (1, 'b'), (2, 'a')], names=['n', 'l']))\nc = pd.Series([1, 2], index=pd.period_range('2020-01', periods=2, freq='M'))\nd = pd.Series(pd.to_timedelta([1, 2], unit='h'))\ne = pd.Series([1, None], dtype='Int64')\nf = pd.Series(pd.interval_range(0, 2))\ng = pd.Series(['a', None], dtype='string')",
        "print(a.index.freq, a, b.loc[1], c, d, e.sum(), f, g)",
    ],
    "a column is taken from a frame": [
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\ncol = df['a']\nsame = df",
        "same.loc[0, 'a'] = 10\nprint(df.a.tolist(), col.tolist(), same is df)",
    ],
    "group-bys and timestamps": [
        "import pandas as pd\nts = pd.Timestamp('2020-01-01 05:00', tz='Europe/Paris')\ntd = pd.Timedelta('1h')\nnat, na = pd.NaT, pd.NA\np = pd.Period('2020-01', 'M')\noff = pd.DateOffset(months=2)\ng = pd.DataFrame({'k': [1, 1, 2], 'v': [1, 2, 3]}).groupby('k')",
        "print(ts + td, nat is pd.NaT, na is pd.NA, p + 1, ts + off, g.v.sum().tolist())",
    ],
    "a frame's methods as values": [
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\nm = df.sum\nagg = {'a': pd.Series.mean}\nread = pd.to_datetime",
        "print(m().to_dict(), agg['a'](df.a), read('2020-01-01'))",
    ],
    "apply with a session's function": [
        "import pandas as pd\nk = 2\ndef scale(x): return x * k\ndf = pd.DataFrame({'a': [1, 2]})",
        "k = 5\nprint(df.a.apply(scale).tolist())",
    ],
    "a frame subclass": [
        "import pandas as pd\nclass MyFrame(pd.DataFrame):\n    @property\n    def _constructor(self): return MyFrame\n    def total(self): return self.sum().sum()\nm = MyFrame({'a': [1, 2]})",
        "print(type(m).__name__, m.total(), type(m[m.a > 1]).__name__)",
    ],
    "a figure under way": [
        "import matplotlib\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nline, = ax.plot([1, 2, 3], label='a')\nax.set_title('t')",
        "ax.legend()\nprint(ax.get_title(), line in ax.lines, fig.axes[0] is ax, [float(v) for v in line.get_ydata()])",
        "fig.canvas.draw()\nprint(len(ax.lines), ax.get_legend() is not None)",
    ],
    "interned identity of small things": [
        "e = ()\ns = 'abc'\nt = s\nl = [s, s]",
        "print(e is (), t is s, l[0] is l[1])",
    ],
    "memory of shared tuples": ["t = (1, [2])\na = [t, t]", "print(a[0] is a[1], a[0] is t)"],
    "comprehension results and unpacking": ["a, *b = range(5)\nd = {k: v for k, v in zip('ab', b)}", "print(a, b, d)"],
    "a dispatcher table of classes": [
        "class A:\n    def run(self): return 'A'\nclass B(A):\n    def run(self): return 'B' + super().run()\ntable = {'a': A, 'b': B, A: 'cls'}",
        "print(table['b']().run(), table[A], table['a'] is A)",
    ],
    "a cached object graph": [
        "class Tree:\n    def __init__(self, v, *kids): self.v, self.kids = v, list(kids)\n    def walk(self):\n        yield self.v\n        for k in self.kids: yield from k.walk()\nleaf = Tree(3)\nt = Tree(1, Tree(2, leaf), leaf)",
        "leaf.v = 9\nprint(list(t.walk()), t.kids[1] is leaf)",
    ],
    "100 names": [
        "\n".join(f"n{i} = [{i}]" for i in range(100)) + "\nn100 = n5",
        "n100.append(1)\nprint(n5, sum(n[0] for n in [n1, n99]))",
    ],
}
