"""Grammar: a stance for every node type that `ast` of any supported Python (3.11, 3.12, 3.13) can hand us.

A node type without a line here is refused, in whatever place it turns up; a test fails when the running interpreter
has one. The line names the fields in which the walk goes on, in CPython's order of evaluation where that matters.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import words

# Expressions, statements and their parts: type name → fields that hold nodes.
ALLOWED: dict[str, str] = {
    # modules
    "Module": "body",
    "Expression": "body",
    # literals and names
    "Constant": "",
    "Name": "",
    "JoinedStr": "values",
    "FormattedValue": "value format_spec",
    "List": "elts",
    "Tuple": "elts",
    "Set": "elts",
    "Dict": "keys values",
    # expressions
    "Attribute": "value",
    "Subscript": "value slice",
    "Slice": "lower upper step",
    "Starred": "value",
    "UnaryOp": "op operand",
    "BinOp": "left op right",
    "BoolOp": "op values",
    "Compare": "left ops comparators",
    "Call": "func args keywords",
    "keyword": "value",
    "IfExp": "test body orelse",
    "NamedExpr": "value target",
    "Lambda": "args body",
    "ListComp": "elt generators",
    "SetComp": "elt generators",
    "GeneratorExp": "elt generators",
    "DictComp": "key value generators",
    "comprehension": "iter target ifs",
    "Yield": "value",
    "YieldFrom": "value",
    "Await": "value",
    # statements
    "Expr": "value",
    "Assign": "value targets",
    "AugAssign": "target op value",
    "AnnAssign": "value target annotation",
    "Delete": "targets",
    "Pass": "",
    "Break": "",
    "Continue": "",
    "Return": "value",
    "Raise": "exc cause",
    "Assert": "test msg",
    "Global": "",
    "Nonlocal": "",
    "If": "test body orelse",
    "For": "iter target body orelse",
    "AsyncFor": "iter target body orelse",
    "While": "test body orelse",
    "With": "items body",
    "AsyncWith": "items body",
    "withitem": "context_expr optional_vars",
    "Try": "body handlers orelse finalbody",
    "TryStar": "body handlers orelse finalbody",
    "ExceptHandler": "type body",
    "Import": "names",
    "ImportFrom": "names",
    "alias": "",
    # definitions
    "FunctionDef": "decorator_list args returns body",
    "AsyncFunctionDef": "decorator_list args returns body",
    "ClassDef": "decorator_list bases keywords body",
    "arguments": "posonlyargs args vararg kwonlyargs kw_defaults kwarg defaults",
    "arg": "annotation",
    # match
    "Match": "subject cases",
    "match_case": "pattern guard body",
    "MatchValue": "value",
    "MatchSingleton": "",
    "MatchSequence": "patterns",
    "MatchMapping": "keys patterns",
    "MatchClass": "cls patterns kwd_patterns",
    "MatchStar": "",
    "MatchAs": "pattern",
    "MatchOr": "patterns",
    # PEP 695 and 696
    "TypeAlias": "name type_params value",
    "TypeVar": "bound default_value",
    "TypeVarTuple": "default_value",
    "ParamSpec": "default_value",
}

# Operators and contexts: nothing inside, one shared object each, nothing to decide.
LEAVES: frozenset[str] = words(
    "Load Store Del And Or Add Sub Mult MatMult Div Mod Pow LShift RShift BitOr BitXor BitAnd FloorDiv Invert "
    "Not UAdd USub Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn"
)

REFUSED: dict[str, str] = {
    "Interactive": "the parser makes it in another mode only",
    "FunctionType": "the parser makes it in another mode only",
    "TypeIgnore": "the parser makes it for type comments only",
    "Suite": "not made since Python 3.8",
    "AugLoad": "not made since Python 3.8",
    "AugStore": "not made since Python 3.8",
    "Param": "not made since Python 3.8",
    "Index": "not made since Python 3.8",
    "ExtSlice": "not made since Python 3.8",
}

# Classes of `ast` that only group others: no node is ever of exactly these types.
ABSTRACT: frozenset[str] = words(
    "AST mod stmt expr expr_context boolop operator unaryop cmpop slice excepthandler pattern type_ignore "
    "type_param _ast_Ellipsis Num Str Bytes NameConstant Ellipsis"
)


def node_types() -> dict[str, type[ast.AST]]:
    """Every node type of the running interpreter that a tree can hold, by name."""
    found = {name: kind for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.AST)}
    return {name: kind for name, kind in found.items() if name not in ABSTRACT}


def without_stance() -> tuple[str, ...]:
    """The node types of the running interpreter for which nobody has decided; they are refused."""
    return tuple(sorted(set(node_types()) - set(ALLOWED) - LEAVES - set(REFUSED)))


def _fields() -> dict[type[ast.AST], tuple[str, ...]]:
    # Operators are objects without a decision, so the walk passes them by. Only an interpreter that brings a node type
    # unknown to this table could hide one in an operator's place: there the walk looks at every field.
    thorough = bool(without_stance())
    table: dict[type[ast.AST], tuple[str, ...]] = {}
    for name, kind in node_types().items():
        if name in LEAVES:
            table[kind] = ()
        elif name in ALLOWED:
            wanted = kind._fields if thorough else ALLOWED[name].split()
            table[kind] = tuple(field for field in _ordered(name, wanted) if field in kind._fields)
            if not thorough:
                table[kind] = tuple(field for field in table[kind] if field not in ("op", "ops"))
    return table


def _ordered(name: str, wanted: tuple[str, ...] | list[str]) -> list[str]:
    fields = ALLOWED[name].split()
    if name in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
        fields.insert(1, "type_params")  # PEP 695: absent before 3.12
    return fields + [field for field in wanted if field not in fields]


FIELDS: dict[type[ast.AST], tuple[str, ...]] = _fields()
