"""Functions that a formula defines, where the policy says that it may: parameters, names of their own, and `return`.

asteval's own functions see their callers' variables. These mean what CPython means by them: a name that a function binds
anywhere is its own, every other one is the session's, and arguments fit the parameters or the same TypeError is raised.
"""

from __future__ import annotations

import ast
from typing import Any, Final

MOST_CALLS: Final = 60  # functions that wait for each other


class Function:
    """One `def`. `defaults` are values, made when it was defined."""

    __slots__ = ("body", "defaults", "name", "node", "own", "parameters", "size")

    def __init__(self, node: ast.FunctionDef, defaults: list[Any]) -> None:
        self.node = node
        self.name = node.name
        self.parameters = tuple(each.arg for each in node.args.args)
        self.defaults = dict(zip(self.parameters[len(self.parameters) - len(defaults) :], defaults, strict=True))
        self.body = node.body
        parts = list(ast.walk(node))
        self.own = frozenset(self.parameters) | _bound(parts)
        self.size = len(parts)

    def __repr__(self) -> str:
        return f"<function {self.name}({', '.join(self.parameters)})>"

    def state(self) -> tuple[str, list[Any]]:
        """What `Function.of` makes it of again, in a later action."""
        return ast.unparse(self.node), list(self.defaults.values())

    @classmethod
    def of(cls, source: str, defaults: list[Any]) -> Function:
        """Raises ValueError for a text that is no plain `def`."""
        match ast.parse(source).body:
            case [ast.FunctionDef() as node] if len(node.args.defaults) == len(defaults):
                return cls(node, defaults)
        raise ValueError(f"a function of a formula is one `def` with its defaults, not {source[:40]!r}")

    def bind(self, arguments: list[Any], words: dict[str, Any]) -> dict[str, Any]:
        """The function's own names at its start. Raises CPython's TypeError."""
        if len(arguments) > len(self.parameters):
            raise TypeError(self._too_many(len(arguments)))
        given = dict(zip(self.parameters, arguments, strict=False))
        for word, value in words.items():
            if word not in self.parameters:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{word}'")
            if word in given:
                raise TypeError(f"{self.name}() got multiple values for argument '{word}'")
            given[word] = value
        missing = [name for name in self.parameters if name not in given and name not in self.defaults]
        if missing:
            raise TypeError(
                f"{self.name}() missing {len(missing)} required positional argument{'s' * (len(missing) > 1)}: {_listed(missing)}"
            )
        return {**self.defaults, **given}

    def _too_many(self, given: int) -> str:
        most, least = len(self.parameters), len(self.parameters) - len(self.defaults)
        takes = f"{most}" if least == most else f"from {least} to {most}"
        return (
            f"{self.name}() takes {takes} positional argument{'s' * (most != 1 or least != most)} "
            f"but {given} {'was' if given == 1 else 'were'} given"
        )


class Frame:
    """A function or comprehension under way: the names that are its own, and what they are bound to so far."""

    __slots__ = ("bound", "outer", "own")

    def __init__(self, own: frozenset[str], bound: dict[str, Any], outer: Frame | None) -> None:
        self.own = own
        self.bound = bound
        self.outer = outer  # where a comprehension looks next; a function looks at the session's names

    def value(self, name: str) -> Any:
        """Of one of its own names. Raises CPython's error where it is not bound yet."""
        if name not in self.bound:
            raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
        return self.bound[name]


def targets(generators: list[Any]) -> frozenset[str]:
    """The variables of a comprehension."""
    return frozenset(each.id for part in generators for each in ast.walk(part.target) if isinstance(each, ast.Name))


def _bound(parts: list[ast.AST]) -> frozenset[str]:
    """The names that a function's body binds; the variables of comprehensions are the comprehensions' own."""
    inside = {id(each) for part in parts if isinstance(part, ast.comprehension) for each in ast.walk(part.target)}
    return frozenset(
        each.id
        for each in parts
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and id(each) not in inside
    )


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
