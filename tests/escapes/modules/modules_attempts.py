"""Attempts through what modules hand out: each ends in an expression that is true in plain CPython, and must not be here."""

from __future__ import annotations

from modules_texts import TEXTS

_READ = "import numpy as np\nI = {'data': (id('x' * 64), True), 'shape': (16,), 'typestr': '|u1', 'version': 3}\ndef read(o):\n    return np.asarray(o).shape == (16,)\n"
_MAKE = "def make(T):\n    return T('M', (), {'__reduce__': lambda self: 0}).__name__ == 'M'\n"

# Objects whose attributes are made of data: numpy believes one of them where memory is.
MEMORY = {
    "keywords of a namespace": "import types\nread(types.SimpleNamespace(**{'__array_interface__': I}))",
    "the class of sys.implementation": "import sys\nread(type(sys.implementation)(**{'__array_interface__': I}))",
    "the class of a clock's description": "import time\nread(type(time.get_clock_info('time'))(**{'__array_interface__': I}))",
    "labels of a Series": "import pandas as pd\nread(pd.Series([I], index=['__array_interface__']))",
    "keys of an optimisation result": "from scipy.optimize import OptimizeResult\nread(OptimizeResult({'__array_interface__': I}))",
    "entries of a log record": "import logging\nread(logging.makeLogRecord({'__array_interface__': I}))",
    "extra entries of a log call": "import logging\nclass H(logging.Handler):\n    def emit(self, r): self.r = r\nh = H()\nl = logging.getLogger('q')\nl.addHandler(h)\nl.error('x', extra={'__array_interface__': I})\nread(h.r)",
    "the name of a cached property": "import functools\nclass C: pass\nc = functools.cached_property(lambda self: I)\nc.__set_name__(C, '__array_interface__')\nC.x = c\no = C()\no.x\nread(o)",
    "a pandas accessor's name": "import pandas as pd\nclass A(dict):\n    def __init__(self, d): super().__init__(I)\npd.api.extensions.register_series_accessor('__array_interface__')(A)\nread(pd.Series([1]))",
    "a copied namespace": "import types, copy\nn = types.SimpleNamespace(**{'__array_interface__': I})\nread(copy.copy(n))",
    "an exception's attributes by state": "e = ValueError()\ne.__setstate__({'__array_interface__': I})\nread(e)",
    "attributes by update_wrapper": "import functools, types\nf = lambda: 0\nfunctools.update_wrapper(f, types.SimpleNamespace(**{'__array_interface__': I}))\nread(f)",
    "a partial's state": "import functools\np = functools.partial(len)\np.__setstate__((len, (), {}, {'__array_interface__': I}))\nread(p)",
}  # fmt: skip

# Metaclasses in the open: they make a class of a dictionary that no rule has read.
METACLASSES = {
    "the origin of Type": "import typing\nmake(typing.get_origin(typing.Type[int]))",
    "a hint that is text": "import typing\nclass C:\n    x: 'type'\nmake(typing.get_type_hints(C)['x'])",
    "inside a hint": "import typing\nclass C:\n    x: 'list[type]'\nmake(typing.get_args(typing.get_type_hints(C)['x'])[0])",
    "abc's": "import abc\nmake(abc.ABCMeta)",
    "enum's class": "import enum\nmake(type(type(enum.Enum)))",
    "the class of a class": "make(type(int))",
    "mapped": "make(list(map(type, [int]))[0])",
    "a library's": "import sympy\nsympy.FunctionClass('M', (sympy.Function,), {'__reduce__': lambda self: 0}).__name__ == 'M'",
    "in a container": "make([type][0])",
    "as a default": "def f(T=type): return T\nmake(f())",
    "a generic alias of it": "import types\nmake(types.GenericAlias(type, (int,)))",
    "a field's type": "import dataclasses\n@dataclasses.dataclass\nclass C:\n    x: type\nmake(dataclasses.fields(C)[0].type)",
    "a signature's annotation": "import inspect\ndef f(x: type): ...\nmake(inspect.signature(f).parameters['x'].annotation)",
}  # fmt: skip

# Text that a library evaluates, formats, or takes as the name of an attribute or a module.
EVALUATORS = {
    "sympify": "import sympy\nstr(sympy.sympify('[].__class__.__base__')) != ''",
    "sympify a builtin": "import sympy\nsympy.sympify(\"open('/etc/passwd').read()\") is not None",
    "solve over text": "import sympy\nsympy.simplify(\"__import__('os').getpid()\") is not None",
    "lambdify a symbol of code": "import sympy\nsympy.lambdify([], sympy.Symbol(\"__import__('os').getpid()\"))() > 0",
    "lambdify an argument of code": "import sympy\nx = sympy.Symbol('x')\nsympy.lambdify('y=__import__(\"os\").getpid()', x, 'math') is not None",
    "parse_expr with a transformation": "from sympy.parsing.sympy_parser import parse_expr\nparse_expr('x', local_dict={}, transformations=(lambda t, l, g: [(1, '__import__'), (53, '('), (3, '\"os\"'), (53, ')')],)) is not None",
    "pandas eval": "import pandas as pd\npd.eval('@x.__class__', local_dict={'x': 1}) is int",
    "pandas query": "import pandas as pd\nclass C:\n    n = 1\nc = C()\nlen(pd.DataFrame({'a': [1]}).query('@c.__class__.__name__ == \"C\"')) == 1",
    "apply by name": "import pandas as pd, os\npd.DataFrame({'a': [1]}).apply('to_pickle', path='p') is None and os.path.exists('p')",
    "agg by a private name": "import pandas as pd\npd.Series([1]).agg('_internal_names_set') is not None or True",
    "transform by name": "import pandas as pd\npd.Series([1]).transform('__reduce__') is not None",
    "pipe by name": "import pandas as pd\npd.Series([1]).groupby([0]).agg('__class__') is not None",
    "a style's format": "import pandas as pd\n'int' in pd.DataFrame({'a': [1]}).style.format('{0.__class__}').to_html()",
    "a formatter of ticks": "from matplotlib.ticker import StrMethodFormatter\n'function' in str(StrMethodFormatter('{x.__init__.__globals__}').format_ticks([1.0])) or True",
    "a log format": "import logging, io\ns = io.StringIO()\nh = logging.StreamHandler(s)\nh.setFormatter(logging.Formatter('{msg.__class__.__base__}', style='{'))\nl = logging.getLogger('w')\nl.addHandler(h)\nl.error('x')\n'object' in s.getvalue()",
    "a string formatter": "import string\n'slot' in string.Formatter().vformat('{0.__init__}', (1,), {})",
    "attrgetter": "import operator\noperator.attrgetter('__class__.__base__')(1) is object",
    "methodcaller": "import operator\nlen(operator.methodcaller('__dir__')(1)) > 0 and operator.methodcaller('__reduce_ex__', 2)(1) is not None",
    "reduce over getattr": "import functools\nfunctools.reduce(getattr, ['__class__', '__base__'], 1) is object",
    "a backend's module": "import matplotlib\nmatplotlib.use('module://antigravity') or matplotlib.pyplot.figure() is not None",
    "switch_backend": "import matplotlib.pyplot as plt\nplt.switch_backend('module://this') or True",
    "figure hooks": "import matplotlib.pyplot as plt\nplt.rcParams['figure.hooks'] = ['os:getpid']\nplt.figure() is not None",
    "a pickle in an array file": "import numpy as np, os\na = np.empty(1, object)\na[0] = os.getpid\nnp.save('a.npy', a, allow_pickle=True)\nnp.load('a.npy', allow_pickle=True)[0]() > 0",
    "numpy's addresses": "import numpy as np\nnp.ones(2).ctypes.data > 0",
    "numpy beyond its bounds": "import numpy as np\nnp.lib.stride_tricks.as_strided(np.ones(1), (10,), (8,)).shape == (10,)",
    "a random generator's pointers": "import numpy as np\nnp.random.default_rng().bit_generator.ctypes is not None",
    "a cython function's globals": "import numpy as np\nnp.random.default_rng.func_globals is not None or True",
    "a frame through a task": "import asyncio\nasync def f():\n    return asyncio.current_task().get_stack()[0].f_builtins\nasyncio.run(f()) is not None",
    "annotations evaluated": "import inspect\ndef f(x: '__import__(\"os\")'): ...\ninspect.signature(f, eval_str=True) is not None",
    "a forward reference": "import typing\ntyping.get_type_hints(type('C', (), {'__annotations__': {'x': '__import__(\"os\").PathLike'}})) != {}",
    "timeit's text": "import timeit\ntimeit.timeit('import os', number=1) > 0",
    "tofile to a descriptor": "import numpy as np, os\nclass F:\n    def fileno(self): return 1\nnp.ones(1).tofile(F()) is None",
    "a style from an address": "import pandas as pd\npd.read_csv('file:///etc/passwd', sep=':').shape[0] > 0",
    "a path outside, read by numpy": "import numpy as np\nnp.genfromtxt('/etc/passwd', dtype=str, delimiter='\\n').size > 0",
    "a path outside, read by pandas": "import pandas as pd\npd.read_csv('/etc/passwd', sep=':').shape[0] > 0",
    "a path outside, read by matplotlib": "import matplotlib.pyplot as plt\nplt.style.use('/etc/passwd') or True",
    "a path outside, written by matplotlib": "import matplotlib.pyplot as plt\nplt.figure().savefig('/tmp/escaped.png') or True",
    "environment expanded": "import os\nos.path.expandvars('$PATH') != '$PATH'",
    "a raw file's class": "f = open('x', 'wb')\ntype(f.raw)(0) is not None",
    "a text wrapper's path": "import io\nio.open(0) is not None",
    "a logger that opens a file": "import logging, os\nlogging.basicConfig(filename='/tmp/escaped.log', force=True) or True",
    "shapes of a distribution": "import scipy.stats as st\nclass L(list):\n    n = 0\n    def __iter__(self):\n        L.n += 1\n        return iter(['a'] if L.n == 1 else ['a=print(\"ran\")'])\nclass R:\n    def split(self): return L(['a'])\nclass S(str):\n    def replace(self, *a): return R()\nst.rv_continuous(name='d', shapes=S('a')) is not None",
    "a literal that is a tree": "import ast\nast.literal_eval(ast.parse('1', mode='eval')) == 1",
}  # fmt: skip

# The two ways from a facade to the module behind it.
FACADES = {
    "a name deleted between check and use": "import numpy\nclass D:\n    def __del__(self):\n        del numpy.linalg\nabs_ = D()\nfrom numpy import abs as abs_, linalg\nhasattr(linalg, 'lapack_lite') and type(linalg).__name__ == 'module'",
    "a dotted import of what is hidden": "import sympy.external as e\ntype(e).__name__ == 'module'",
    "a dotted import of a deleted name": "import numpy\ndel numpy.random\nimport numpy.random as r\nhasattr(r, 'mtrand')",
    "a name given to a facade": "import numpy\nnumpy.__name__ = 'os'\nfrom numpy import path",
    "from a module, a module": "from random import _os\n_os is not None",
    "a public module": "import json\njson.codecs is not None",
    "typing's sys": "import typing\ntyping.sys is not None",
    "deep in pandas": "import pandas\npandas.io.common.os is not None",
    "vars of a facade": "import numpy\nlen(vars(numpy)) > 0 and vars(numpy)['os'] is not None",
    "a copied facade": "import copy, random\ncopy.copy(random)._os is not None",
    "a deep copied facade": "import copy, random\ncopy.deepcopy(random).Random is None or copy.deepcopy(random)._os is not None",
    "its loader": "import math\nmath.__loader__ is not None",
    "its spec": "import json\njson.__spec__.loader is not None",
    "a library's default module": "import inspect, asyncio\n[p for p in inspect.signature(inspect.signature).parameters.values() if inspect.ismodule(p.default)] != []",
}  # fmt: skip

ATTEMPTS: dict[str, dict[str, str]] = {
    "memory by an attribute": {name: _READ + source for name, source in MEMORY.items()},
    "a metaclass in the open": {name: _MAKE + source for name, source in METACLASSES.items()},
    "text that a library evaluates": EVALUATORS,
    "text at the doors of the sweep": TEXTS,
    "a module behind a facade": FACADES,
}
