"""Recordings from a trail: one for each runtime that wrote it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from safe_codeact.errors import TrailError
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.load import load_policy
from safe_codeact.replay.recording import Act, Doing, HostStep, Recording, Reply
from safe_codeact.trail.forms import value_of
from safe_codeact.trail.reading import records

_MOST_READINGS = 10_000  # the wire carries no more
_SEED = re.compile(r"(?:[0-9a-f]{64})?")
_CHANGES: dict[str, Doing] = {doing: doing for doing in get_args(Doing)}


def recordings(path: str | os.PathLike[str], policy: Policy | None = None) -> list[Recording]:
    """In the order of the file; under the policies that it holds, or under another one. Raises `TrailError`, `InvalidPolicy`."""
    everything = list(records(path))
    try:
        return [_recording(record, everything, policy) for record in everything if record["kind"] == "runtime"]
    except (KeyError, TypeError, AttributeError) as error:
        raise TrailError(
            f"{os.fspath(path)}: a record lacks a field of its kind, or has another one's: {error}"
        ) from None


def _recording(runtime: Mapping[str, Any], everything: list[dict[str, Any]], policy: Policy | None) -> Recording:
    mine = [each for each in everything if each.get("runtime") == runtime["runtime"]]
    replies = _replies(everything)
    observed = {each["action"]: each for each in everything if each["kind"] == "observation"}
    about = runtime["policy"]
    own = policy if policy is not None else _confining(load_policy(_Text(f"{about['name']}.yaml", about["text"])))
    return Recording(
        name=f"runtime {runtime['runtime'][:6]}",
        policy=own,
        is_own_policy=own.digest == about["digest"],
        tools=runtime["tools"],
        steps=list(_steps(mine, observed, replies)),
    )


def _confining(policy: Policy) -> Policy:
    """Threat: the file comes from somewhere else, and brings the policy that its own code is to run under. Whatever that
    grants, the kernel layer is around it; without one, the file would be a program that a reader of records starts."""
    isolation = policy.isolation
    if (isolation.seccomp, isolation.landlock) != ("required", "required"):
        raise TrailError(
            f"the policy {policy.name!r} of the record does not require seccomp and landlock, and its actions would run without: "
            "name the policy to replay under with --policy"
        )
    return policy


@dataclass(frozen=True, slots=True)
class _Text:
    """A policy's text, as `load_policy` takes it. It has no `extends` and names no file: it is the effective one."""

    name: str
    text: str

    def read_text(self) -> str:
        return self.text


def _steps(
    mine: list[dict[str, Any]], observed: Mapping[int, Mapping[str, Any]], replies: Mapping[int, Mapping[int, Reply]]
) -> Iterator[Act | HostStep]:
    resumed: dict[str, dict[int, Reply]] = {}  # by the name of an action that was put aside: what it had heard so far
    for record in mine:
        place, session = f"record {record['n']}", record.get("session", "")
        if record["kind"] == "session" and record["resumed"]:
            yield HostStep(place=place, session=session, what="resumed")
        elif record["kind"] == "change":
            doing = _CHANGES.get(record["what"], "unknown")
            yield HostStep(place=place, session=session, what=doing, fields=record)
        elif record["kind"] == "action":
            heard = resumed.setdefault(record.get("id") or place, {})
            heard.update(replies.get(record["n"], {}))
            yield _act(record, place, observed.get(record["n"]), dict(heard))


def _act(
    record: Mapping[str, Any], place: str, observation: Mapping[str, Any] | None, replies: Mapping[int, Reply]
) -> Act | HostStep:
    source = record["source"]
    if not isinstance(source, str):  # too long to be kept whole: it never reached a worker
        return HostStep(place=place, session=record["session"], what="checkpoint", fields={"checkpoint": place})
    session, seconds = record["session"], record.get("seconds")
    seed, readings = _chance(observation or {})
    return Act(
        place=place, session=session, source=source, expected=observation, replies=replies, seconds=seconds,
        seed=seed, readings=readings,
    )  # fmt: skip


def _chance(observation: Mapping[str, Any]) -> tuple[bytes, list[float]]:
    """The seed and the readings of clocks, where the record has them: an older one does not. Raises `TypeError`."""
    seed, kept = observation.get("seed") or "", observation.get("readings")
    readings = kept[:_MOST_READINGS] if isinstance(kept, list) else []
    if not _SEED.fullmatch(seed) or not all(type(each) in (int, float) and abs(each) < 2**63 for each in readings):
        raise TypeError("seed and readings are 32 bytes in hex, and numbers of 64 bits")
    return bytes.fromhex(seed), readings


def _replies(everything: list[dict[str, Any]]) -> dict[int, dict[int, Reply]]:
    """By the number of the action's record, and by the number of the call, in the order of the answers."""
    found: dict[int, dict[int, Reply]] = {}
    calls = {(each["action"], each["call"]): each for each in everything if each["kind"] == "call"}
    answers = {(each["action"], each["call"]): each for each in everything if each["kind"] == "reply"}
    for action, number in [*answers, *(each for each in calls if each not in answers)]:
        found.setdefault(action, {})[number] = _reply(calls[action, number], answers.get((action, number)))
    return found


def _reply(call: Mapping[str, Any], answer: Mapping[str, Any] | None) -> Reply:
    tool, given = call["tool"], call["given"]
    if answer is None:
        return Reply(tool=tool, given=given, why="the call was never answered")
    return reply_of(tool, given, answer["outcome"], answer)


def reply_of(tool: str, given: str | None, outcome: str, answer: Mapping[str, Any]) -> Reply:
    """From what `entry.told` wrote of it."""
    error = answer.get("error")
    if error is not None:
        if not isinstance(error["message"], str):
            return Reply(tool=tool, given=given, outcome=outcome, why="it was redacted, or cut")
        return Reply(tool=tool, given=given, known=True, error=(error["type"], error["message"]), outcome=outcome)
    if "result" not in answer:
        return Reply(tool=tool, given=given, outcome=outcome, why="it was redacted")
    try:
        value, is_record = value_of(answer["result"]), bool(answer.get("is_record"))
        return Reply(tool=tool, given=given, known=True, value=value, is_record=is_record, outcome=outcome)
    except ValueError:
        return Reply(tool=tool, given=given, outcome=outcome, why="it was too large to be kept")
