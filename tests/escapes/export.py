"""`python tests/escapes/export.py`: the attempts of these tables as the corpus that the fuzzer ships and mutates."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "language"), str(HERE / "modules")]

import modules_attempts  # noqa: E402
from attempts import AGAINST_THE_GATE, ATTEMPTS  # noqa: E402
from attempts_deeper import DEEPER, DEEPER_AGAINST_THE_GATE  # noqa: E402

CORPUS = HERE.parents[1] / "safe_codeact" / "fuzzing" / "corpus"

# Which of the fuzzer's classes a table's kind belongs to.
CLASS_OF = {
    "dunder attributes, spelled out": "references",
    "reserved variables": "forgery",
    "private names of a library": "references",
    "frames, generators and coroutines (RestrictedPython CVE-2023-37271)": "references",
    "tracebacks and exceptions": "references",
    "attribute names in strings": "hooks",
    "format strings (CVE-2023-41039)": "hooks",
    "dynamic code (CVE-2025-5120, CVE-2026-4963)": "parsers",
    "classes that C code believes": "hooks",
    "writing where code is decided": "references",
    "callbacks of C code": "hooks",
    "imports": "libraries",
    "names that are not what they look like (NFKC)": "parsers",
    "hiding in syntax": "syntax",
    "forging the marker": "forgery",
    "using a guard against itself": "forgery",
    "objects that carry the name of an attribute": "references",
    "objects that hand over what a library keeps": "references",
    "fields that become patterns": "syntax",
    "memory by a class that says where": "hooks",
    "modules that are renamed (IMPORT_FROM looks into sys.modules)": "libraries",
    "forged guards": "forgery",
    "memory by an attribute": "hooks",
    "a metaclass in the open": "hooks",
    "text that a library evaluates": "libraries",
    "text at the doors of the sweep": "libraries",
    "a module behind a facade": "libraries",
}
_TOO_LARGE = 4000  # sources made to exhaust are made anew by the fuzzer: there is nothing in them to mutate
# What an expression that has come true stands for: nothing else puts this text together.
_CAME_TRUE = "loot = 'canary-' + '7f3a91' if ({}) else None"


def _binding(source: str) -> str:
    """An attempt that ends in an expression, as one that binds `loot`."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        return source
    before = source.splitlines(keepends=True)[: last.lineno - 1]
    return "".join(before) + _CAME_TRUE.format(ast.unparse(last.value))


def programs() -> dict[str, str]:
    """File name → its text."""
    families: dict[str, list[str]] = {}
    for table in (ATTEMPTS, DEEPER, AGAINST_THE_GATE, DEEPER_AGAINST_THE_GATE):
        for kind, sources in table.items():
            for number, source in enumerate(sources):
                if kind in CLASS_OF and len(source) <= _TOO_LARGE:
                    families.setdefault(CLASS_OF[kind], []).append(f"# %% {kind}, {number + 1}\n{source}\n")
    for kind, named in modules_attempts.ATTEMPTS.items():
        for name, source in named.items():
            families.setdefault(CLASS_OF[kind], []).append(f"# %% {kind}: {name}\n{_binding(source)}\n")
    return {f"{family}.programs": "".join(texts) for family, texts in families.items()}


if __name__ == "__main__":
    for name, text in programs().items():
        (CORPUS / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        print(f"{name}: {text.count('# %% ')} programs")
