"""A run as one line of JSON: to be read by people, and taken by code that fine-tunes models.

A file holds a run in each line (JSONL, UTF-8); writing appends. The fields of a line:

    format         "safe-codeact-trajectory/1"
    id             random, 16 hexadecimal digits
    conversations  the run as CodeActInstruct has it: {"role": "system" | "user" | "assistant", "content": text}, each action
                   as its thought and <execute>…</execute>, each answer in <solution>…</solution>, whatever the
                   model's own format was; never folded
    steps          one for each message of the assistant, in order: turn, kind ("action", "answer", "returned"), format (as
                   the model wrote it), thought, source, text, reason, hint, and of an action the observation:
                   `Observation.to_dict()`, but artifacts by media type, size and SHA-256, without their bytes, and tool calls
                   with their replies as a trail has them (`trail.forms`): without what the policy redacts
    folds          where the context was folded: before which turn, what was cut and left out, the note that the model saw
    task, model, policy {name, digest}
    answer, stopped_by, turns, usage, spent

To train on good runs only, take those with `stopped_by` "answer" and no step of kind "returned". What is not JSON (bytes,
numbers that are none) is text here. A trajectory holds what the model was shown and what tools returned, the user's data
included: the file is made for its owner alone. Keys of the endpoint are never part of a run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.context import OBSERVATION_PREFIX, observation_text
from safe_codeact.agent.prompt import EXAMPLE

if TYPE_CHECKING:
    from safe_codeact import Artifact, Observation
    from safe_codeact.agent.events import AgentResult, Step

FORMAT = "safe-codeact-trajectory/1"
_REQUIRED = ("id", "conversations", "steps", "stopped_by", "policy")


def trajectory_of(result: AgentResult) -> dict[str, Any]:
    """The fields of one line, as plain data."""
    setting = result.setting
    made = {
        "format": FORMAT,
        "id": secrets.token_hex(8),
        "task": setting.task,
        "model": setting.model,
        "policy": {"name": setting.policy, "digest": setting.policy_digest},
        "answer": result.answer,
        "stopped_by": result.stopped_by,
        "turns": result.turns,
        "conversations": _conversation(result),
        "steps": [_step(step) for step in result.steps],
        "folds": [{"turn": turn, **dataclasses.asdict(fold)} for turn, fold in result.folds],
        "usage": dataclasses.asdict(result.usage),
        "spent": dataclasses.asdict(result.spent),
    }
    plain: dict[str, Any] = _plain(made)
    return plain


def write_trajectory(result: AgentResult, path: str | os.PathLike[str]) -> None:
    """Appends the run to the file, made for its owner alone where it is missing. Raises `OSError`."""
    line = json.dumps(trajectory_of(result), ensure_ascii=False, allow_nan=False) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "ab", buffering=0) as file:
        # Half a surrogate pair becomes \udXXX, which is how JSON writes it.
        data = memoryview(line.encode("utf-8", "backslashreplace"))
        while data:
            data = data[file.write(data) :]


def read_trajectories(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The runs of a file, one after the other. Raises `OSError`, and `ValueError` for a line that is no run."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                run = json.loads(line)
            except (ValueError, RecursionError):
                run = None
            given = run.get("format") if isinstance(run, dict) else None
            if given != FORMAT or any(name not in run for name in _REQUIRED):
                raise ValueError(
                    f'{os.fspath(path)}:{number}: is no run: expected a JSON object with "format": {FORMAT!r} and '
                    f"{', '.join(_REQUIRED)}; got {given!r}. A file that was cut off has its last line unfinished."
                )
            yield run


def readable(run: Mapping[str, Any]) -> str:
    """A run for a person: its task, each turn with code and observation, and how it ended. Foreign text is not escaped."""
    policy = run["policy"]
    parts = [
        f"task: {run.get('task', '')}",
        f"model: {run.get('model', '')}   policy: {policy['name']} {policy['digest'][:12]}",
    ]
    for step in run["steps"]:
        parts.append(f"\n── turn {step['turn']}: {step['kind']} ({step['format']})")
        parts.extend(step[name] for name in ("thought", "source", "text", "reason") if step[name])
        seen = step["observation"]
        if seen is not None:
            parts.append(f"── {seen['outcome']}\n{seen['text']}")
    spent = run.get("spent", {})
    cost = f"{run.get('turns')} turns, {spent.get('tokens')} tokens, {spent.get('seconds', 0.0):.1f} s"
    parts.append(f"\n── ended by {run['stopped_by']} after {cost}\n{run.get('answer')}")
    return "\n".join(parts) + "\n"


def _conversation(result: AgentResult) -> list[dict[str, str]]:
    system, task = result.messages[:2]
    shown = str(system["content"]).replace(EXAMPLE, "<execute>\n# code\n</execute>")
    said = [{"role": "system", "content": shown}, {"role": "user", "content": str(task["content"])}]
    for step in result.steps:
        said.append({"role": "assistant", "content": _said(step)})
        if step.kind == "returned":
            said.append({"role": "user", "content": step.reason})
        if step.observation is not None:
            hint = f"\n\n{step.hint}" if step.hint else ""
            said.append({"role": "user", "content": OBSERVATION_PREFIX + observation_text(step.observation) + hint})
    return said


def _said(step: Step) -> str:
    if step.kind == "returned":
        return step.text
    marked = f"<execute>\n{step.source}\n</execute>" if step.kind == "action" else f"<solution>{step.text}</solution>"
    return "\n".join(part for part in (step.thought, marked) if part)


def _step(step: Step) -> dict[str, Any]:
    fields = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return fields | {"observation": None if step.observation is None else _observation(step.observation)}


def _observation(observation: Observation) -> dict[str, Any]:
    plain = dataclasses.replace(observation, artifacts=()).to_dict()
    calls = zip(plain["tool_calls"], observation.tool_calls, strict=True)
    return plain | {
        "artifacts": [_artifact(artifact) for artifact in observation.artifacts],
        "tool_calls": [call | {"reply": record.reply} for call, record in calls],
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "media_type": artifact.media_type,
        "bytes": len(artifact.data),
        "sha256": hashlib.sha256(artifact.data).hexdigest(),
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        # Python refuses to write or to read longer ones as text.
        return value if value.bit_length() < 10_000 else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else repr(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return repr(value)
