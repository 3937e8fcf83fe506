"""Recordings from the runs of an agent. A trajectory names its policy and does not hold it, nor what was read of clocks and chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_codeact.agent.trajectory import read_trajectories
from safe_codeact.errors import InvalidPolicy, TrailError
from safe_codeact.policy.effective import Policy
from safe_codeact.replay.recording import Act, HostStep, Recording, Reply
from safe_codeact.replay.trails import reply_of

_ANY = "(*args, **kwargs)"


def recordings(path: str, policy: Policy | None = None) -> list[Recording]:
    """One for each run. Raises `TrailError`, `InvalidPolicy`."""
    try:
        runs = list(read_trajectories(path))
    except (OSError, ValueError) as error:
        raise TrailError(str(error)) from None
    try:
        return [_recording(run, number, policy) for number, run in enumerate(runs, start=1)]
    except (KeyError, TypeError, AttributeError) as error:
        raise TrailError(f"{path}: a run lacks what a trajectory has: {error}") from None


def _recording(run: Mapping[str, Any], number: int, policy: Policy | None) -> Recording:
    steps: list[Act | HostStep] = []
    tools: dict[str, None] = {}
    for step in run["steps"]:
        observation = step["observation"]
        if observation is None:
            continue
        calls = observation["tool_calls"]
        tools |= dict.fromkeys(call["name"] for call in calls)
        steps.append(
            Act(
                place=f"run {number}, turn {step['turn']}",
                session=str(run["id"]),
                source=step["source"],
                expected=observation,
                replies={place: _reply(call) for place, call in enumerate(calls, start=1)},
            )
        )
    return Recording(
        name=f"run {number} ({run['id']})",
        policy=(own := policy if policy is not None else _policy(run["policy"])),
        is_own_policy=own.digest == run["policy"]["digest"],
        tools=[{"name": name, "signature": _ANY, "description": "", "is_async": False} for name in tools],
        steps=steps,
    )


def _reply(call: Mapping[str, Any]) -> Reply:
    if "reply" not in call:  # of an older version
        return Reply(tool=call["name"], outcome=call["outcome"], why="the trajectory has no results of tools")
    return reply_of(call["name"], None, call["outcome"], call["reply"])


def _policy(about: Mapping[str, Any]) -> Policy:
    """A shipped one, where it is still what it was."""
    try:
        policy = Policy.load(about["name"])
    except InvalidPolicy:
        policy = None
    if policy is None or policy.digest != about["digest"]:
        raise InvalidPolicy(
            f"the run was made under policy {about['name']!r} (digest {str(about['digest'])[:16]}…), which a trajectory does "
            "not hold: name its file with --policy"
        )
    return policy
