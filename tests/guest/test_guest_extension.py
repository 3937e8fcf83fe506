"""Methods that a library documents as its subclasses' to define are called by it, and stay so in later actions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safe_codeact import Runtime

_SCIPY = "from scipy import stats\n"
_SYMPY = "import sympy\nx = sympy.symbols('x')\n"

# Turns, and what the last one shows.
PROGRAMS = {
    "a density": (
        [_SCIPY + "class G(stats.rv_continuous):\n    def _pdf(self, x):\n        return 2 * x\ng = G(a=0, b=1)", "float(g.cdf(0.5)), round(float(g.mean()), 3)"],
        "(0.25, 0.667)",
    ),
    "a distribution with a parameter": (
        [_SCIPY + "class H(stats.rv_continuous):\n    def _cdf(self, x, k):\n        return x ** k\n    def _ppf(self, q, k):\n        return q ** (1 / k)", "h = H(a=0, b=1)\nfloat(h.ppf(0.25, 2)), float(h.cdf(0.5, 3))"],
        "(0.5, 0.125)",
    ),
    "a mass function": (
        [_SCIPY + "class D(stats.rv_discrete):\n    def _pmf(self, k):\n        return 0.5 + 0 * k\nd = D(a=0, b=1)", "float(d.pmf(1)), float(d.mean())"],
        "(0.5, 0.5)",
    ),
    "a method of one's own beside it": (
        [_SCIPY + "class G(stats.rv_continuous):\n    def _pdf(self, x):\n        return self._twice(x)\n    def _twice(self, x):\n        return 2 * x\ng = G(a=0, b=1)", "float(g.pdf(0.5)), float(g._pdf(1.0))"],
        "(1.0, 2.0)",
    ),
    "a subclass of the action's own": (
        [_SCIPY + "class A(stats.rv_continuous):\n    def _pdf(self, x):\n        return 1.0 + 0 * x", "class B(A):\n    def _pdf(self, x):\n        return 2 * x", "float(A(a=0, b=1).pdf(0.25)), float(B(a=0, b=1).pdf(0.25))"],
        "(1.0, 0.5)",
    ),
    "a derivative": (
        [_SYMPY + "class F(sympy.Function):\n    def _eval_derivative(self, s):\n        return sympy.cos(self.args[0])", "sympy.diff(F(x), x)"],
        "cos(x)",
    ),
    "a way to be written": (
        [_SYMPY + "class F(sympy.Function):\n    def _latex(self, printer):\n        return 'F'\n    def _sympystr(self, printer):\n        return 'Eff'", "sympy.latex(F(x) + 1), str(F(x))"],
        "('F + 1', 'Eff')",
    ),
    "a property of a symbol": (
        [_SYMPY + "class F(sympy.Function):\n    def _eval_is_positive(self):\n        return True", "F(x).is_positive, sympy.Abs(F(x))"],
        "(True, F(x))",
    ),
}  # fmt: skip

# Still the library's own.
REFUSED = {
    "a private method that nobody documents": _SCIPY + "class G(stats.rv_continuous):\n    def _construct_argparser(self, *a, **k):\n        pass",
    "a value in place of a method": _SCIPY + "class G(stats.rv_continuous):\n    _pdf = print",
    "a method from elsewhere": _SCIPY + "class G(stats.rv_continuous):\n    _pdf = [].append",
    "what pickle and copy ask": _SYMPY + "class F(sympy.Function):\n    def _hashable_content(self):\n        return ()",
    "the internals of a frame": "import pandas as pd\nclass S(pd.DataFrame):\n    @property\n    def _constructor(self):\n        return 1",
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime("analysis") as made:
        yield made


@pytest.mark.parametrize("title", PROGRAMS)
def test_the_library_calls_what_its_manual_says_it_calls(title: str, runtime: Runtime) -> None:
    turns, shown = PROGRAMS[title]
    session = runtime.session()
    observations = [session.run(turn) for turn in turns]
    assert [each.text for each in observations if each.outcome != "completed"] == []
    assert observations[-1].value == shown


@pytest.mark.parametrize("title", REFUSED)
def test_other_private_names_of_a_library_are_its_own(title: str, runtime: Runtime) -> None:
    observation = runtime.session().run(REFUSED[title])
    assert observation.outcome == "raised"
    assert "private to the library class" in observation.text
