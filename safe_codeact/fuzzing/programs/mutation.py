"""A known program, changed so that it still means the same: renamed, respelled, hidden, split over turns.

Each mutation is text in, text out, and gives the text back as it was where it does not apply (the text does not parse, or
has nothing of the kind in it).
"""

from __future__ import annotations

import ast
import io
import keyword
import random
import tokenize
import warnings
from collections.abc import Callable
from typing import Final

from safe_codeact.fuzzing.programs import spelling

Mutation = Callable[[str, random.Random], str]
_KEPT: Final = frozenset({"loot", "self", "cls", "vault", "_"})


def _tree(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _rewritten(source: str, transformer: ast.NodeTransformer) -> str:
    tree = _tree(source)
    if tree is None:
        return source
    try:
        changed = ast.unparse(ast.fix_missing_locations(transformer.visit(tree)))
    except (RecursionError, ValueError):
        return source
    return changed if _tree(changed) is not None else source


class _Rename(ast.NodeTransformer):
    """Variables, functions, classes and parameters that the program itself binds, and keyword arguments of none of them."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._names.get(name, name) for name in node.names]
        return node


def rename(source: str, rng: random.Random) -> str:
    """Other names for the program's own top-level functions, classes and variables."""
    tree = _tree(source)
    if tree is None:
        return source
    bound = {node.id for node in tree.body if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            bound |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    words = {each.string for each in _tokens(source) if each.type == tokenize.STRING}
    own = {name for name in bound - _KEPT if not any(name in word for word in words)}
    new = {name: f"{spelling.fresh_name(rng)}{rng.randrange(1000)}" for name in sorted(own)}
    return _rewritten(source, _Rename(new))


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    try:
        return list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return []


def look_alike(source: str, rng: random.Random) -> str:
    """Some identifiers in letters that only look different."""
    lines = source.splitlines(keepends=True)
    spots = [
        each
        for each in _tokens(source)
        if each.type == tokenize.NAME and not keyword.iskeyword(each.string) and len(each.string) > 2
    ]
    spots = [each for each in spots if each.string not in ("match", "case", "type") and each.start[0] == each.end[0]]
    for each in sorted(rng.sample(spots, min(3, len(spots))), key=lambda spot: spot.start, reverse=True):
        row, column = each.start
        line = lines[row - 1]
        lines[row - 1] = line[:column] + spelling.identifier(each.string, rng) + line[each.end[1] :]
    changed = "".join(lines)
    return changed if _tree(changed) is not None else source


class _Texts(ast.NodeTransformer):
    """String constants, put together when they are needed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and 1 < len(node.value) < 200 and self._rng.random() < 0.7:
            return ast.parse(spelling.text(node.value, self._rng, plain=0.0), mode="eval").body
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        return node


def respell(source: str, rng: random.Random) -> str:
    """Text that is put together when it is needed."""
    return _rewritten(source, _Texts(rng))


class _ByGetattr(ast.NodeTransformer):
    """`x.name` as one of the calls that mean it."""

    _FORMS: Final = (
        "getattr(X, S)",
        "__import__('operator').attrgetter(S)(X)",
        "__import__('functools').reduce(getattr, [S], X)",
        "list(map(getattr, [X], [S]))[0]",
        "(lambda o, n: getattr(o, n))(X, S)",
        "type(X).__getattribute__(X, S)",
        "eval('(lambda o: o.' + S + ')')(X)",
        "[o for o in [X]][0].N",
    )

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or self._rng.random() < 0.4:
            return node
        form = self._rng.choice(self._FORMS)
        written = form.replace("S", spelling.text(node.attr, self._rng)).replace(".N", "." + node.attr)
        made = ast.parse(written, mode="eval").body
        value = node.value

        class _Fill(ast.NodeTransformer):
            def visit_Name(self, name: ast.Name) -> ast.AST:
                return value if name.id == "X" else name

        return _Fill().visit(made)  # type: ignore[no-any-return]


def by_call(source: str, rng: random.Random) -> str:
    """Attributes got by getattr, operator, functools or a format instead of a dot."""
    return _rewritten(source, _ByGetattr(rng))


class _OtherImport(ast.NodeTransformer):
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def visit_Import(self, node: ast.Import) -> ast.AST:
        (alias,) = node.names[:1]
        if len(node.names) > 1 or "." in alias.name:
            return node
        name = alias.asname or alias.name
        forms = (f"{name} = __import__({alias.name!r})", f"import {alias.name} as {name}")
        return ast.parse(self._rng.choice(forms)).body[0]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if len(node.names) > 1 or node.names[0].name == "*" or node.level or node.module is None or "." in node.module:
            return node
        (alias,) = node.names
        name = alias.asname or alias.name
        forms = (
            f"{name} = __import__({node.module!r}, fromlist=[{alias.name!r}]).{alias.name}",
            f"from {node.module} import {alias.name} as {name}",
            f"{name} = getattr(__import__({node.module!r}), {spelling.text(alias.name, self._rng)})",
        )
        return ast.parse(self._rng.choice(forms)).body[0]


def import_otherwise(source: str, rng: random.Random) -> str:
    """`import x` as `__import__`, or under another name."""
    return _rewritten(source, _OtherImport(rng))


def whole_in_exec(source: str, rng: random.Random) -> str:
    """The whole program as a text that is executed."""
    if len(source) > 2000 or "await " in source:
        return source
    form = rng.choice(("exec({})", "exec({}, globals())", "(lambda t: exec(t, globals()))({})", "exec({}.strip())"))
    return form.format(spelling.text(source, rng, plain=0.5))


def with_annotations(source: str, rng: random.Random) -> str:
    """Under PEP 563, and with lines that mean nothing around it."""
    before = rng.choice(
        ("from __future__ import annotations\n", "'''a docstring'''\n", "#\n\n", "pass;", "\ufeff", "\f\n")
    )
    changed = before + source
    return changed if _tree(changed) is not None else source


MUTATIONS: Final[dict[str, Mutation]] = {
    "renamed": rename,
    "look-alikes": look_alike,
    "respelled": respell,
    "by call": by_call,
    "imported otherwise": import_otherwise,
    "in exec": whole_in_exec,
    "with a line before": with_annotations,
}


def split(source: str, cuts: list[int]) -> list[str]:
    """The program's statements over several actions. `cuts`: after which statements, by their number."""
    tree = _tree(source)
    if tree is None or len(tree.body) < 2:
        return [source]
    turns: list[list[str]] = [[]]
    for number, statement in enumerate(tree.body):
        text = ast.get_source_segment(source, statement)
        if text is None:
            return [source]
        decorators = getattr(statement, "decorator_list", [])
        if decorators:
            text = ast.unparse(statement)
        if number and number - 1 in {cut % (len(tree.body) - 1) for cut in cuts}:
            turns.append([])
        turns[-1].append(text)
    return ["\n".join(lines) for lines in turns]
