"""Programs about functions. Turns are separated by a line of three dashes."""

from __future__ import annotations

FUNCTIONS: dict[str, str] = {
    "a function sees a later re-binding": r"""
x = 1
def f():
    return x
---
x = 2
print(f())
---
x = 3
print(f())
""",
    "a function sees a later deletion": r"""
x = 1
def f():
    return x
---
del x
---
print(f())
""",
    "global counter": r"""
n = 0
def inc():
    global n
    n += 1
---
inc(); inc()
print(n)
---
inc()
print(n)
""",
    "recursion": r"""
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)
---
print(fact(20))
""",
    "mutual recursion, one redefined": r"""
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
---
print(even(10), odd(7))
---
def odd(n): return 'redefined'
---
print(even(3))
""",
    "two closures share a cell": r"""
def make():
    n = 0
    def inc():
        nonlocal n
        n += 1
    def get():
        return n
    return inc, get
inc, get = make()
---
inc(); inc()
print(get())
---
inc()
print(get())
""",
    "closures made in a loop": r"""
fs = [lambda i=i: i for i in range(3)]
gs = [lambda: i for i in range(3)]
---
print([f() for f in fs], [g() for g in gs])
""",
    "a closure that calls itself": r"""
def outer():
    def walk(n):
        return [] if n == 0 else [n] + walk(n - 1)
    return walk
w = outer()
---
print(w(4), w.__qualname__)
""",
    "an unbound cell": r"""
def outer():
    def f():
        return later
    if False:
        later = 1
    return f
f = outer()
---
try:
    f()
except NameError as e:
    print(type(e).__name__, e)
""",
    "defaults are shared objects": r"""
def add(x, seen=[]):
    seen.append(x)
    return seen
---
add(1)
print(add(2))
---
print(add(3), add.__defaults__)
""",
    "keyword defaults and annotations": r"""
def f(a: int, *, b: str = 'x') -> list[int]:
    'doc of f'
    return [a, b]
---
print(f(1), f.__kwdefaults__, f.__annotations__, f.__doc__, f.__name__)
""",
    "attributes of functions": r"""
def f(): pass
f.calls = [1]
alias = f.calls
---
alias.append(2)
print(f.calls)
""",
    "a lambda in a dict": r"""
ops = {'+': lambda a, b: a + b, '-': lambda a, b: a - b}
---
print(ops['+'](1, 2), ops['-'](1, 2))
""",
    "a generator function": r"""
def gen(n):
    for i in range(n):
        yield i * i
---
print(list(gen(4)))
""",
    "an async function": r"""
async def f(x):
    return x + 1
---
c = f(1)
try:
    c.send(None)
except StopIteration as e:
    print(e.value)
del c
""",
    "functools.wraps": r"""
import functools
def twice(f):
    @functools.wraps(f)
    def inner(*a):
        return f(f(*a))
    return inner
@twice
def inc(x):
    'adds one'
    return x + 1
---
print(inc(1), inc.__name__, inc.__doc__, inc.__wrapped__(1))
""",
    "a decorator class": r"""
class Count:
    def __init__(self, f):
        self.f, self.n = f, 0
    def __call__(self, *a):
        self.n += 1
        return self.f(*a)
@Count
def f(x):
    return x * 2
---
f(1); f(2)
print(f.n)
---
print(f(3), f.n)
""",
    "lru_cache": r"""
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n-1) + fib(n-2)
---
print(fib(80))
---
print(fib(90), fib.cache_parameters(), fib.__name__)
""",
    "partial": r"""
from functools import partial
base = [1]
p = partial(sorted, base, reverse=True)
---
base.append(5)
print(p())
""",
}
