"""`import`, for actions.

Threat: a raw module in the action's hands is the end of the gate. Besides the statements there are two quieter ways to
one: CPython's fallback of `from` imports into `sys.modules`, and C code that imports through the caller's builtins.
What we do: the importer hands out facades only, checks every name of a `from` list itself, and answers C code, which
takes its module from `sys.modules` and discards our answer, with an empty facade.
"""

from __future__ import annotations
import __future__

import difflib
import importlib
import os
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from safe_codeact.gate.names import MARKER
from safe_codeact.guest.modules.attributes import REPLACEMENTS
from safe_codeact.guest.modules.curated import BUILDERS
from safe_codeact.guest.modules.curated.streams import follow
from safe_codeact.guest.modules.facade import new_facade, packages, public_names
from safe_codeact.guest.modules.files import HERE
from safe_codeact.guest.modules.patches import apply_patches
from safe_codeact.guest.modules.patches.matplotlib import collect_figures
from safe_codeact.policy.effective import ImportRule, Policy
from safe_codeact.policy.knowledge import DENIED
from safe_codeact.policy.parts import ALIASES, PARTS, importable

# Nothing imports these in a worker: they call addresses. (numpy's bit generators import them when they are asked to.)
_UNREACHABLE = ("ctypes", "_ctypes", "cffi", "_cffi_backend")
# Values that may be one object wherever they occur (0, "", ()): no place says where one is from.
_MT_WORDS = 624  # of a Mersenne twister's state
_PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)


class Modules:
    """The modules of one policy, as actions see them. Built in the zygote, after everything was preloaded."""

    def __init__(self, policy: Policy) -> None:
        apply_patches(restricted=policy.language.restricted)
        self._unreachable = _UNREACHABLE if policy.language.restricted else ()
        self._rules = {rule.module: rule for rule in policy.language.imports}
        self._allowed = importable(self._rules)
        self._facades: dict[str, ModuleType] = {}
        self._building: set[str] = set()
        self._packages = packages() | {name.rpartition(".")[0] for name in self._allowed}
        self._inside: dict[str, list[str]] = {}
        for name in sorted(self._allowed):
            self._inside.setdefault(name.rpartition(".")[0], []).append(name)
        HERE.configure(policy.filesystem.workspace, tuple(each.path for each in policy.filesystem.read))
        for name in sorted(self._allowed):
            self._build(name)
        for name in sorted(self._facades):
            self._add_ancestors(name)
        self._names = {id(facade): name for name, facade in self._facades.items()}
        self._addresses = dict(self._public_objects())
        self._for_c = ModuleType("<loaded>")
        follow(self._facades.get("sys"))

    # ---- what the worker and the snapshot ask

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules with a line in the policy that are not loaded in this process: not installed, or in another zygote."""
        return tuple(sorted(name for name in self._rules if name not in self._facades))

    def facade(self, name: str) -> ModuleType:
        """The facade of an importable module. Raises ModuleNotFoundError."""
        if not self.has(name):
            raise self._not_found(name)
        return self._facades[name]

    def has(self, name: str) -> bool:
        """Whether import statements may name this module, and it is loaded here."""
        return name in self._allowed and name in self._facades

    def find(self, name: str) -> ModuleType:
        """The facade of this dotted name, also of a parent that only holds its submodules. Raises LookupError."""
        return self._facades[name]

    def collect_figures(self) -> list[tuple[str, bytes]]:
        """(name, PNG bytes) of the figures that the action showed or left open."""
        return collect_figures()

    def name_of(self, obj: object) -> str | None:
        """The dotted name of one of our facades; None for everything else."""
        name = self._names.get(id(obj))
        return name if name is not None and self._facades[name] is obj else None

    def address_of(self, obj: object) -> tuple[str, str] | None:
        """(module, attribute) under which actions can import this very object, so that a snapshot can say where it was from."""
        if isinstance(obj, _PLAIN):
            return None
        found = self._addresses.get(id(obj))
        return found[:2] if found is not None and found[2] is obj else None

    def lookup(self, module: str, attribute: str) -> Any:
        """The inverse of `address_of`. Raises LookupError for what the policy does not show."""
        facade = self._facades.get(module)
        if facade is None or attribute not in vars(facade):
            raise LookupError(f"{module}.{attribute} is not available under this policy")
        return vars(facade)[attribute]

    def reason(self, module: str, name: str) -> str:
        """Why a name of an allowed module is hidden; "" where it is not."""
        rule = self._rules.get(module)
        return DENIED.get(module, {}).get(name) or (
            "The policy hides it." if rule is not None and name in rule.deny else ""
        )

    def enter_worker(self, workspace: str, stdout: Any, stderr: Any) -> None:
        """Point everything that belongs to one action to it: streams, folder and randomness."""
        if workspace and os.getcwd() != os.path.realpath(workspace):
            os.chdir(workspace)
        HERE.enter(workspace)
        for name in self._unreachable:
            sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails from here on
        names = {"stdout": stdout, "stderr": stderr}
        self.replace("sys", {f"__{name}__": stream for name, stream in names.items()} | names)
        _reseed()

    def replace(self, module: str, names: dict[str, Any]) -> None:
        """Show these instead of what a module shows under the same names, where it shows them."""
        facade = self._facades.get(module)
        if facade is not None:
            there = {name: value for name, value in names.items() if name in vars(facade)}
            vars(facade).update(there)
            self._addresses.update({id(value): (module, name, value) for name, value in there.items()})

    # ---- the import statement

    def importer(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> ModuleType:
        """The `__import__` of actions."""
        if type(fromlist) is list:  # C code (PyImport_Import); the statement passes a tuple or None
            return self._loaded_for_c(name)
        if level:
            raise ImportError(
                "attempted relative import with no known parent package: an action is one program, not a package"
            )
        if name == "__future__" and fromlist:  # the compiler has judged the names
            return _taken(vars(__future__), fromlist)
        if name not in self._facades or (name not in self._allowed and not fromlist):
            raise self._not_found(name)
        if not fromlist:
            return self._joined(name)
        contents = vars(self._facades[name])
        if "*" in fromlist:
            fromlist = [each for each in contents.get("__all__", ()) if type(each) is str and each[:1] != "_"]
        for wanted in fromlist:
            if wanted not in contents:
                raise self._no_such_name(name, wanted, contents)
        return _taken(contents, fromlist)

    def _joined(self, name: str) -> ModuleType:
        """What `import a.b` gets, with every part in its place: `import a.b as c` reads `b` from `a`, and where an action
        has deleted it CPython would look into `sys.modules`.
        """
        while "." in name:
            child = self._facades[name]
            name, _, last = name.rpartition(".")
            vars(self._facades[name]).setdefault(last, child)
        return self._facades[name]

    def _loaded_for_c(self, name: str) -> ModuleType:
        if name not in sys.modules:
            importlib.import_module(name)
        return self._for_c

    def _not_found(self, name: str) -> ModuleNotFoundError:
        if name in self._allowed:
            return ModuleNotFoundError(
                f"No module named {name!r}: the policy allows it, but it is not installed here", name=name
            )
        near = difflib.get_close_matches(name, self._allowed & self._facades.keys(), 2)
        hint = f". Did you mean: {', '.join(near)}?" if near else ""
        return ModuleNotFoundError(f"No module named {name!r}: the policy does not allow it{hint}", name=name)

    def _no_such_name(self, module: str, wanted: str, contents: Iterable[str]) -> ImportError:
        reason = self.reason(module, wanted)
        near = difflib.get_close_matches(wanted, [name for name in contents if not name.startswith("_")], 3)
        hint = f". {reason}" if reason else f". Did you mean: {', '.join(near)}?" if near else ""
        return ImportError(f"cannot import name {wanted!r} from {module!r} (unknown location){hint}", name=module)

    # ---- building

    def _build(self, name: str) -> ModuleType | None:
        if name in self._facades or name in self._building:  # `plt.style` is a part of two modules
            return self._facades.get(name)
        raw = sys.modules.get(ALIASES.get(name, name)) or sys.modules.get(name)
        if raw is None:
            return None
        self._building.add(name)
        rule = self._rule(name)
        denied = frozenset((*DENIED.get(name, ()), *rule.deny))
        star: Iterable[str] | None = None
        if rule.facade and name in BUILDERS:
            names = {each: value for each, value in BUILDERS[name]().items() if each not in denied}
        else:
            names = public_names(raw, denied)
            star = getattr(raw, "__all__", None)
        for each, value in REPLACEMENTS.get(name, {}).items():
            if each in names:
                names[each] = value
        for part in self._children(name):
            facade = self._build(part)
            last = part.rpartition(".")[2]
            if facade is not None and last not in rule.deny:
                names.setdefault(last, facade)  # `sympy.simplify` is a function, whatever else is called so
        self._facades[name] = new_facade(name, names, taken=self._packages, star=star)
        return self._facades[name]

    def _rule(self, name: str) -> ImportRule:
        """The module's line; a part without one takes its parent's `facade`."""
        if name in self._rules:
            return self._rules[name]
        parent = self._rules.get(name.rpartition(".")[0])
        return ImportRule(module=name, facade=parent is not None and parent.facade)

    def _children(self, name: str) -> Iterator[str]:
        """Modules that are seen as attributes of this one: its submodules, and parts from elsewhere (`plt.style`)."""
        yield from (part for part in PARTS.get(name, ()) if not part.startswith(name + "."))
        yield from self._inside.get(name, ())

    def _add_ancestors(self, name: str) -> None:
        """Where only `a.b` is allowed, `import a.b` binds an `a` that holds `b` and nothing else."""
        while "." in name:
            child, allowed = self._facades[name], name in self._allowed
            name, _, last = name.rpartition(".")
            if name not in self._facades:
                self._facades[name] = new_facade(name, {}, taken=self._packages)
            if not (allowed and name in self._allowed):  # else it is there, or its parent's line denies it
                vars(self._facades[name]).setdefault(last, child)

    def _public_objects(self) -> Iterator[tuple[int, tuple[str, str, Any]]]:
        for module in sorted(self._facades, key=lambda name: (-name.count("."), name)):  # the shortest name wins
            for attribute, value in vars(self._facades[module]).items():
                if not attribute.startswith("_") and not isinstance(value, (*_PLAIN, ModuleType)):
                    yield id(value), (module, attribute, value)


def _taken(contents: dict[str, Any], names: Sequence[str]) -> ModuleType:
    """What a `from` import reads its names from: no action holds it, so none can take a name away, or rename the module,
    between two of them (a mapping's `__setitem__` runs there), and lead CPython to `sys.modules`.
    """
    module = ModuleType(MARKER)
    vars(module).update({each: contents[each] for each in names}, __all__=list(names))
    return module


def _reseed() -> None:
    """All workers are copies of one zygote: without this they would all draw the same numbers."""
    random.seed(os.urandom(32))
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:  # the whole state at once: seeding from a few words copies half a MiB of a worker's pages
        words = memoryview(os.urandom(4 * _MT_WORDS)).cast("I")
        state = {"bit_generator": "MT19937", "state": {"key": words, "pos": _MT_WORDS}}
        numbers.get_bit_generator().state = state
    symbols = sys.modules.get("sympy.core.random")
    if symbols is not None:
        symbols.rng.seed(os.urandom(32))
