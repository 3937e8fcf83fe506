"""Which lines of a policy an example came to when it was run, by what its observation shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from safe_codeact import Observation, Policy
from safe_codeact.observation import ToolRecord
from safe_codeact.policy.effective import Example

_KIB = 1024
_LIMITS: Final[dict[str, Callable[[Policy, Observation], bool]]] = {
    "wall_seconds": lambda _, seen: seen.outcome == "timed_out" and not _is_cpu(seen),
    "cpu_seconds": lambda _, seen: seen.outcome == "timed_out" and _is_cpu(seen),
    "memory_mb": lambda _, seen: seen.outcome == "memory_exceeded",
    "output_kb": lambda policy, seen: (
        seen.outcome == "output_exceeded" or seen.usage.output_bytes > policy.limits.output_kb * _KIB
    ),
    "state_mb": lambda _, seen: "(everything)" in seen.not_kept or "limits.state_mb" in seen.rollback,
    "workspace_mb": lambda _, seen: (
        (seen.outcome == "workspace_exceeded" and "MiB of files" in seen.text)
        or (seen.error is not None and seen.error.message.endswith("File too large"))  # one that is as large alone
    ),
    "workspace_files": lambda _, seen: seen.outcome == "workspace_exceeded" and "files and folders" in seen.text,
    "tool_calls": lambda _, seen: any(
        re.search(r"an action may make \d+ tool calls", _said(call)) for call in seen.tool_calls
    ),
}
# What a refused call was told, by the field that refuses it.
_REFUSALS: Final = {
    "max_calls": r"may be called .* per action, and was",
    "max_session_calls": r"may be called .* per session, and was",
    "rate": r"may be called \d+/\w+, and was",
    "when": r"may only be called when ",
    "max_argument_kb": r"\(max_argument_kb\)$",
    "max_result_kb": r"returned [\d,]+ bytes; its limit is",
}
_WORKSPACE: Final = {"none": "(filesystem.workspace: none)", "ro": "workspace is read only"}


def reached(policy: Policy, example: Example, seen: Observation, has_written: bool) -> frozenset[str]:
    """Paths as `policy.coverage` has them."""
    found = {f"limits.{field}" for field, is_reached in _LIMITS.items() if is_reached(policy, seen)}
    error = seen.error.message if seen.error is not None else ""
    if has_written or _WORKSPACE.get(policy.filesystem.workspace, "\0") in error + seen.stdout:
        found.add("filesystem.workspace")
    for readable in policy.filesystem.read:
        if seen.outcome == "completed" and readable.path in (example.allow or ""):
            found.add(f"filesystem.read.{readable.path}")
    for rule in policy.tools:
        if rule.deny and seen.error is not None and seen.error.type == "NameError" and f"'{rule.name}'" in error:
            found.add(f"tools.{rule.name}.deny")
    own = {rule.name for rule in policy.tools}
    for call in seen.tool_calls:
        name = call.name if call.name in own else "*"
        found |= {f"tools.{name}", *(f"tools.{name}.{field}" for field in _fields(policy, name, call))}
    return frozenset(found)


def _fields(policy: Policy, name: str, call: ToolRecord) -> Iterator[str]:
    said = _said(call)
    yield from (field for field, refusal in _REFUSALS.items() if re.search(refusal, said))
    if call.outcome == "returned" and any(rule.name == name and rule.approval == "ask" for rule in policy.tools):
        yield "approval"


def _said(call: ToolRecord) -> str:
    message = call.reply.get("error", {}).get("message")
    return message if isinstance(message, str) else ""


def _is_cpu(seen: Observation) -> bool:
    """A C call that never came back has no error, and its time was the processor's or the wall's."""
    return seen.error is not None and "CPU time" in seen.error.message
