"""Three targets for what decides: the loader on any text, the comparison of two policies, and what inheritance may do.

The loader is held against `yaml.safe_load`, which is how everybody else reads the file: what both accept they read alike. The
comparison is held against a list of facts that is made without it: programs that the gate allows, calls that the toolbox
would let through, figures, paths. Where one fact grew, the comparison says that something is wider; and each witness that it
gives is tried. A child may take away and may add, but never gives back what its parent denied.
"""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from safe_codeact import check
from safe_codeact.audit.changes import Change, Direction, compare, is_wider
from safe_codeact.audit.examination import examine
from safe_codeact.errors import InvalidPolicy
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.commands import unshown
from safe_codeact.fuzzing.policies_examples import MODULES, NAMES, PATHS, TOOLS, generations, pairs, texts
from safe_codeact.gate.report import GateReport
from safe_codeact.host.toolbox import rule_for
from safe_codeact.policy import conditions, document
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.tree import Node, plain

_LONGEST_MESSAGE: Final = 2_000
_CLASSES: Final = ("defaults", "downgrade", "parsers")


def _judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tuple(tools))


def require_words(error: InvalidPolicy) -> None:
    """A message is a line for people: bounded, and nothing in it that a terminal would obey."""
    text = str(error)
    if len(text) > _LONGEST_MESSAGE:
        raise Escape("a message has the size of the file that it is about", f"{len(text)} characters")
    if unshown(text):
        raise Escape("a message holds what a terminal obeys", repr(text)[:200])


def _from_dict(tree: dict[str, Any]) -> Policy | None:
    try:
        return Policy.from_dict(
            {"name": "unnamed", **tree}
        )  # without one, a policy takes its file's when it is read again
    except InvalidPolicy as error:
        require_words(error)
        return None
    except Exception as error:
        raise Escape(
            "a mapping got something else than a policy or InvalidPolicy", f"{type(error).__name__}: {error}"
        ) from error


# ---- the loader


class _Loader:
    """One file, written again and again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "policy.yaml"

    def run(self, text: str) -> Course:
        """Raises `Escape`."""
        raw = text.encode("utf-8", "surrogatepass")
        self._file.write_bytes(raw)
        read_alike(text)
        try:
            policy = Policy.load(self._file)
        except InvalidPolicy as error:
            require_words(error)
            return Course(alive=False, classes=_CLASSES)
        except Exception as error:
            raise Escape(
                "a text got something else than a policy or InvalidPolicy", f"{type(error).__name__}: {error}"
            ) from error
        require_round_trip(policy)
        self._require_audit()
        return Course(alive=True, classes=_CLASSES)

    def _require_audit(self) -> None:
        found = examine([str(self._file)], judge=_judge, today=datetime.date(2026, 1, 1))
        if found.broken:
            raise Escape("a rule of the audit broke down", f"{found.broken[0].code}: {found.broken[0].message}"[:200])


def read_alike(text: str) -> bool:
    """Whether the text is a tree to us. Raises `Escape` where YAML's own reader takes it for another one."""
    try:
        tree = document.parse(text, None)
    except InvalidPolicy as error:
        require_words(error)
        return False
    except Exception as error:
        raise Escape("the parser raised something of its own", f"{type(error).__name__}: {error}") from error
    try:
        theirs = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Escape("YAML's own reader refuses what is read", str(error)[:200]) from None
    ours = plain(tree)
    if not _alike(ours, theirs):
        raise Escape("another YAML reader reads it otherwise", f"{ours!r:.150} / {theirs!r:.150}")
    _require_places(tree)
    return True


def _alike(ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(_alike(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(_alike, ours, theirs))
    return bool(ours == theirs)


def _require_places(tree: Node) -> None:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node.mark.line is None or node.mark.line < 1:
            raise Escape("a value of a file has no place in it", repr(node.content)[:100])
        waiting += node.items()
        if isinstance(node.content, dict):
            waiting += [entry.node for entry in node.content.values()]


def require_round_trip(policy: Policy) -> None:
    """As YAML, and as plain data, a policy comes back with its digest; the digest is that of the order of keys, too."""
    text = policy.to_yaml()
    try:
        again = Policy.from_dict(yaml.safe_load(text))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "again.yaml")
            file.write_text(text, "utf-8")
            loaded = Policy.load(file)
    except InvalidPolicy as error:
        raise Escape("to_yaml() gives what does not load", str(error)[:200]) from None
    copies = {"YAML": loaded, "another reader": again, "plain data": Policy.from_plain(policy.to_plain())}
    for way, copy in copies.items():
        if copy.digest != policy.digest:
            raise Escape("a policy comes back with another digest", way)
    if loaded.to_yaml() != text:
        raise Escape("to_yaml() is not the same twice", text[:100])


@contextlib.contextmanager
def _open_loader(_setting: Setting) -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield _Loader(Path(folder)).run


LOADER: Final = Target(
    name="policy-loader",
    layer="policy",
    classes=_CLASSES,
    claim="any text is a policy that every YAML reader reads alike and that comes back from YAML, or InvalidPolicy",
    examples=lambda _setting: texts(),
    open=_open_loader,
)


# ---- facts, and the comparison

_CALLS: Final[tuple[dict[str, Any], ...]] = (
    {"amount": 50, "currency": "EUR"}, {"amount": 100, "currency": "EUR"}, {"amount": 100.5, "currency": "USD"},
    {"amount": 150, "currency": "EUR"}, {"amount": 300, "currency": "GBP"}, {"amount": 300, "currency": "EUR"},
    {"amount": -1, "currency": "EURO"}, {"amount": 100, "limit": 100}, {"amount": 101, "limit": 100}, {"amount": 60},
)  # fmt: skip
_PROGRAMS: Final = (
    *(f"import {module}" for module in MODULES),
    *(f"import {module}\n{module}.{name}" for module in ("math", "json", "pandas", "os", "random") for name in NAMES),
    "len.__globals__", "[x for x in range(3)]", "def f(x):\n    return x\nf(1)", "1 + 1",
)  # fmt: skip
_ORDERS: Final = {
    "workspace": ("none", "ro", "rw"),
    "requirement": ("required", "preferred", "off"),
    "zygote": ("session", "shared"),
    "on_limit": ("kill", "truncate"),
    "approval": ("ask", "never"),
}


def facts(policy: Policy) -> dict[str, float]:
    """What is granted, as figures that grow with it; 0 and 1 for what is or is not so."""
    found: dict[str, float] = {f"runs {each!r}": _judge(each, policy, ()).allowed for each in _PROGRAMS}
    for name in (*TOOLS[:-1], "unnamed"):
        rule = rule_for(policy, name)
        found[f"tool {name}"] = rule is not None
        if rule is not None:
            condition = conditions.parse(rule.when) if rule.when is not None else None
            for field in ("max_calls", "timeout_seconds", "max_result_kb"):
                found[f"tool {name}.{field}"] = getattr(rule, field)
            found[f"tool {name}.approval"] = _ORDERS["approval"].index(rule.approval)
            found |= {f"{name}({call})": _passes(condition, call) for call in _CALLS}
    for section in ("limits", "agent"):
        values = getattr(policy, section)
        found |= {f"{section}.{field}": getattr(values, field) for field in values.__dataclass_fields__}
    found["workspace"] = _ORDERS["workspace"].index(policy.filesystem.workspace)
    readable = [line.path for line in policy.filesystem.read]
    found |= {f"reads {path}": any(path == each or path.startswith(f"{each}/") for each in readable) for path in PATHS}
    for field in ("seccomp", "landlock", "namespaces", "cgroup"):
        found[field] = _ORDERS["requirement"].index(getattr(policy.isolation, field))
    found["zygote"] = _ORDERS["zygote"].index(policy.isolation.zygote)
    found["on_limit"] = _ORDERS["on_limit"].index(policy.output.on_limit)
    return found


def grown(old: Policy, new: Policy) -> list[str]:
    """Facts of which the new policy has more."""
    before = facts(old)
    return [fact for fact, value in facts(new).items() if value > before.get(fact, 0)]


def _passes(condition: conditions.Condition | None, call: dict[str, Any]) -> bool:
    try:
        return condition is None or condition.holds(call)
    except conditions.Unmet:
        return False


def _compare(example: dict[str, Any]) -> Course:
    old, new = _from_dict(example["old"]), _from_dict(example["new"])
    if old is None or new is None:
        return Course(alive=False, classes=_CLASSES)
    require_round_trip(old)
    there, back = compare(old, new, _judge), compare(new, old, _judge)
    more = grown(old, new)
    if more and not is_wider(there):
        raise Escape("a widening is not said", "; ".join(more)[:200])
    for change in there:
        _require_witness(change, old, new)
    counts = [sum(change.direction is way for change in changes) for changes in (there, back) for way in Direction]
    if counts != [counts[3], counts[2], counts[1], counts[0]]:
        raise Escape("what widens one way does not narrow the other", repr(counts))
    if compare(old, old, _judge):
        raise Escape("a policy differs from itself", repr(compare(old, old, _judge))[:200])
    return Course(alive=bool(there), classes=_CLASSES)


def _require_witness(change: Change, old: Policy, new: Policy) -> None:
    """A witness is allowed by the wider policy and refused by the other one; ours says so, whoever found it."""
    narrow, wide = (old, new) if change.direction is Direction.WIDENED else (new, old)
    if change.witness is None or not change.is_verified:
        if change.section in ("language", "imports") and "stand-in" not in change.message:
            raise Escape("a change of the language has no witness", f"{change.message}: {change.witness!r}")
        return
    if change.section in ("limits", "files") or change.witness.startswith("["):
        tools = (
            *(rule.name for rule in wide.tools),
            "any_tool",
        )  # a bound, which no gate has: but it lets the program run
        if not _judge(change.witness, wide, tools).allowed:
            raise Escape("a witness is refused by the wider policy", f"{change.message}: {change.witness!r}"[:200])
    elif change.section == "tools":
        _require_call(change, narrow, wide)
    elif not _judge(change.witness, wide, ()).allowed or _judge(change.witness, narrow, ()).allowed:
        raise Escape("a witness does not tell the two policies apart", f"{change.message}: {change.witness!r}"[:200])


def _require_call(change: Change, narrow: Policy, wide: Policy) -> None:
    """`refund(amount=101)`: as the toolbox would judge it."""
    name, _, inside = str(change.witness).removesuffix(")").partition("(")
    call = eval(f"dict({inside})", {"__builtins__": {"dict": dict}})  # noqa: S307 - reprs of plain values, of our own making
    answers = []
    for policy in (narrow, wide):
        rule = rule_for(policy, name)
        condition = conditions.parse(rule.when) if rule is not None and rule.when is not None else None
        answers.append(rule is not None and (_passes(condition, call) or not call))
    if answers != [False, True]:
        raise Escape("a call does not tell the two policies apart", f"{change.message}: {change.witness}"[:200])


@contextlib.contextmanager
def _open_comparison(_setting: Setting) -> Iterator[Run]:
    yield _compare


COMPARISON: Final = Target(
    name="policy-diff",
    layer="policy",
    classes=_CLASSES,
    claim="a comparison says every widening, and its witnesses tell the two policies apart",
    examples=lambda _setting: pairs(),
    open=_open_comparison,
)


# ---- inheritance


class _Family:
    """Files that extend each other, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, example: dict[str, Any]) -> Course:
        """Raises `Escape`."""
        trees = example["files"]
        for number, tree in enumerate(trees):
            extends = {"extends": f"./{number + 1}.yaml"} if number + 1 < len(trees) else {}
            text = yaml.safe_dump({**tree, **extends} or {"version": 1}, allow_unicode=True)
            (self._folder / f"{number}.yaml").write_text(text, "utf-8")
        child, parent = self._load(0), self._load(1)
        if child is None or parent is None:
            return Course(alive=False, classes=_CLASSES)
        require_round_trip(child)
        _require_denied(child, trees)
        own = trees[0]
        if not own.keys() - {"name", "examples", "version"}:
            changes = compare(parent, child, _judge)
            if changes:
                raise Escape("a child that says nothing differs from its parent", changes[0].message)
        narrowing = _narrowing(own)
        if narrowing and grown(parent, child):
            raise Escape(
                "a child that only takes away grants more than its parent", "; ".join(grown(parent, child))[:200]
            )
        return Course(alive=True, classes=_CLASSES)

    def _load(self, number: int) -> Policy | None:
        try:
            return Policy.load(self._folder / f"{number}.yaml")
        except InvalidPolicy as error:
            require_words(error)
            return None


def _narrowing(tree: dict[str, Any]) -> bool:
    """Whether a file says nothing but denials of modules that it names, and of tools."""
    if tree.keys() - {"name", "examples", "version", "language", "tools"}:
        return False
    language = tree.get("language", {})
    lines = language.get("imports", [])
    tools = tree.get("tools", {}).values()
    return (
        not language.keys() - {"imports"}
        and all(line.get("deny") == ["*"] for line in lines)
        and all(tool.get("deny") is True for tool in tools)
    )


def _require_denied(child: Policy, trees: Sequence[dict[str, Any]]) -> None:
    """What any of the files above denied stays denied, whatever the ones below say."""
    gate = child.language.restricted and child.language.interpreter == "compiled"
    for tree in trees[1:]:
        for line in tree.get("language", {}).get("imports", []) if gate else []:
            for name in line.get("deny", []):
                module = line["module"]
                program = f"import {module}" if name == "*" else f"import {module}\n{module}.{name}"
                if _judge(program, child, ()).allowed:
                    raise Escape("what a parent denies is allowed again", program)
        for name, tool in tree.get("tools", {}).items():
            if tool.get("deny") is True and name != "*" and rule_for(child, name) is not None:
                raise Escape("a tool that a parent denies exists again", name)


@contextlib.contextmanager
def _open_family(_setting: Setting) -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        yield _Family(Path(folder)).run


INHERITANCE: Final = Target(
    name="policy-inheritance",
    layer="policy",
    classes=_CLASSES,
    claim="what a policy denies, no file that extends it allows again",
    examples=lambda _setting: generations(),
    open=_open_family,
)
