"""Policies to be tried: trees that are mostly valid, the same text as people and attackers would write it, and damage.

A tree draws from small pools (a dozen modules, five tools, a few paths) so that two of them often differ in one line only:
that is what a comparison and an inheritance are about.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from safe_codeact.policy import shipped

MODULES: Final = (
    "math", "json", "re", "os", "os.path", "collections", "collections.abc", "numpy", "numpy.linalg", "pandas", "zlib",
    "random", "datetime", "string", "statistics",
)  # fmt: skip
NAMES: Final = ("sqrt", "dumps", "loads", "read_csv", "read_pickle", "listdir", "remove", "path", "choice", "Counter")
TOOLS: Final = ("search", "refund", "lookup", "send", "*")
PATHS: Final = ("/srv", "/srv/data", "/srv/data/2026", "/srv/database", "/opt/models", "/etc/ssl")
CONDITIONS: Final = (
    "amount <= 100", "amount < 100", "amount <= 200", "amount >= 50", "not amount > 100", "amount == 100",
    "amount <= 100 and currency == 'EUR'", "currency in ['EUR', 'USD']", "currency in ['EUR']", "len(currency) < 4",
    "amount <= 100 or currency == 'EUR'", "amount <= limit", "amount * 2 <= 200",
)  # fmt: skip
_LIMITS: Final = {
    "wall_seconds": (5, 30, 60.5), "cpu_seconds": (1, 20), "memory_mb": (64, 128, 1024), "output_kb": (1, 64, 256),
    "state_mb": (16, 512), "workspace_mb": (1, 256), "workspace_files": (1, 100), "source_kb": (1, 32), "tool_calls": (1, 40),
}  # fmt: skip


def _some(fields: dict[str, SearchStrategy[Any]]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _one(*values: Any) -> SearchStrategy[Any]:
    return st.sampled_from(values)


_imports = st.lists(
    st.fixed_dictionaries(
        {"module": _one(*MODULES)},
        optional={
            "deny": st.lists(_one(*NAMES), max_size=2, unique=True) | st.just(["*"]),
            "why": st.just("the job needs it"),
            "facade": st.just(True),
        },
    ),
    max_size=5,
    unique_by=lambda line: str(line["module"]),
)
_tool = _some(
    {
        "why": st.just("the job needs it"),
        "max_calls": _one(1, 5),
        "timeout_seconds": _one(1, 10.5),
        "max_result_kb": _one(1, 64),
        "approval": _one("never", "ask"),
        "when": _one(*CONDITIONS),
        "deny": st.booleans(),
    }
)
_requirement = _one("required", "preferred", "off")
trees: Final[SearchStrategy[dict[str, Any]]] = _some(
    {
        "version": st.just(1),
        "name": _one("one", "other"),
        "language": _some(
            {
                "interpreter": _one("compiled", "compiled", "compiled", "expression"),
                "restricted": _one(True, True, True, False),
                "functions": st.booleans(),
                "imports": _imports,
            }
        ),
        "tools": st.dictionaries(_one(*TOOLS), _tool, max_size=3),
        "limits": _some({name: _one(*values) for name, values in _LIMITS.items()}),
        "filesystem": _some(
            {
                "workspace": _one("none", "ro", "rw"),
                "read": st.lists(_one(*PATHS), max_size=3, unique=True).map(
                    lambda paths: [{"path": path} for path in paths]
                ),
            }
        ),
        "isolation": _some(
            {**dict.fromkeys(("seccomp", "landlock", "namespaces", "cgroup"), _requirement), "zygote": _one("shared", "session")}
        ),
        "output": _some({"on_limit": _one("truncate", "kill")}),
        "agent": _some({"max_turns": _one(3, 12), "context_tokens": _one(1000, 32_000)}),
        "examples": st.lists(_one({"allow": "1 + 1"}, {"deny": "import os"}, {"deny": "import os", "rule": "G401"}), max_size=2),
    }
)  # fmt: skip


@st.composite
def pairs(draw: DrawFn) -> dict[str, Any]:
    """{"old", "new"}: two trees, most often alike but for a section."""
    old = draw(trees)
    if not draw(st.integers(0, 3)):
        return {"old": old, "new": draw(trees)}
    new = dict(old)
    if old.get("tools") and draw(st.booleans()):  # one field of one tool
        name, line = draw(st.sampled_from(sorted(old["tools"]))), draw(_tool)
        field = draw(st.sampled_from(["when", "when", "max_calls", "approval", "deny"]))
        kept = {key: value for key, value in old["tools"][name].items() if key != field}
        changed = {**kept, field: line[field]} if field in line else kept
        return {"old": old, "new": {**old, "tools": {**old["tools"], name: changed}}}
    for section in draw(
        st.lists(
            st.sampled_from(["language", "tools", "limits", "filesystem", "isolation", "output"]),
            min_size=1,
            max_size=2,
        )
    ):
        other = draw(trees)
        if section in other:
            new[section] = other[section]
        else:
            new.pop(section, None)
    return {"old": old, "new": new}


def _denying(tree: dict[str, Any], module: str, name: str) -> dict[str, Any]:
    language = tree.get("language", {})
    others = [line for line in language.get("imports", []) if line["module"] != module]
    line = {"module": module, "deny": [name], "why": "the job needs it"}
    return {**tree, "language": {**language, "imports": [*others, line]}}


@st.composite
def generations(draw: DrawFn) -> dict[str, Any]:
    """{"files": the first extends the second, and so on}."""
    files = draw(st.lists(trees, min_size=2, max_size=3))
    if draw(st.booleans()):  # two of them about the same module
        module, names = draw(_one(*MODULES)), draw(st.lists(_one(*NAMES), min_size=2, max_size=2, unique=True))
        files[:2] = [_denying(tree, module, name) for tree, name in zip(files, names, strict=False)]
    if draw(st.booleans()):
        files.append({"extends": draw(st.sampled_from(sorted(shipped.names())))})
    return {"files": files}


# ---- text

_WHERE = (
    "&a",
    "*a",
    "<<: *a",
    "!!python/object/apply:os.system [id]",
    "!!str ",
    "? x\n: y",
    "%YAML 1.1\n---\n",
    "---\n",
    "...\n",
)
_TRAPS = (
    "no",
    "yes",
    "on",
    "~",
    "null",
    "017",
    "0x1f",
    "1_000",
    "1:30",
    "1e3",
    ".5",
    ".inf",
    "+1",
    "-0",
    "1.",
    "2026-01-01",
    "=",
    "<<",
)
_UNSEEN = ("\u202e", "\u200b", "\ufeff", "\u2028", "\x85", "\x00", "\x1b[2J", "\r", "\t", "\ud800", "\u00a0")
_FRAGMENTS = (
    "version: 1\n", "extends: strict\n", "extends: ./other.yaml\n", "extends: /dev/zero\n", "extends: policy.yaml\n",
    "tools: {}\n", "tools:\n  search: {max_calls: 5}\n", 'tools: {"*": {why: "all"}}\n', "limits: {memory_mb: 128}\n",
    "limits: {memory_mb: 99999999999999999999}\n", "limits: {memory_mb: 0}\n", "language:\n  imports:\n    - {module: os}\n",
    "  - {module: math, deny: [sqrt]}\n", "{", "}", "[", "]", ": ", "- ", "#", '"', "'", "|\n", ">\n", "\n", "  ", "x" * 50,
    "when: amount <= 100\n", "name: a/b\n", "version: 2\n", "bogus: 1\n", "why: " + "y" * 300 + "\n",
)  # fmt: skip


@st.composite
def texts(draw: DrawFn) -> str:
    """A policy file as text: a tree dumped in one of YAML's styles, or a shipped file; then damaged."""
    if draw(st.integers(0, 3)):
        flow = draw(st.sampled_from([None, True, False]))
        text = yaml.safe_dump(draw(trees), default_flow_style=flow, allow_unicode=True, sort_keys=draw(st.booleans()))
    else:
        name = draw(st.sampled_from(sorted(shipped.names())))
        path = shipped.path(name)
        text = path.read_text("utf-8")[: draw(st.sampled_from([200, 2000, 100_000]))] if path is not None else ""
    parts = st.sampled_from([*_FRAGMENTS, *_TRAPS, *_WHERE, *_UNSEEN]) | st.text(max_size=6)
    is_aimed = draw(st.booleans())
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 5]))):
        values = [found.end() for found in re.finditer(": ", text)]  # where a value begins
        at = draw(st.sampled_from(values) if values and is_aimed else st.integers(0, len(text)))
        text = text[:at] + draw(parts) + text[at + draw(st.sampled_from([0, 0, 1, 4, 30])) :]
    return text
