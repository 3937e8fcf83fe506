"""The expression interpreter: asteval walks the formula that the gate judged, one counted step at a time.

Threat: asteval's own defaults (attributes of any object, `open`, numpy's functions, formats that walk attributes:
CVE-2025-24359), formulas without an end, and values that grow with every step.
What we do: asteval gives the control flow and the assignments. Attributes, calls, operators, formats and names are our
handlers over exact types and a closed table of functions; steps and the weight of values come out of one budget, so a
formula is refused at the same step on every machine.
What still gets through: what `bounds` lets through, and what the host's tools do.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from safe_codeact.gate.check import Judgement
from safe_codeact.gate.formulas import FUNCTION_PARTS, METHODS, PARTS, STATEMENT
from safe_codeact.guest.interpreters import compiled, functions
from safe_codeact.guest.interpreters.bounds import (
    MOST_ITEMS,
    MOST_TEXT,
    OPERATORS,
    TooMuch,
    formatted,
    known,
    weigh,
)
from safe_codeact.guest.interpreters.definitions import MOST_CALLS, Frame, Function, targets


def _asteval() -> Any:
    """asteval without what it would bring along: numpy's functions for its table, and ctypes for a list of its own."""
    kept = {name: sys.modules.get(name) for name in ("numpy", "ctypes", "numpy_financial")}
    sys.modules.update(dict.fromkeys(kept, None))  # type: ignore[arg-type]  # an import of them fails
    try:
        import asteval  # here, because of the two lines above
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return asteval


MOST_STEPS: Final = 1_000_000  # nodes evaluated, and the weight of the values that were read as a whole
_IN_PLACE: Final[dict[tuple[type, type], Callable[[Any, Any], Any]]] = {
    (list, ast.Add): operator.iadd,
    (list, ast.Mult): operator.imul,
    (set, ast.BitOr): operator.ior,
    (set, ast.BitAnd): operator.iand,
    (set, ast.Sub): operator.isub,
    (set, ast.BitXor): operator.ixor,
    (dict, ast.BitOr): operator.ior,
}
_BOUNDED_METHODS: Final[dict[tuple[type, str], Callable[..., Any]]] = {
    (str, "replace"): functions.replace,
    (str, "join"): functions.join,
    (list, "extend"): functions.extend,
}
_CONVERSIONS: Final[dict[int, Callable[[Any], str]]] = {115: str, 114: repr, 97: ascii}
_Interpreter: Any = _asteval().Interpreter


class Formula(_Interpreter):  # type: ignore[misc]  # asteval has no types
    """One action. `symtable` holds the functions, the tools and the session's names."""

    def __init__(
        self, symbols: dict[str, Any], callables: dict[str, Callable[..., Any]], *, definitions: bool = False
    ) -> None:
        super().__init__(symtable=symbols, use_numpy=False, minimal=True)
        symbols["print"] = callables.get("print", print)  # asteval puts its own there
        self._callable = {id(each): each for each in callables.values()}
        self._steps = 0
        self._interrupt: ast.AST | None = None
        self._returned: Any = None
        self._frames: list[Frame] = []  # of functions and comprehensions that are under way
        self._calls = 0
        parts = {kind.__name__.lower() for kind in ({**PARTS, **FUNCTION_PARTS} if definitions else PARTS)}
        self.node_handlers: dict[str, Any] = {
            name: getattr(self, f"on_{name}") for name in parts if hasattr(self, f"on_{name}")
        }

    # Steps

    def charge(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise TooMuch(f"the formula took more than {MOST_STEPS} steps")

    def read_whole(self, value: Any) -> Any:
        """A value that is about to be copied, compared, written out or handed on."""
        self.charge(weigh(known(value), MOST_ITEMS))
        return value

    def run(self, node: Any, expr: Any = None, lineno: Any = None, with_raise: bool = True) -> Any:
        if node is None:
            return None
        if isinstance(self._interrupt, (ast.Break, ast.Continue)):
            return self._interrupt
        self.charge(1)
        handler: Any = self.node_handlers.get(type(node).__name__.lower(), self.unimplemented)
        return handler(node)

    def raise_exception(
        self, node: Any, exc: Any = None, msg: str = "", expr: Any = None, lineno: Any = None
    ) -> NoReturn:
        raise (exc or RuntimeError)(msg)

    def _names(self) -> dict[str, Any]:
        """Where a name is bound now."""
        return self._frames[-1].bound if self._frames else self.symtable  # type: ignore[no-any-return]

    def _getsym(self, node: ast.Name) -> Any:
        frame = self._frames[-1] if self._frames else None
        while frame is not None:
            if node.id in frame.own:
                return frame.value(node.id)
            frame = frame.outer
        try:
            return self.symtable[node.id]
        except KeyError:
            raise NameError(f"name '{node.id}' is not defined") from None

    # Values

    def on_list(self, node: Any) -> list[Any]:
        return self.read_whole([self.run(each) for each in node.elts])  # type: ignore[no-any-return]

    def on_tuple(self, node: Any) -> tuple[Any, ...]:
        return tuple(self.on_list(node))

    def on_set(self, node: Any) -> set[Any]:
        return set(self.on_list(node))

    def on_dict(self, node: Any) -> dict[Any, Any]:
        if None in node.keys:
            self.unimplemented(node)
        return self.read_whole({self.read_whole(self.run(k)): self.run(v) for k, v in zip(node.keys, node.values, strict=True)})  # type: ignore[no-any-return]  # fmt: skip

    def on_unaryop(self, node: Any) -> Any:
        return OPERATORS[type(node.op)](known(self.run(node.operand)))

    def on_binop(self, node: Any) -> Any:
        return self._combined(node.op, self.run(node.left), self.run(node.right))

    def _combined(self, op: ast.AST, left: Any, right: Any) -> Any:
        return OPERATORS[type(op)](self.read_whole(left), self.read_whole(right))

    def on_boolop(self, node: Any) -> Any:
        wanted = isinstance(node.op, ast.Or)
        for each in node.values:
            value = self.run(each)
            if bool(known(value)) is wanted:
                break
        return value

    def on_compare(self, node: Any) -> Any:
        left = self.run(node.left)
        for op, each in zip(node.ops, node.comparators, strict=True):
            right = self.run(each)
            result = self._combined(op, left, right)
            if not result:
                break
            left = right
        return result

    def on_subscript(self, node: Any) -> Any:
        value, index = known(self.run(node.value)), self.run(node.slice)
        if type(index) is slice:
            self.read_whole(value)
        return value[self.read_whole(index)]

    def on_joinedstr(self, node: Any) -> str:
        return functions.join("", [self.run(each) for each in node.values])

    def on_formattedvalue(self, node: Any) -> str:
        value = self.read_whole(self.run(node.value))
        if node.conversion in _CONVERSIONS:
            value = _CONVERSIONS[node.conversion](value)
        return formatted(value, self.run(node.format_spec) if node.format_spec is not None else "")

    # Assignments

    def node_assign(self, node: Any, val: Any) -> None:
        if isinstance(node, ast.Name):
            self._names()[node.id] = val
        elif isinstance(node, ast.Subscript):
            target, index = self.run(node.value), self.run(node.slice)
            if type(target) not in (list, dict):
                raise TypeError(f"'{type(target).__name__}' object does not support item assignment")
            target[self.read_whole(index)] = self.read_whole(val)
            self.read_whole(target)
        else:
            values = list(self.read_whole(val))
            if len(values) != len(node.elts):
                few = len(values) < len(node.elts)
                raise ValueError(
                    f"not enough values to unpack (expected {len(node.elts)}, got {len(values)})"
                    if few
                    else f"too many values to unpack (expected {len(node.elts)})"
                )
            for target, value in zip(node.elts, values, strict=True):
                self.node_assign(target, value)

    def on_augassign(self, node: Any) -> None:
        if isinstance(node.target, ast.Subscript):
            holder, index = self.run(node.target.value), self.run(node.target.slice)
            left = known(holder)[self.read_whole(index)]
        else:
            left = self._getsym(node.target)
        right = self.run(node.value)
        if type(left) is list and isinstance(node.op, ast.Add):
            right = list(self._whole_iterated(right))
        changed = _IN_PLACE.get((type(left), type(node.op)))
        result = self._combined(node.op, left, right)  # measured, and of the right types; then in place, as lists are
        result = changed(left, right) if changed is not None else result
        if isinstance(node.target, ast.Subscript):
            holder[index] = result
        else:
            self._names()[node.target.id] = result

    # Loops

    # asteval's own `while` does not evaluate its condition after a `continue`.

    def on_for(self, node: Any) -> None:
        for value in self._iterated(node.iter):
            self.charge(1)
            self.node_assign(node.target, value)
            if self._broke(node.body):
                return
        self._block(node.orelse)

    def on_while(self, node: Any) -> None:
        while bool(known(self.run(node.test))):
            if self._broke(node.body):
                return
        self._block(node.orelse)

    def _block(self, body: list[Any]) -> None:
        for statement in body:
            self.run(statement)
            if self._interrupt is not None:
                return

    def _broke(self, body: list[Any]) -> bool:
        self._block(body)
        if isinstance(self._interrupt, ast.Return):
            return True
        ended, self._interrupt = self._interrupt, None
        return isinstance(ended, ast.Break)

    def on_if(self, node: Any) -> None:
        self._block(node.body if bool(known(self.run(node.test))) else node.orelse)

    def on_ifexp(self, node: Any) -> Any:
        return self.run(node.body if bool(known(self.run(node.test))) else node.orelse)

    def _iterated(self, node: ast.AST) -> Any:
        return self._whole_iterated(self.run(node))

    def _whole_iterated(self, value: Any) -> Any:
        if type(known(value)) in (type(None), bool, int, float, complex, slice):
            raise TypeError(f"'{type(value).__name__}' object is not iterable")
        return value

    def _comprehended(self, values: Any, generators: list[Any], made: Callable[[], None]) -> None:
        first, *others = generators
        for value in values:
            self.charge(1)
            self.node_assign(first.target, value)
            if all(self.run(condition) for condition in first.ifs):
                if others:
                    self._comprehended(self._iterated(others[0].iter), others, made)
                else:
                    made()

    def _comprehension(self, node: Any, made: Callable[[], None]) -> None:
        values = self._iterated(node.generators[0].iter)  # belongs to the names around
        self._frames.append(Frame(targets(node.generators), {}, self._frames[-1] if self._frames else None))
        try:
            self._comprehended(values, node.generators, made)
        finally:
            self._frames.pop()

    def on_listcomp(self, node: Any) -> list[Any]:
        out: list[Any] = []
        self._comprehension(node, lambda: out.append(self.read_whole(self.run(node.elt))))
        return self.read_whole(out)  # type: ignore[no-any-return]

    def on_setcomp(self, node: Any) -> set[Any]:
        return set(self.on_listcomp(node))

    def on_dictcomp(self, node: Any) -> dict[Any, Any]:
        out: dict[Any, Any] = {}

        def made() -> None:
            key = self.read_whole(self.run(node.key))
            out[key] = self.read_whole(self.run(node.value))

        self._comprehension(node, made)
        return self.read_whole(out)  # type: ignore[no-any-return]

    # Calls

    def on_call(self, node: Any) -> Any:
        if isinstance(node.func, ast.Attribute):
            function = self._method(self.run(node.func.value), node.func.attr)
            owner = [function[1]]
            called = function[0]
        else:
            called, owner = self.run(node.func), []
            if type(called) is Function:
                return self._call_defined(called, node)
            if id(called) not in self._callable:
                raise TypeError(f"'{type(called).__name__}' object is not callable")
        arguments = [self._argument(self.run(each)) for each in node.args]
        words = {word.arg: self._argument(self.run(word.value), word.arg) for word in node.keywords}
        result = called(*owner, *arguments, **words)
        if type(result) is str and len(result) > MOST_TEXT:
            raise TooMuch(f"the text has {len(result)} characters; {MOST_TEXT} are allowed")
        if owner and type(owner[0]) in (list, dict, set):
            self.read_whole(owner[0])
        if type(result) in (list, tuple, dict, set):
            self.read_whole(result)
        return result

    def on_functiondef(self, node: Any) -> None:
        defined = Function(node, [self.run(each) for each in node.args.defaults])
        self.charge(defined.size)
        self._names()[node.name] = defined

    def on_return(self, node: Any) -> None:
        self._returned = None if node.value is None else self.run(node.value)
        self._interrupt = node

    def _call_defined(self, called: Function, node: Any) -> Any:
        arguments = [self.run(each) for each in node.args]
        words = {word.arg: self.run(word.value) for word in node.keywords}
        if self._calls == MOST_CALLS:
            raise RecursionError(f"more than {MOST_CALLS} functions of the formula wait for each other")
        self._frames.append(Frame(called.own, called.bind(arguments, words), None))
        self._calls += 1
        try:
            self._block(called.body)
            return self._returned
        finally:
            self._frames.pop()
            self._calls -= 1
            self._interrupt = self._returned = None

    def _argument(self, value: Any, word: str = "") -> Any:
        if id(value) not in self._callable:
            return self.read_whole(value)
        if word != "key" or not any(value is functions.FUNCTIONS[name] for name in functions.KEYS):
            raise TypeError(f"a function can be given as `key=` only: one of {', '.join(functions.KEYS)}")
        return value

    def _method(self, value: Any, name: str) -> tuple[Callable[..., Any], Any]:
        kind = type(known(value))
        if name not in METHODS.get(kind.__name__, ()):
            raise AttributeError(f"'{kind.__name__}' object has no method '{name}' in a formula")
        self.read_whole(value)
        return _BOUNDED_METHODS.get((kind, name)) or getattr(kind, name), value


def run(judgement: Judgement, namespace: dict[str, Any]) -> object:
    """Run a judged formula over the session's names, which keep what it binds, also when it raises."""
    if judgement.formula is None:
        raise ValueError("run() was given an action that is no formula")
    callables = {
        name: each
        for name, each in namespace["__builtins__"].items()
        if callable(each) and (name in functions.FUNCTIONS or not isinstance(each, type))
    }
    own = {name: value for name, value in namespace.items() if not name.startswith("_")}
    given = {**functions.FUNCTIONS, **callables}
    definitions = namespace["__builtins__"].get(functions.DEFINITIONS) is True
    formula = Formula({**given, **own}, callables, definitions=definitions)
    statements = judgement.formula.body

    def statement(place: int) -> Any:
        value = formula.run(statements[place])
        return value if type(value) is Function or id(value) in formula._callable else formula.read_whole(value)

    namespace[STATEMENT] = statement
    try:
        return compiled.run(judgement, namespace)
    finally:
        namespace.pop(STATEMENT, None)
        namespace.update(
            {name: value for name, value in formula.symtable.items() if given.get(name, namespace) is not value}
        )
