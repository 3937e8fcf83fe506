"""The first use of each library, in the zygote: what it computes, caches and loads then is found by every worker.

Each program is small, may fail without harm (a library may be missing, or older), and leaves nothing that an action
could see: figures are closed, streams are in memory, and every worker reseeds the random generators.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import time
import warnings
from collections.abc import Callable, Collection, Mapping

_ROW = "day,kind,amount\n2024-01-01,a,1\n2024-02-01,b,2.5\n2024-03-01,a,4\n"


def use(modules: Collection[str]) -> None:
    """Run the programs of the modules that a policy allows and that are loaded."""
    shown, filters = sys.stdout, list(warnings.filters)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout = io.StringIO()
    try:
        for module, program in _PROGRAMS.items():
            if module in sys.modules and any(name == module or name.startswith(module + ".") for name in modules):
                with contextlib.suppress(Exception), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    program()
    finally:
        sys.stdout = shown
        warnings.filters[:] = filters  # type: ignore[index]
        logging.disable(disabled)
    time.tzset()


def _asyncio() -> None:
    import asyncio  # here and below: warmed only where the policy allows it, and it is installed

    async def wait() -> None:
        await asyncio.gather(asyncio.sleep(0), asyncio.wait_for(asyncio.sleep(0), 1))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(wait())
    loop.close()


def _datetime() -> None:
    import datetime

    datetime.datetime.strptime("2024-01-31 10:00", "%Y-%m-%d %H:%M")


def _zoneinfo() -> None:
    import zoneinfo

    for name in ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo"):
        zoneinfo.ZoneInfo(name)
    zoneinfo.available_timezones()


def _numpy() -> None:
    import numpy as np

    square = np.arange(16.0).reshape(4, 4) + np.eye(4)
    repr(square), str(square), np.array2string(square), square @ square, np.linalg.inv(square), np.linalg.eigh(square)
    np.linalg.svd(square), np.fft.fft(square), np.polyfit([1, 2, 3], [1, 4, 9], 2), np.sort(square), np.unique(square)
    (
        np.random.default_rng(0).normal(size=3),
        np.random.rand(2),
        np.random.seed(0),
        np.median(square),
        np.percentile(square, 5),
    )
    np.loadtxt(io.StringIO("1 2\n3 4")), np.genfromtxt(io.StringIO("1,2"), delimiter=",")
    buffer = io.BytesIO()
    np.savez(buffer, a=square)
    buffer.seek(0)
    np.load(buffer)["a"]
    np.einsum("ij,jk", square, square), np.datetime64("2024-01-01") + np.timedelta64(1, "D")


def _pandas() -> None:
    import pandas as pd

    frame = pd.read_csv(io.StringIO(_ROW), parse_dates=["day"])
    (
        repr(frame),
        frame.to_string(),
        frame.to_html(),
        frame.describe(),
        frame.dtypes,
        frame.to_csv(),
        frame.to_json(),
        frame.corr(numeric_only=True),
    )
    frame.info(buf=io.StringIO())
    pd.read_json(io.StringIO(frame.to_json()))
    frame.groupby("kind")["amount"].agg(["sum", "mean"]), frame.groupby("kind").apply(len)
    frame.pivot_table(index="kind", values="amount", aggfunc="sum", margins=True), pd.crosstab(frame.kind, frame.amount)
    series = frame.set_index("day")["amount"]
    series.resample("QE").sum(), series.rolling(2).mean(), series.ewm(span=2).mean(), series.pct_change(), series.plot
    frame.merge(frame, on="kind"), frame.sort_values("amount"), frame.query("amount > 1"), frame.eval("amount * 2")
    (
        frame.melt(id_vars="kind"),
        pd.get_dummies(frame),
        pd.cut(frame.amount, 2),
        pd.qcut(frame.amount, 2),
        frame.isna().sum(),
    )
    frame.kind.str.upper(), frame.day.dt.to_period("Q"), frame.day.dt.strftime("%Y"), frame.kind.value_counts()
    frame.day.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"), pd.concat([frame, frame]), frame.drop_duplicates()
    (
        pd.to_datetime(["2024-01-02", "2024-02-03"]),
        pd.to_numeric(["1"]),
        pd.date_range("2024-01-01", periods=3, freq="ME"),
    )


def _pyplot() -> None:
    from matplotlib import pyplot as plt

    # What is found and cached at the first drawing (fonts, glyphs, formulas, PIL's formats) is the same for every figure: a second
    # kind of axes, a layout or a larger figure would be drawn once more for nothing.
    figure, axes = plt.subplots(figsize=(1, 1), dpi=40)
    axes.plot([1, 2], [3, 4], label="$x^2$")
    axes.bar([1, 2], [3, 4])
    axes.scatter([1], [2])
    axes.hist([1, 2, 2])
    axes.set_title("t")
    axes.legend()
    figure.colorbar(axes.imshow([[1, 2], [3, 4]]))
    for kind in ("png", "svg", "pdf"):
        figure.savefig(io.BytesIO(), format=kind)
    plt.figure(figsize=(1, 1), dpi=40).add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
    plt.close("all")


def _pandas_plots() -> None:
    import pandas as pd
    from matplotlib import pyplot as plt

    frame = pd.read_csv(io.StringIO(_ROW), parse_dates=["day"])
    frame.set_index("day")[["amount"]].plot(figsize=(1, 1))  # its axes of dates; the other kinds are matplotlib's
    plt.close("all")


def _sympy() -> None:
    import sympy as sp

    x, y = sp.symbols("x y")
    (
        sp.solve(x**2 - 2, x),
        sp.simplify("x + x"),
        sp.integrate(sp.sin(x), x),
        sp.factor(x**2 - 1),
        sp.limit(sp.sin(x) / x, x, 0),
    )
    sp.diff(sp.exp(x), x), sp.Matrix([[1, 2], [3, 4]]).inv(), sp.solve([x + y - 1, x - y], [x, y]), sp.N(sp.pi, 20)
    repr(x**2), sp.latex(x**2), sp.pretty(x**2), sp.factorint(360), sp.series(sp.sin(x), x), sp.solveset(x**2 - 1, x)
    sp.nsolve(x**2 - 2, x, 1), sp.dsolve(sp.Function("f")(x).diff(x) - sp.Function("f")(x))
    for modules in ("math", "numpy", "scipy", "mpmath", "sympy"):
        with contextlib.suppress(Exception):
            sp.lambdify(x, sp.sin(x) + x, modules)


def _scipy() -> None:
    from scipy import integrate, interpolate, optimize, stats

    (
        stats.norm.cdf(0),
        stats.ttest_ind([1, 2, 3], [2, 3, 4]),
        stats.linregress([1, 2, 3], [2, 4, 7]),
        stats.pearsonr([1, 2, 3], [1, 2, 4]),
    )
    optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.0]), optimize.brentq(lambda v: v - 1, 0, 2)
    optimize.curve_fit(lambda v, a: a * v, [1.0, 2.0], [2.0, 4.0]), optimize.linprog([1], bounds=[(0, 1)])
    integrate.quad(lambda v: v, 0, 1), integrate.solve_ivp(lambda t, v: -v, (0, 1), [1.0])
    interpolate.interp1d([0, 1], [0, 1])(0.5), interpolate.CubicSpline([0, 1, 2], [0, 1, 4])(0.5)


def _sklearn() -> None:
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LinearRegression

    LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]).predict([[2.0]])
    # It looks for the thread pools of loaded libraries in /proc, once.
    KMeans(2, n_init=1, random_state=0).fit([[0.0], [1.0], [5.0]])


def _statsmodels() -> None:
    import pandas as pd
    import statsmodels.formula.api as smf

    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.1, 6.2, 7.9]})
    smf.ols("y ~ x", data=frame).fit().summary().as_text()


# In order: what a later program relies on comes first.
_PROGRAMS: Mapping[str, Callable[[], None]] = {
    "asyncio": _asyncio,
    "datetime": _datetime,
    "zoneinfo": _zoneinfo,
    "numpy": _numpy,
    "pandas": _pandas,
    "matplotlib.pyplot": _pyplot,
    "pandas.plotting": _pandas_plots,
    "scipy": _scipy,
    "sympy": _sympy,
    "sklearn": _sklearn,
    "statsmodels": _statsmodels,
}
