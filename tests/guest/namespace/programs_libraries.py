"""Programs about numpy, pandas and matplotlib. Turns are separated by a line of three dashes."""

from __future__ import annotations

LIBRARIES: dict[str, str] = {
    "arrays": r"""
import numpy as np
a = np.arange(12).reshape(3, 4)
f = np.asfortranarray(a * 1.5)
z = np.array(5)
e = np.empty((0, 3))
b = np.array([True, False])
s = np.array(['ab', 'c'])
d = np.array(['2020-01-01', 'NaT'], dtype='M8[D]')
r = np.array([(1, 2.5)], dtype=[('x', 'i4'), ('y', 'f8')])
c = np.array([1 + 2j])
---
print(a.sum(), f.flags.f_contiguous, z, e.shape, b, s, d, r['y'], c, a.dtype, f[1])
---
a[0, 0] = 99
print(a[0], r.dtype)
""",
    "views share memory": r"""
import numpy as np
a = np.arange(10)
v = a[2:8:2]
r = a[::-1]
m = a.reshape(2, 5)
t = m.T
---
a[2] = 100
print(v, r[-3], m[0, 2], t[2, 0])
---
t[0, 0] = -1
v[1] = 55
print(a, np.shares_memory(a, t), v)
""",
    "views without their base": r"""
import numpy as np
v = np.arange(10)[2:]
w = v[1:]
x = np.arange(6.).reshape(2, 3)[:, 1]
---
v[1] = 7
print(w, x)
---
w[0] = 8
print(v, np.shares_memory(v, w))
""",
    "large arrays stay shared and writable": r"""
import numpy as np
a = np.zeros(100_000)
v = a[50_000:]
b = a
ro = np.ones(10_000)
ro.flags.writeable = False
---
a[60_000] = 5
print(v[10_000], b is a, ro.flags.writeable, a.flags.writeable)
---
v[:] = 1
print(a.sum(), ro.sum())
---
print(v.sum(), np.shares_memory(a, v))
""",
    "object arrays": r"""
import numpy as np
l = [1]
a = np.array([l, 'x', None], dtype=object)
v = a[1:]
---
l.append(2)
v[0] = 'y'
print(a)
""",
    "numpy scalars and types": r"""
import numpy as np
x = np.float64(1.5)
i = np.int32(7)
dt = np.dtype('f4')
t = np.int16
f = np.sin
g = np.mean
n = np.nan
ma = np.ma.array([1, 2], mask=[0, 1]) if hasattr(np, 'ma') else None
d64 = np.datetime64('2020-01-01')
---
print(repr(x), repr(i), dt, t, f(0.0), g([1, 2]), n, d64, f is np.sin)
""",
    "a numpy Generator goes on": r"""
import numpy as np
r = np.random.default_rng(3)
a = r.random()
---
print(a, r.integers(0, 100, 3))
---
print(r.normal())
""",
    "a frame": r"""
import pandas as pd
df = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', None], 'c': pd.to_datetime(['2020-01-01'] * 3)})
df['d'] = pd.Categorical(['p', 'q', 'p'])
df['e'] = [1.5, None, 2]
---
df['f'] = df.a * 2
print(df.to_string(), df.dtypes.astype(str).tolist())
---
print(df.groupby('d', observed=True).a.sum().to_dict(), df.loc[1, 'f'])
""",
    "frames with indexes of all kinds": r"""
import pandas as pd
a = pd.Series([1, 2], index=pd.date_range('2020', periods=2, freq='D', tz='UTC'), name='s')
b = pd.DataFrame({'x': [1, 2, 3]}, index=pd.MultiIndex.from_tuples([(1, 'a'), (1, 'b'), (2, 'a')], names=['n', 'l']))
c = pd.Series([1, 2], index=pd.period_range('2020-01', periods=2, freq='M'))
d = pd.Series(pd.to_timedelta([1, 2], unit='h'))
e = pd.Series([1, None], dtype='Int64')
f = pd.Series(pd.interval_range(0, 2))
g = pd.Series(['a', None], dtype='string')
---
print(a.index.freq, a, b.loc[1], c, d, e.sum(), f, g)
""",
    "a column is taken from a frame": r"""
import pandas as pd
df = pd.DataFrame({'a': [1, 2, 3]})
col = df['a']
same = df
---
same.loc[0, 'a'] = 10
print(df.a.tolist(), col.tolist(), same is df)
""",
    "group-bys and timestamps": r"""
import pandas as pd
ts = pd.Timestamp('2020-01-01 05:00', tz='Europe/Paris')
td = pd.Timedelta('1h')
nat, na = pd.NaT, pd.NA
p = pd.Period('2020-01', 'M')
off = pd.DateOffset(months=2)
g = pd.DataFrame({'k': [1, 1, 2], 'v': [1, 2, 3]}).groupby('k')
---
print(ts + td, nat is pd.NaT, na is pd.NA, p + 1, ts + off, g.v.sum().tolist())
""",
    "a frame's methods as values": r"""
import pandas as pd
df = pd.DataFrame({'a': [1, 2]})
m = df.sum
agg = {'a': pd.Series.mean}
read = pd.to_datetime
---
print(m().to_dict(), agg['a'](df.a), read('2020-01-01'))
""",
    "apply with a session's function": r"""
import pandas as pd
k = 2
def scale(x): return x * k
df = pd.DataFrame({'a': [1, 2]})
---
k = 5
print(df.a.apply(scale).tolist())
""",
    "a frame subclass": r"""
import pandas as pd
class MyFrame(pd.DataFrame):
    @property
    def _constructor(self): return MyFrame
    def total(self): return self.sum().sum()
m = MyFrame({'a': [1, 2]})
---
print(type(m).__name__, m.total(), type(m[m.a > 1]).__name__)
""",
    "a figure under way": r"""
import matplotlib
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
line, = ax.plot([1, 2, 3], label='a')
ax.set_title('t')
---
ax.legend()
print(ax.get_title(), line in ax.lines, fig.axes[0] is ax, [float(v) for v in line.get_ydata()])
---
fig.canvas.draw()
print(len(ax.lines), ax.get_legend() is not None)
""",
    "np.random.seed in one turn decides the next": r"""
import numpy as np
np.random.seed(5)
---
print(np.random.rand(2))
---
print(np.random.randint(0, 100, 3))
""",
    "pyplot's current figure goes on": r"""
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.title("first")
---
plt.xlabel("x")
print(plt.gca().get_title(), plt.gca().get_xlabel(), plt.get_fignums())
---
plt.figure()
print(plt.get_fignums())
plt.close("all")
---
print(plt.get_fignums())
""",
    "a figure in a name is pyplot's current one": r"""
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
---
plt.title("t")
print(plt.gcf() is fig, ax.get_title())
---
ax.set_title("u")
print(plt.gca().get_title(), plt.gca() is ax)
""",
    "frames that share memory stay separate": r"""
import pandas as pd
df = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5]})
part = df[["b"]]
shallow = df.copy(deep=False)
index = pd.Index([5, 6, 7])
series = pd.Series(index)
---
df.loc[0, "b"] = 99
shallow.iloc[1, 0] = 50
series.iloc[0] = 0
print(part.b.tolist(), df.to_dict("list"), shallow.to_dict("list"), index.tolist(), series.tolist())
---
part.iloc[2, 0] = -1
print(part.b.tolist(), df.b.tolist(), shallow.b.tolist())
""",
    "settings of libraries go on": r"""
import decimal, matplotlib
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
pd.set_option('display.max_rows', 4)
pd.options.display.float_format = '{:.1f}'.format
np.set_printoptions(precision=2, suppress=True)
plt.rcParams['font.size'] = 17
plt.rcParams['axes.prop_cycle'] = matplotlib.cycler(color=['r', 'g'])
decimal.getcontext().prec = 7
---
print(pd.Series([1.23] * 9))
print(np.array([1.23456]), decimal.Decimal(1) / 3)
print(plt.rcParams['font.size'], plt.rcParams['axes.prop_cycle'].by_key())
---
pd.reset_option('display.max_rows')
plt.rcdefaults()
---
print(pd.get_option('display.max_rows'), plt.rcParams['font.size'])
""",
    "a setting that cannot be kept costs no other": r"""
import pandas as pd
def made():
    running = (n for n in [1])
    return lambda value: f'<{value:.0f}>' if running else ''
pd.set_option('display.float_format', made())
pd.set_option('display.max_rows', 4)
---
print(pd.get_option('display.max_rows'))
""",
}
