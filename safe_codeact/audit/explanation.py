"""What code under a policy can do, in plain words: sections of sentences and tables, as text or as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safe_codeact.audit.knowledge import residual
from safe_codeact.confine import syscalls
from safe_codeact.policy.effective import Policy, Requirement, ToolRule
from safe_codeact.policy.facades import STAND_INS

_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences, and at most one table (`head` names its columns)."""

    title: str
    sentences: tuple[str, ...]
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def explain(policy: Policy) -> tuple[Section, ...]:
    """The whole explanation, for the policy as it is enforced."""
    return (_language(policy), _imports(policy), _files(policy), _tools(policy), _limits(policy), *_kernel(policy))


def as_text(policy: Policy, sections: Sequence[Section]) -> str:
    """For a terminal: tables in columns, wrapped in the last one."""
    blocks = [f"{policy.name}: what its actions can do (digest {policy.digest})"]
    for section in sections:
        lines = [section.title.upper(), *(textwrap.fill(sentence, _WIDTH) for sentence in section.sentences)]
        blocks.append("\n".join([*lines, *_columns(section)]))
    return "\n\n".join(blocks)


def as_markdown(policy: Policy, sections: Sequence[Section]) -> str:
    """For a review."""
    blocks = [f"# {policy.name}: what its actions can do\n\nDigest `{policy.digest}`."]
    for section in sections:
        block = [f"## {section.title}", *(_escaped(sentence) for sentence in section.sentences)]
        if section.rows:
            table = [f"| {' | '.join(section.head)} |", "|---" * len(section.head) + "|"]
            table += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in section.rows]
            block.append("\n".join(table))
        blocks.append("\n\n".join(block))
    return "\n\n".join(blocks)


def _escaped(text: str) -> str:
    """A reason is its author's text, and must not become a column, a heading or a link of ours."""
    for character in "\\|<>[]*_":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _columns(section: Section) -> Iterator[str]:
    if not section.rows:
        return
    widths = [min(44, max(len(row[column]) for row in section.rows)) for column in range(len(section.head) - 1)]
    indent = sum(widths) + 2 * len(widths) + 2
    for row in section.rows:
        start = "  " + "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        yield textwrap.fill(start + row[-1], max(_WIDTH, indent + 40), subsequent_indent=" " * indent).rstrip()


def _language(policy: Policy) -> Section:
    language = policy.language
    if language.interpreter == "expression":
        functions = (
            "may define functions, which call each other 60 deep at most"
            if language.functions
            else "define no functions"
        )
        said = f"Actions are formulas, evaluated in counted steps: they import nothing and {functions}."
    elif language.restricted:
        said = (
            "Actions are Python. Each is read by the gate before it runs: it imports only what is listed below, and reaches no "
            "frames, code objects, private names or hidden attributes. Behind the gate stands the kernel layer."
        )
    else:
        said = (
            "Actions are any Python: the gate is off. They import every module that is installed, start C code by ctypes and own "
            "their process; the kernel layer alone holds them."
        )
    return Section("Language", (said,))


def _imports(policy: Policy) -> Section:
    rules = policy.language.imports
    if policy.language.interpreter == "expression":
        return Section("Imports", ("None.",))
    if not policy.language.restricted:
        return Section("Imports", (f"Any. The {len(rules)} lines of the list bind nobody, because the gate is off.",))
    if not rules:
        return Section("Imports", ("None: no module has a line.",))
    rows = tuple(
        (
            rule.module,
            "stand-in" if rule.facade else f"without {', '.join(rule.deny)}" if rule.deny else "public names",
            rule.why or "(no reason given)",
            f"Has {STAND_INS[rule.module]}." if rule.facade and rule.module in STAND_INS else residual(rule),
        )
        for rule in rules
    )
    said = (
        f"{len(rules)} modules, each with the submodules that come with it. A stand-in is ours and holds what is harmless. "
        "Of the others actions see public names, without those that are hidden under every policy; what is left of risk stands "
        "last."
    )
    return Section("Imports", (said,), ("module", "as", "for", "residual risk"), rows)


_WORKSPACES = {
    "none": "There is no workspace: nothing can be written, and no file is there but the libraries' own.",
    "ro": "The session's workspace can be read, and nothing can be written.",
    "rw": "The session's workspace can be read and written: up to {mb} MiB in {files:,} files and folders.",
}


def _files(policy: Policy) -> Section:
    limits, filesystem = policy.limits, policy.filesystem
    said = _WORKSPACES[filesystem.workspace].format(mb=limits.workspace_mb, files=limits.workspace_files)
    also = "Readable besides, with all that is below:" if filesystem.read else "No other path is readable."
    rows = tuple((line.path, line.why or "(no reason given)") for line in filesystem.read)
    return Section("Files", (said, also), ("path", "for"), rows)


def _tools(policy: Policy) -> Section:
    every = next((rule for rule in policy.tools if rule.name == "*"), None)
    named = [rule for rule in policy.tools if rule.name != "*"]
    if not policy.tools:
        return Section("Tools", ("None exist inside, whatever the host hands over.",))
    said = (
        "Every tool that the host hands over exists inside; those without a line of their own by the line `*`."
        if every is not None
        else "These exist inside when the host hands them over, and no others."
    )
    closing = (
        f"All together: at most {policy.limits.tool_calls:,} calls per action. Tools run on the host, with its rights."
    )
    rows = tuple((rule.name, _tool(rule)) for rule in [*named, *([every] if every is not None else [])])
    return Section("Tools", (said, closing), ("tool", "may"), rows)


def _tool(rule: ToolRule) -> str:
    if rule.deny:
        return "Not exist inside, whatever other lines say."
    asked = "after somebody has approved the call" if rule.approval == "ask" else "without anybody's approval"
    when = f", only when {rule.when}" if rule.when is not None else ""
    budget = (
        f"at most {rule.max_calls:,} times per action{_over_time(rule)}, {rule.timeout_seconds:g} s and "
        f"{rule.max_result_kb:,} KiB each"
    )
    secret = f" The trail does not keep {', '.join(rule.redact)}." if rule.redact else ""
    return f"Be called {asked}{when}: {budget}. For: {rule.why or '(no reason given)'}{secret}"


def _over_time(rule: ToolRule) -> str:
    calls = "" if rule.max_session_calls is None else f", {rule.max_session_calls:,} times per session"
    return calls if rule.rate is None else f"{calls}, {rule.rate}"


def _limits(policy: Policy) -> Section:
    limits = policy.limits
    rows = (
        ("time", f"{limits.wall_seconds:g} s on the clock, of which {limits.cpu_seconds:g} s of computing"),
        ("memory", f"{limits.memory_mb:,} MiB on top of what interpreter and libraries hold"),
        ("output", f"{limits.output_kb:,} KiB; past that {_ON_LIMIT[policy.output.on_limit]}"),
        ("state", f"{limits.state_mb:,} MiB of variables from one action to the next"),
        ("source", f"{limits.source_kb:,} KiB"),
        ("agent", f"{policy.agent.max_turns} turns, {policy.agent.context_tokens:,} tokens of conversation"),
    )
    return Section("Limits of an action", ("There is no unlimited.",), ("what", "at most"), rows)


_ON_LIMIT = {"truncate": "the rest is dropped", "kill": "the action is ended"}
_MEANS: dict[Requirement, str] = {
    "required": "required: where it is missing, nothing runs",
    "preferred": "preferred: used where the machine has it",
    "off": "OFF: not asked for",
}
_CGROUP: dict[Requirement, str] = {
    "required": "required: all workers together are held to the runtime's `max_memory_mb`, and counted; no worker starts without.",
    "preferred": "preferred: all workers together are held to the runtime's `max_memory_mb` where the machine lets them be.",
    "off": "off: each worker has limits of its own, all together have none.",
}


def _kernel(policy: Policy) -> Iterator[Section]:
    isolation = policy.isolation
    yield Section(
        "Kernel layer",
        ("What holds the process itself, whatever Python does in it.",),
        ("protection", "is"),
        (
            ("seccomp", f"{_MEANS[isolation.seccomp]}. The filter on system calls, below."),
            ("landlock", f"{_MEANS[isolation.landlock]}. Opens only the libraries and the paths above."),
            ("namespaces", f"{_MEANS[isolation.namespaces]}. A network, process table and mounts of its own."),
            ("cgroup", _CGROUP[isolation.cgroup]),
        ),
    )
    profile: syscalls.Profile = "computation" if policy.filesystem.workspace == "none" else "workspace"
    allowed, denied = syscalls.allowed(profile), syscalls.denied(profile)
    if isolation.seccomp == "off":
        yield Section("System calls", ("All of them: `isolation.seccomp` is off.",))
        return
    said = (
        f"The profile `{profile}`: {len(allowed)} calls are allowed, those marked * with some arguments only. "
        f"{len(denied)} answer with an error, because ordinary code tries them: {', '.join(line.name for line in denied)}. "
        "Every other call ends the process."
    )
    rows = tuple((f"{line.name}{'*' if line.cases else ''}", line.reason) for line in allowed)
    yield Section("System calls", (said,), ("call", "who needs it"), rows)
