"""One attempt for each door of `safe_codeact.policy.sweep`, by its title: text that a package takes as code or as a name.

Each ends in an expression that is true in plain CPython where the package is installed, and must not be here.
"""

from __future__ import annotations

# What a module that was imported by its name prints.
_ZEN = "import contextlib, io\no = io.StringIO()\ndef ran(f):\n    with contextlib.redirect_stdout(o):\n        try: f()\n        except Exception: pass\n    return 'Zen' in o.getvalue()\n"
_PD = "import pandas as pd\ndf = pd.DataFrame({'a': [1.0, 2.0, 4.0], 'g': ['x', 'x', 'y']})\n"
_SM = "import pandas as pd\ndf = pd.DataFrame({'x': [1.0, 2, 4, 5], 'y': [1.0, 3, 2, 5]})\n"
_XY = "import numpy as np\nX = np.random.default_rng(0).normal(size=(9, 2))\ny = X[:, 0]\n"

TEXTS: dict[str, str] = {
    # the language
    "eval of a text": "eval('().__cl' + 'ass__.__base__') is object",
    "getattr of a text": "getattr(lambda: 0, '__glo' + 'bals__') is not None",
    "a format string put together": "t = '{0.__init__.__objcl' + 'ass__}'\n'object' in t.format(object())",
    "a format_map put together": "t = '{x.__init__.__objcl' + 'ass__}'\n'object' in t.format_map({'x': object()})",
    "a formatter's field": "import string\n'object' in string.Formatter().format('{0.__init__.__objclass__}', object())",
    "a log format's field": "import logging\n'object' in logging.Formatter('{msg.__init__.__objclass__}', style='{').format(logging.makeLogRecord({'msg': object()}))",
    "a field of make_dataclass": "import dataclasses\nC = dataclasses.make_dataclass('M', [('__reduce__', object, dataclasses.field(default=1))])\n'__reduce__' in vars(C)",
    "a member of an enumeration": "import enum\n'__reduce_ex__' in vars(enum.Enum('E', {'a': 1, '__reduce_ex__': 2}))",
    # numpy
    "numpy: a pickle in an array": "import numpy as np, os, io\na = np.empty(1, object)\na[0] = os.getpid\nb = io.BytesIO()\nnp.save(b, a, allow_pickle=True)\nb.seek(0)\nnp.load(b, allow_pickle=True)[0]() > 0",
    # pandas
    "pandas: an attribute in eval": "import pandas as pd\nclass C:\n    n = 1\npd.eval('x.__class__.n', local_dict={'x': C()}) == 1",
    "pandas: an attribute in a query": _PD + "class C:\n    n = 1.0\nc = C()\nlen(df.query('a == @c.__class__.n')) == 1",
    "pandas: a method by name": "import pandas as pd, os\ntry: pd.Series([1]).apply('to_pickle', path='p')\nexcept AttributeError: pass\nos.path.exists('p')",
    "pandas: an aggregate by name": _PD + "df.a.rolling(2).agg('__reduce__') is not None",
    "pandas: a window by name": "import pandas as pd\ntry: pd.Series([1.0, 2, 3]).rolling(2, win_type='__reduce_ex__').sum()\nexcept TypeError as e: found = str(e)\n'pickle' in found",
    "pandas: a style's template": "import pandas as pd\n'slot' in pd.DataFrame({'a': [1]}).style.format('{0.__init__}').to_html() or 'wrapper' in pd.DataFrame({'a': [1]}).style.format('{0.__init__}').to_html()",
    "pandas: a plotting backend": _ZEN + "import pandas as pd\nran(lambda: pd.DataFrame({'a': [1]}).plot(backend='this'))",
    "pandas: a time zone's file": "import pandas as pd\ntry: pd.Timestamp('2020-01-01', tz='dateutil//etc/passwd')\nexcept ValueError as e: found = str(e)\n'magic' in found",
    # matplotlib
    "matplotlib: a style's package": _ZEN + "import matplotlib.pyplot as plt\nran(lambda: plt.style.use('this.x'))",
    "matplotlib: a backend's module": _ZEN + "import matplotlib.pyplot as plt\nran(lambda: plt.switch_backend('module://this'))",
    "matplotlib: a file's backend": _ZEN + "import matplotlib.pyplot as plt\nran(lambda: plt.figure().savefig('a.png', backend='module://this'))",
    "matplotlib: a hook's module": _ZEN + "import matplotlib.pyplot as plt\nplt.rcParams['figure.hooks'] = ['this:s']\nran(plt.figure)",
    "matplotlib: a tick's template": "from matplotlib.ticker import StrMethodFormatter\n'float' in StrMethodFormatter('{x.__init__.__objclass__}')(1.0) or 'object' in StrMethodFormatter('{x.__init__.__objclass__}')(1.0)",
    "matplotlib: a bar's template": "import matplotlib.pyplot as plt\n'class' in plt.bar_label(plt.bar([1], [2]), fmt='{0.__init__.__objclass__}')[0].get_text()",
    # scipy
    "scipy: keywords of an interpolator": "from scipy.interpolate import Rbf\nvars(Rbf([1, 2, 3], [1, 2, 4], **{'_mine': 5}))['_mine'] == 5",
    "scipy: parameters of a distribution": "import logging\nfrom scipy import stats\nd = logging.makeLogRecord({'__make_distribution_version__': '1.16.0', 'parameters': {'__mine': {'endpoints': (0, 1)}}, 'support': {'endpoints': (0, 1)}, 'pdf': lambda x, **k: 1.0})\nhasattr(stats.make_distribution(d)(**{'__mine': 0.5}), '__mine')",
    # sympy, mpmath
    "sympy: names that var binds": "import sympy\nsympy.var('_mine')\n'_mine' in globals()",
    "sympy: keywords of a function": "import sympy\n'__reduce_ex__' in vars(sympy.Function('f', **{'__reduce_ex__': 1}))",
    "sympy: a library to sample with": _ZEN + "from sympy import stats\nran(lambda: stats.sample(stats.Die('d'), library='this'))",
    "mpmath: a constant's text": "import contextlib, io, mpmath\no = io.StringIO()\nwith contextlib.redirect_stdout(o):\n    try: mpmath.identify(mpmath.pi, [\"__import__('builtins').print('ran')\"])\n    except Exception: pass\n'ran' in o.getvalue()",
    # where they are installed
    "sklearn: a scorer's method": _XY + "from sklearn.metrics import make_scorer\nfrom sklearn.linear_model import LinearRegression\nseen = []\ndef f(t, p):\n    seen.append(p)\n    return 0\nmake_scorer(f, response_method=['__getattribute__'])(LinearRegression(), '__class__', [1])\nseen == [LinearRegression]",
    "sklearn: where importances are": _XY + "from sklearn.feature_selection import SelectFromModel\nfrom sklearn.linear_model import LinearRegression\ntry: SelectFromModel(LinearRegression(), importance_getter='fit.__func__.__globals__').fit(X, y).get_support()\nexcept AttributeError as e: found = str(e)\n\"'dict' object\" in found",
    "sklearn: a template of columns": "import pandas as pd\nfrom sklearn.compose import ColumnTransformer\nfrom sklearn.preprocessing import StandardScaler\nc = ColumnTransformer([('t', StandardScaler(), ['a'])], verbose_feature_names_out='{feature_name.__init__.__objclass__}')\n'object' in c.fit(pd.DataFrame({'a': [1.0, 2]})).get_feature_names_out()[0]",
    "sklearn: a folder of pickles": _XY + "import os\nfrom sklearn.pipeline import Pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import LinearRegression\nPipeline([('s', StandardScaler()), ('m', LinearRegression())], memory='cache').fit(X, y)\nos.path.exists('cache')",
    "statsmodels: a formula": _SM + "import statsmodels.formula.api as smf\nsmf.ols(\"y ~ I(x * (__import__('os').getpid() > 0))\", df).fit() is not None",
    "statsmodels: keywords of a model": _SM + "import statsmodels.api as sm\nimport warnings\nwarnings.simplefilter('ignore')\nvars(sm.OLS(df.y, df.x, **{'_mine': 5}))['_mine'] == 5",
    "statsmodels: a kind of residuals": _SM + "import statsmodels.formula.api as smf\nsmf.glm('y ~ x', df).fit().plot_added_variable('x', resid_type='_endog') is not None",
    "networkx: a template of pictures": "import networkx as nx\n'object' in nx.to_latex(nx.path_graph(2), figure_wrapper='{content.__init__.__objclass__}')",
    "seaborn: a title's template": _PD + "import seaborn as sns\ng = sns.FacetGrid(df, col='g')\ng.set_titles('{col_name.__init__.__objclass__}')\n'object' in g.axes.flat[0].get_title()",
    "seaborn: an estimator by name": _PD + "import seaborn as sns\nsns.barplot(df, x='g', y='a', estimator='__sizeof__', errorbar=None) is not None",
}  # fmt: skip
