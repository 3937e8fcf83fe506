"""The constructs that a block of statements can be put into, so that it still runs once, and still binds the global `loot`.

Each wrapper is text in, text out; they are put around each other. Where a construct needs a module that the policy does
not have, the block is not reached, and the example counts as refused.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from typing import Final

from safe_codeact.fuzzing.programs import spelling

Wrapper = Callable[[str, random.Random], str]


def _indented(block: str, depth: int = 1) -> str:
    return textwrap.indent(block, "    " * depth, lambda line: True)


def _around(template: str) -> Wrapper:
    """{block} stands on a line of its own, indented as deep as the block is to be; {v} is a fresh name."""

    def wrap(block: str, rng: random.Random) -> str:
        lines = []
        name = spelling.fresh_name(rng) + str(rng.randrange(100))
        for line in template.split("\n"):
            if line.strip() == "{block}":
                lines.append(textwrap.indent(block, line[: len(line) - len(line.lstrip())], lambda each: True))
            else:
                lines.append(line.replace("{v}", name))
        return "\n".join(lines)

    return wrap


def _as_text(call: str) -> Wrapper:
    def wrap(block: str, rng: random.Random) -> str:
        return call.format(text=spelling.text(block, rng, plain=0.5), v=f"x{rng.randrange(1000)}")

    return wrap


_GLOBAL: Final = "    global loot"

WRAPPERS: Final[dict[str, Wrapper]] = {
    "a function": _around(f"def {{v}}():\n{_GLOBAL}\n    {{block}}\n{{v}}()"),
    "a function with defaults": _around(f"def {{v}}(a=1, *b, c=2, **d):\n{_GLOBAL}\n    {{block}}\n{{v}}(1, 2, c=3, e=4)"),
    "two functions": _around(f"def {{v}}():\n    def inner():\n    {_GLOBAL}\n        {{block}}\n    return inner\n{{v}}()()"),
    "a method": _around(f"class {{v}}:\n    def go(self):\n    {_GLOBAL}\n        {{block}}\n{{v}}().go()"),
    "a class body": _around(f"class {{v}}:\n{_GLOBAL}\n    {{block}}"),
    "a class in a function": _around(f"def {{v}}():\n    class K:\n    {_GLOBAL}\n        {{block}}\n{{v}}()"),
    "a static method": _around(f"class {{v}}:\n    @staticmethod\n    def go():\n    {_GLOBAL}\n        {{block}}\n{{v}}.go()"),
    "a property": _around(f"class {{v}}:\n    @property\n    def go(self):\n    {_GLOBAL}\n        {{block}}\n{{v}}().go"),
    "a descriptor": _around(f"class D{{v}}:\n    def __get__(self, o, t):\n    {_GLOBAL}\n        {{block}}\nclass {{v}}:\n    d = D{{v}}()\n{{v}}.d"),
    "__init_subclass__": _around(f"class {{v}}:\n    def __init_subclass__(cls):\n    {_GLOBAL}\n        {{block}}\nclass K({{v}}): pass"),
    "__set_name__": _around(f"class {{v}}:\n    def __set_name__(self, o, n):\n    {_GLOBAL}\n        {{block}}\nclass K:\n    d = {{v}}()"),
    "__getattr__": _around(f"class {{v}}:\n    def __getattr__(self, n):\n    {_GLOBAL}\n        {{block}}\n{{v}}().anything"),
    "__call__": _around(f"class {{v}}:\n    def __call__(self):\n    {_GLOBAL}\n        {{block}}\n{{v}}()()"),
    "__del__": _around(f"class {{v}}:\n    def __del__(self):\n    {_GLOBAL}\n        {{block}}\no = {{v}}()\ndel o"),
    "__eq__, asked by C": _around(f"class {{v}}:\n    def __eq__(self, o):\n    {_GLOBAL}\n        {{block}}\n        return True\n[1].count({{v}}())"),
    "__lt__, asked by sort": _around(f"class {{v}}:\n    def __lt__(self, o):\n    {_GLOBAL}\n        {{block}}\n        return True\nsorted([{{v}}(), {{v}}()])"),
    "__hash__": _around(f"class {{v}}:\n    def __hash__(self):\n    {_GLOBAL}\n        {{block}}\n        return 1\n{{{{v}}()}}".replace("{{{v}}()}", "hash({v}())")),
    "a metaclass's call": _around(f"class {{v}}(type):\n    def __call__(cls):\n    {_GLOBAL}\n        {{block}}\nclass K(metaclass={{v}}): pass\nK()"),
    "__prepare__": _around(f"class {{v}}(type):\n    @classmethod\n    def __prepare__(m, *a):\n    {_GLOBAL}\n        {{block}}\n        return {{}}\nclass K(metaclass={{v}}): pass"),
    "__format__": _around(f"class {{v}}:\n    def __format__(self, s):\n    {_GLOBAL}\n        {{block}}\n        return ''\nf'{{{{v}}()}}'".replace("f'{{v}()}'", "format({v}())")),
    "__exit__": _around(f"class {{v}}:\n    def __enter__(self): return self\n    def __exit__(self, *a):\n    {_GLOBAL}\n        {{block}}\nwith {{v}}():\n    pass"),
    "a decorator": _around(f"def {{v}}(f):\n{_GLOBAL}\n    {{block}}\n    return f\n@{{v}}\ndef g(): pass"),
    "a class decorator": _around(f"def {{v}}(f):\n{_GLOBAL}\n    {{block}}\n    return f\n@{{v}}\nclass K: pass"),
    "a generator": _around(f"def {{v}}():\n{_GLOBAL}\n    {{block}}\n    yield 1\nlist({{v}}())"),
    "a generator's end": _around(f"def {{v}}():\n{_GLOBAL}\n    try:\n        yield 1\n    finally:\n        {{block}}\n_g = {{v}}()\nnext(_g)\n_g.close()"),
    "a thrown exception": _around(f"def {{v}}():\n{_GLOBAL}\n    try:\n        yield 1\n    except ValueError:\n        {{block}}\n_g = {{v}}()\nnext(_g)\ntry:\n    _g.throw(ValueError('x'))\nexcept StopIteration:\n    pass"),
    "a coroutine": _around(f"import asyncio\nasync def {{v}}():\n{_GLOBAL}\n    {{block}}\nasyncio.run({{v}}())"),
    "an await at the top": _around(f"async def {{v}}():\n{_GLOBAL}\n    {{block}}\nawait {{v}}()"),
    "an async generator": _around(f"import asyncio\nasync def {{v}}():\n{_GLOBAL}\n    {{block}}\n    yield 1\nasync def all_():\n    async for _ in {{v}}(): pass\nasyncio.run(all_())"),
    "an async context": _around(f"class {{v}}:\n    async def __aenter__(self):\n    {_GLOBAL}\n        {{block}}\n    async def __aexit__(self, *a): pass\nasync with {{v}}():\n    pass"),
    "a task": _around(f"import asyncio\nasync def {{v}}():\n{_GLOBAL}\n    {{block}}\nasync def all_():\n    await asyncio.gather({{v}}())\nasyncio.run(all_())"),
    "try": _around("try:\n    {block}\nfinally:\n    pass"),
    "an exception's handler": _around("try:\n    1 / 0\nexcept ZeroDivisionError as {v}:\n    {block}"),
    "an exception group's handler": _around("try:\n    raise ExceptionGroup('g', [ValueError()])\nexcept* ValueError as {v}:\n    {block}"),
    "else of try": _around("try:\n    pass\nexcept ValueError:\n    pass\nelse:\n    {block}"),
    "finally": _around("try:\n    pass\nfinally:\n    {block}"),
    "a loop": _around("for {v} in [1]:\n    {block}"),
    "else of a loop": _around("for {v} in []:\n    pass\nelse:\n    {block}"),
    "while": _around("while True:\n    {block}\n    break"),
    "a condition": _around("if 1:\n    {block}"),
    "a match": _around("match [1, {'a': 2}]:\n    case [int(), {'a': {v}}]:\n        {block}"),
    "a callback of map": _around(f"def {{v}}(a):\n{_GLOBAL}\n    {{block}}\nlist(map({{v}}, [1]))"),
    "a key of sorted": _around(f"def {{v}}(a):\n{_GLOBAL}\n    {{block}}\n    return 0\nsorted([1], key={{v}})"),
    "a default factory": _around(f"import collections\ndef {{v}}():\n{_GLOBAL}\n    {{block}}\ncollections.defaultdict({{v}})[1]"),
    "a callback of re": _around(f"import re\ndef {{v}}(m):\n{_GLOBAL}\n    {{block}}\n    return ''\nre.sub('x', {{v}}, 'x')"),
    "a callback of a library": _around(f"from vault import call\ndef {{v}}():\n{_GLOBAL}\n    {{block}}\ncall({{v}})"),
    "a hook of json": _around(f"import json\ndef {{v}}(d):\n{_GLOBAL}\n    {{block}}\njson.loads('{{}}', object_hook={{v}})".replace("'{{}}'", "'{}'")),
    "a weak reference's callback": _around(f"import weakref\nclass W{{v}}: pass\ndef {{v}}(r):\n{_GLOBAL}\n    {{block}}\n_w = W{{v}}()\n_r = weakref.ref(_w, {{v}})\ndel _w"),
    "a cached function": _around(f"import functools\n@functools.lru_cache\ndef {{v}}():\n{_GLOBAL}\n    {{block}}\n{{v}}()"),
    "a context manager": _around(f"import contextlib\n@contextlib.contextmanager\ndef {{v}}():\n{_GLOBAL}\n    {{block}}\n    yield\nwith {{v}}():\n    pass"),
    "an enum's member": _around(f"import enum\nclass {{v}}(enum.Enum):\n    A = 1\n    def __init__(self, value):\n    {_GLOBAL}\n        {{block}}"),
    "a dataclass's __post_init__": _around(f"import dataclasses\n@dataclasses.dataclass\nclass {{v}}:\n    a: int = 1\n    def __post_init__(self):\n    {_GLOBAL}\n        {{block}}\n{{v}}()"),
    "exec": _as_text("exec({text})"),
    "exec with names": _as_text("d{v} = {{}}\nexec({text}, d{v})\nloot = d{v}.get('loot')"),
    "exec with two dicts": _as_text("g{v}, l{v} = {{}}, {{}}\nexec({text}, g{v}, l{v})\nloot = l{v}.get('loot', g{v}.get('loot'))"),
    "exec in exec": _as_text("exec('exec(' + repr({text}) + ')')"),
    "exec by map": _as_text("list(map(exec, [{text}]))"),
}  # fmt: skip

NAMES: Final = tuple(WRAPPERS)


def wrapped(block: str, names: list[str], rng: random.Random) -> str:
    """`block` inside the constructs of these names, the first one innermost."""
    for name in names:
        block = WRAPPERS[name](block, rng)
    return block
