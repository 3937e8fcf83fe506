"""The one walk over an action's tree: every rule looks, and what needs a guard or another name is rewritten.

A subclass of RestrictedPython's transformer: its allowlist of node types and its methods decide for everything that is
not overridden here. Overridden is what it refuses of ordinary Python (async, match, annotations, nonlocal, private
names) and what it makes slow (guards on every item, attribute and iteration, where a static check does).
Guards stand under names that no source can spell, in the builtins of the action.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from RestrictedPython.transformer import RestrictingNodeTransformer

from safe_codeact.gate import grammar
from safe_codeact.gate.bounds import MOST_DEPTH, MOST_KEYWORDS, MOST_NODES
from safe_codeact.gate.guard_calls import FORMAT, HOOK, READ, TYPE_OF, WRITE, call, declared, named, placed
from safe_codeact.gate.names import ECHO, FORBIDDEN_BINDINGS, FUTURE, MARKER, Stance, mark, reading, words, writing
from safe_codeact.gate.rule import Situation
from safe_codeact.gate.rules import (
    RULES,
    g104_source_complexity,
    g105_unknown_syntax,
    g203_guarded_attribute,
    g401_import_not_allowed,
)
from safe_codeact.gate.rules.g205_class_definition import DECLARATIONS, HOOKS
from safe_codeact.gate.scopes import ClassNames

_Node = TypeVar("_Node", bound=ast.AST)
_Check = Callable[[Situation, Any], None]

_CHECKS: dict[type[ast.AST], tuple[_Check, ...]] = {}
for _rule in RULES:
    for _kind, _check in _rule.checks:
        _CHECKS[_kind] = (*_CHECKS.get(_kind, ()), _check)


class TooComplex(Exception):
    """Raised inside the walk, and caught by `judge`: the source has too many nodes or levels."""


class ActionTransformer(RestrictingNodeTransformer):  # type: ignore[misc]
    """Judges and rewrites one tree. `situation` collects findings; `errors` is RestrictedPython's own list."""

    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self.situation = situation
        self.names: set[str] = set()  # global names that the action binds
        self.mentioned: set[str] = set()  # every name that the action reads
        self.duplicates = False  # whether there is a `finally`, which CPython compiles several times
        self.renamed = False  # whether a name of a definition was given the marker
        self._nodes = 0
        self._depth = 0
        self._class: ClassNames | None = None  # set while the walk is directly in a class body
        self._at_module = True
        self._globals: set[str] = set()
        self._passing: set[int] = set()  # id() of nodes whose value is only shown, or asked for an attribute

    # The walk

    def visit(self, node: ast.AST) -> Any:
        kind = type(node)
        self._nodes += 1
        self._depth += 1
        if self._nodes > MOST_NODES or self._depth > MOST_DEPTH:
            what = f"more than {MOST_NODES} parts" if self._nodes > MOST_NODES else f"nested over {MOST_DEPTH} levels"
            place = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
            g104_source_complexity.report(self.situation, f"the source is too complex: {what}", place)
            raise TooComplex
        for check in _CHECKS.get(kind, ()):
            check(self.situation, node)
        visitor = _VISITORS.get(kind)
        if visitor is None:
            g105_unknown_syntax.report(self.situation, node)
            result = None
        else:
            result = visitor(self, node)
        self._depth -= 1
        return result

    def node_contents_visit(self, node: _Node) -> _Node:
        for field in grammar.FIELDS[type(node)]:
            value = getattr(node, field)
            if value is None:
                continue
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if item is not None:
                        value[index] = self.visit(item)
            else:
                setattr(node, field, self.visit(value))
        return node

    def not_allowed(self, node: ast.AST) -> None:
        super().not_allowed(node)
        g105_unknown_syntax.report(self.situation, node)

    # Modules and names

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self.node_contents_visit(node)

    def echo(self, node: ast.Module) -> None:
        """Make the last bare expression an assignment to a global that no source can name."""
        body = node.body
        if body and type(body[-1]) is ast.Expr:
            last = body[-1]
            echoed = ast.Assign(targets=[named(ECHO, ast.Store())], value=last.value)
            body[-1] = placed(echoed, last)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = node.id
        if type(node.ctx) is ast.Load:
            self.mentioned.add(name)
        elif type(node.ctx) is ast.Store and ((self._at_module and name != ECHO) or name in self._globals):
            self.names.add(name)
        if self._class is not None and name in self._class.bound and id(node) not in self._class.earlier:
            node.id = self._renamed(name)
        return node

    def _renamed(self, name: str) -> str:
        self.renamed = True
        return mark(name)

    def _bind(self, node: ast.AST, field: str) -> None:
        """A node that binds a name by a string: note it, and rename it in a class body."""
        name = getattr(node, field)
        if name is None:
            return
        if self._at_module or name in self._globals:
            self.names.add(name)
        if self._class is not None and name in self._class.bound:
            setattr(node, field, self._renamed(name))

    def visit_Global(self, node: ast.Global) -> ast.Global:
        self._globals.update(node.names)
        self.names.update(name for name in node.names if name not in FORBIDDEN_BINDINGS)
        return node

    def _visit_binder(self, node: Any) -> Any:
        self._bind(node, _BINDING_FIELD[type(node).__name__])
        return self.node_contents_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = visit_MatchMapping = _visit_binder

    def _visit_import(self, node: Any) -> Any:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                alias.asname = FUTURE  # a switch of the compiler; the object it binds is of no use to a session
            return node
        for alias in node.names:
            if alias.asname is not None:
                self._bind(alias, "asname")
            elif alias.name != "*":
                top = alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
                if self._at_module or top in self._globals:
                    self.names.add(top)
                if self._class is not None and top in self._class.bound:
                    alias.asname = self._renamed(alias.name)
        return self.node_contents_visit(node)

    visit_Import = visit_ImportFrom = _visit_import

    # Attributes and calls

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self._passing.add(id(node.value))
        node.value = self.visit(node.value)
        name = node.attr
        if name == "__class__" and type(node.ctx) is ast.Load and id(node) in self._passing:
            return node  # `x.__class__.__name__`: nobody gets to hold the class
        context = type(node.ctx)
        stance = reading(name) if context is ast.Load else writing(name)
        if stance is Stance.PRIVATE:
            node.attr = name + MARKER
        elif stance is Stance.GUARDED:
            if context is ast.Load:
                return call(node, READ, node.value, ast.Constant(name))
            g203_guarded_attribute.report(self.situation, node)  # a plain assignment never comes here
        return node

    def _few(self, node: ast.Call | ast.ClassDef | ast.MatchClass, words: Sequence[Any]) -> None:
        if len(words) > MOST_KEYWORDS:
            what = f"{len(words)} keywords in one place; {MOST_KEYWORDS} are allowed"
            g104_source_complexity.report(self.situation, what, (node.lineno, node.col_offset + 1))
            raise TooComplex

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self._few(node, node.keywords)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "format":
            # An ordinary method call in all but name: the guard calls the object's own method unless it is a string's.
            function.value = self.visit(function.value)
            node.args = [self.visit(argument) for argument in node.args]
            node.keywords = [self.visit(keyword) for keyword in node.keywords]
            node.args.insert(0, function.value)
            node.func = placed(named(FORMAT), function)
            return node
        self.node_contents_visit(node)
        one = len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred)
        if one and isinstance(function, ast.Name) and function.id == "type":
            node.args.insert(0, function)
            node.func = placed(named(TYPE_OF), function)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        self._passing.add(id(node.value))
        return self.node_contents_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        target = node.targets[0]
        if len(node.targets) == 1:
            if isinstance(target, ast.Attribute) and writing(target.attr) is Stance.GUARDED:
                value, owner = self.visit(node.value), self.visit(target.value)
                written: ast.Expr = placed(ast.Expr(call(target, WRITE, value, owner, ast.Constant(target.attr))), node)
                return written
            if self._class is not None and isinstance(target, ast.Name) and target.id in DECLARATIONS:
                self.node_contents_visit(node)
                node.value = declared(target.id, node.value)
                return node
        self._refuse_declarations(node.targets)
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        target = node.target
        name = target.id if isinstance(target, ast.Name) else ""
        self.node_contents_visit(node)
        if self._class is not None and name in DECLARATIONS and node.value is not None:
            node.value = declared(name, node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AugAssign:
        self._refuse_declarations([node.target])
        return self.node_contents_visit(node)

    def _refuse_declarations(self, targets: list[ast.expr]) -> None:
        if self._class is None:
            return
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and part.id in DECLARATIONS and type(part.ctx) is ast.Store:
                    g203_guarded_attribute.report_declaration(self.situation, part, part.id)

    def visit_For(self, node: Any) -> Any:
        self._refuse_declarations([node.target])
        return self.node_contents_visit(node)

    visit_AsyncFor = visit_For

    def visit_withitem(self, node: ast.withitem) -> ast.withitem:
        if node.optional_vars is not None:
            self._refuse_declarations([node.optional_vars])
        return self.node_contents_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.NamedExpr:
        self._refuse_declarations([node.target])
        return self.node_contents_visit(node)

    def visit_Try(self, node: Any) -> Any:
        self.duplicates = self.duplicates or bool(node.finalbody)
        saved = self.situation.import_may_fail
        self.situation.import_may_fail = saved or any(map(g401_import_not_allowed.is_expected, node.handlers))
        node.body = [self.visit(statement) for statement in node.body]
        self.situation.import_may_fail = saved
        for field in ("handlers", "orelse", "finalbody"):
            setattr(node, field, [self.visit(item) for item in getattr(node, field)])
        return node

    visit_TryStar = visit_Try

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.MatchClass:
        self._few(node, node.kwd_attrs)
        node.kwd_attrs = [mark(name) for name in node.kwd_attrs]
        return self.node_contents_visit(node)

    # Definitions: what is evaluated around them, then their own scope

    def _visit_function(self, node: Any) -> Any:
        is_hook = self._class is not None and node.name in HOOKS
        name = node.name
        self._bind(node, "name")
        node.decorator_list = self._decorators(node)
        node.args = self.visit(node.args)
        if node.returns is not None:
            node.returns = self.visit(node.returns)
        with_types = getattr(node, "type_params", None)
        if with_types:
            node.type_params = [self.visit(item) for item in with_types]
        saved = self._enter(None)
        node.body = [self.visit(statement) for statement in node.body]
        self._leave(saved)
        if is_hook:
            self._translate_hook(node, name)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def _translate_hook(self, node: ast.FunctionDef, name: str) -> None:
        # `__getattr__` and its kin are called with the compiled name; the action's code must see the one it wrote, and
        # must not answer for what C code asks of an object (`__array_interface__`: where its memory is). Others are
        # called with whatever class somebody asks about, a library's metaclass too.
        parameters = [*node.args.posonlyargs, *node.args.args]
        if len(parameters) <= HOOKS[name]:
            return
        parameter = parameters[HOOKS[name]].arg
        translated = call(node, HOOK + name, named(parameter))
        prelude = placed(ast.Assign(targets=[named(parameter, ast.Store())], value=translated), node)
        has_docstring = ast.get_docstring(node, clean=False) is not None
        node.body.insert(1 if has_docstring else 0, prelude)

    def _decorators(self, node: Any) -> list[ast.expr]:
        if len(node.decorator_list) > MOST_DEPTH:  # each is a call inside the next one's
            what = f"`{node.name[:40]}` has {len(node.decorator_list)} decorators; {MOST_DEPTH} are allowed"
            g104_source_complexity.report(self.situation, what, (node.lineno, node.col_offset + 1))
            raise TooComplex
        return [self.visit(item) for item in node.decorator_list]

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        node.args = self.visit(node.args)
        saved = self._enter(None)
        node.body = self.visit(node.body)
        self._leave(saved)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._few(node, node.keywords)
        self._bind(node, "name")
        node.decorator_list = self._decorators(node)
        if getattr(node, "type_params", None):
            node.type_params = [self.visit(item) for item in node.type_params]  # type: ignore[attr-defined]
        node.bases = [self.visit(item) for item in node.bases]
        node.keywords = [self.visit(item) for item in node.keywords]
        saved = self._enter(ClassNames(node.body))
        node.body = [self.visit(statement) for statement in node.body]
        self._leave(saved)
        return node

    def _visit_comprehension(self, node: Any) -> Any:
        # The first iterable belongs to the enclosing scope, the rest is the comprehension's own.
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        saved = self._enter(None)
        for generator in node.generators:
            if generator is not first:
                generator.iter = self.visit(generator.iter)
            generator.target = self.visit(generator.target)
            generator.ifs = [self.visit(condition) for condition in generator.ifs]
        for field in ("key", "value", "elt"):
            value = getattr(node, field, None)
            if value is not None:
                setattr(node, field, self.visit(value))
        self._leave(saved)
        return node

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension

    def _enter(self, names: ClassNames | None) -> tuple[ClassNames | None, bool, set[str]]:
        saved = self._class, self._at_module, self._globals
        self._class, self._at_module = names, False
        self._globals = set(self._globals) if names is None else set()
        self.situation.in_class_body = names is not None
        return saved

    def _leave(self, saved: tuple[ClassNames | None, bool, set[str]]) -> None:
        self._class, self._at_module, self._globals = saved
        self.situation.in_class_body = self._class is not None


_BINDING_FIELD = {"ExceptHandler": "name", "MatchAs": "name", "MatchStar": "name", "MatchMapping": "rest"}
# Decided here, where RestrictedPython refuses or guards what ordinary programs need: the walk goes on, nothing else.
_PASSED = words(
    "Subscript comprehension With AsyncWith Await AnnAssign Match match_case MatchValue MatchSingleton "
    "MatchSequence MatchOr TryStar Nonlocal TypeAlias TypeVar TypeVarTuple ParamSpec arguments arg alias "
    "Starred"
)


def _visitors() -> dict[type[ast.AST], Callable[[ActionTransformer, Any], Any]]:
    table: dict[type[ast.AST], Callable[[ActionTransformer, Any], Any]] = {}
    for name, kind in grammar.node_types().items():
        if kind not in grammar.FIELDS:
            continue
        own = vars(ActionTransformer).get(f"visit_{name}")
        if own is None and name in _PASSED:
            own = ActionTransformer.node_contents_visit
        table[kind] = own or getattr(
            RestrictingNodeTransformer, f"visit_{name}", RestrictingNodeTransformer.generic_visit
        )
    return table


_VISITORS = _visitors()
