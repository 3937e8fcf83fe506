"""G401 import-not-allowed: a module that the policy does not list.

Refuses   import subprocess, from socket import socket, import pandas.io where only pandas is listed ...
Why       A module is granted with everything it does; each one, and each submodule, needs a line of the policy.
Behind it The importer inside the worker asks the same list and hands out facades; the kernel layer holds without it.
Instead   Use an allowed module, or a tool. The hint names the nearest.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.rule import Rule, Situation, quoted

# What models reach for, and what does the same here if it is allowed.
ALTERNATIVES = {
    "numpy": ("math", "statistics"),
    "pandas": ("csv", "statistics"),
    "scipy": ("statistics", "math"),
    "subprocess": (),
    "pathlib": ("os",),
    "secrets": ("random",),
    "decimal": ("fractions",),
    "pickle": ("json",),
    "marshal": ("json",),
    "shelve": ("json",),
    "yaml": ("json",),
    "simplejson": ("json",),
    "ujson": ("json",),
}
NETWORK = frozenset({"requests", "urllib", "http", "httpx", "aiohttp", "socket", "ftplib", "smtplib", "urllib3"})


def check_import(situation: Situation, node: ast.Import) -> None:
    for alias in node.names:
        situation.imports.add(alias.name)
        if alias.asname is None:
            top = alias.name.partition(".")[0]
            situation.aliases[top] = top
        else:
            situation.aliases[alias.asname] = alias.name
        if alias.name not in situation.modules:
            refuse(situation, alias, alias.name)


def check_from(situation: Situation, node: ast.ImportFrom) -> None:
    module = node.module or ""
    if node.level or module == "__future__":
        return  # a relative import is G403's
    situation.imports.add(module)
    submodules = [f"{module}.{alias.name}" for alias in node.names]
    for alias, submodule in zip(node.names, submodules, strict=True):
        if submodule in situation.modules:
            situation.imports.add(submodule)
            situation.aliases[alias.asname or alias.name] = submodule
    if module not in situation.modules and not all(name in situation.modules for name in submodules):
        refuse(situation, node, module)


def refuse(situation: Situation, node: ast.AST, module: str) -> None:
    if situation.import_may_fail:
        return  # an optional import: at run time the importer raises what the program is ready for
    situation.find(RULE, node, f"the module `{module}` is not available.", hint(situation, module))


def hint(situation: Situation, module: str) -> str:
    top = module.partition(".")[0]
    if top != module and top in situation.modules:
        inside = sorted(name for name in situation.modules if name.startswith(top + "."))
        known = f"; of its submodules: {quoted(inside)}" if inside else ""
        return f"`{top}` itself is available{known}."
    nearest = situation.nearest_module(module)
    if nearest is not None and nearest != module:
        return f"Did you mean `{nearest}`?"
    offered = [name for name in ALTERNATIVES.get(top, ()) if name in situation.modules]
    if offered:
        return f"Use {quoted(offered)} instead."
    if situation.tools:
        kind = "There is no network; the tools" if top in NETWORK else "The tools"
        return f"{kind} here are {situation.tool_list()}."
    if top in NETWORK:
        return "There is no network, and no tool is available."
    tops = sorted(name for name in situation.modules if "." not in name)
    return f"Available modules: {quoted(tops)}." if tops else "No module is available; use builtins."


def is_expected(handler: ast.ExceptHandler) -> bool:
    """Whether an `except` clause is ready for a module that is not there."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    return handler.type is None or not names.isdisjoint(("ImportError", "ModuleNotFoundError"))


RULE = Rule("G401", "import-not-allowed", ((ast.Import, check_import), (ast.ImportFrom, check_from)))
