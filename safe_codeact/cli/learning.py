"""The smallest policy under which programs run, found by running them: confined, and granted one need after the other.

Each program runs under a policy that grants what was needed so far, in workers that the kernel holds as ever. What it is
refused says what it needs: a finding of the gate, or an exception that names a module or the workspace. It runs again with
that until it ends, or until it asks for nothing that a policy file could grant. What doesn't work: collecting import
statements, because `from matplotlib import pyplot` does not say that pyplot is a module. What still gets through: a path that
these runs did not take. A grant is a proposal for a reviewer; it is made because a program asked, not because it is wise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_codeact import Observation, Outcome, Policy
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.load import in_one_line
from safe_codeact.policy.parts import importable
from safe_codeact.replay.player import perform, stage
from safe_codeact.replay.recording import Act, Recording

_MOST_RUNS = 25  # of one program
_ROOM = 3  # times what was used is what a limit is proposed at
_NOT_AVAILABLE = re.compile(r"the module `([\w.]+)` is not available")
_NO_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")
_NO_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
# What a refusal says of the workspace, and what takes it away.
_WORKSPACE_NEEDED = {"(filesystem.workspace: none)": "ro", "workspace is read only": "rw"}


@dataclass(slots=True)
class Lesson:
    """What the programs needed so far, with the first place that did, and how each of them ended."""

    modules: dict[str, str] = field(default_factory=dict)
    workspace: str = "none"
    workspace_place: str = ""
    tools: dict[str, tuple[str, int]] = field(default_factory=dict)  # the first place that called it; calls per action
    vain: set[str] = field(
        default_factory=set
    )  # modules that were granted and did not help: there are none of that name
    endings: dict[str, str] = field(default_factory=dict)  # program → why it did not complete, or nothing
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0

    def values(self) -> dict[str, Any]:
        """The proposal, with the keys of a policy file."""
        lines = [
            {"module": module, **({"facade": True} if module in CURATED else {}), "why": f"first needed by {place}"}
            for module, place in self.modules.items()
        ]
        return {
            "version": 1,
            "name": "learned",
            "language": {"imports": lines},
            "tools": {
                name: {"why": f"first called by {place}", "max_calls": most}
                for name, (place, most) in self.tools.items()
            },
            "filesystem": {"workspace": self.workspace},
        }

    def proposal(self) -> str:
        """The policy file to review, with limits at three times what the runs used."""
        limits = {
            "wall_seconds": max(5, math.ceil(_ROOM * self.wall_seconds)),
            "cpu_seconds": max(5, math.ceil(_ROOM * self.cpu_seconds)),
            "memory_mb": max(128, math.ceil(_ROOM * self.memory_bytes / 2**20)),
        }
        values = self.values()
        lines = [
            "# Proposed from runs, for a reviewer: a path that they did not take is not in it.",
            "version: 1",
            "name: learned",
        ]
        if self.modules:
            lines += ["language:", "  imports:"]
            lines += [f"    - {in_one_line(line)}" for line in values["language"]["imports"]]
        if self.tools:
            lines.append("tools:")
            lines += [f"  {name}: {in_one_line(line)}" for name, line in values["tools"].items()]
        lines.append(f"limits: {in_one_line(limits)}")
        note = f" # for {self.workspace_place}" if self.workspace_place else ""
        return "\n".join([*lines, f"filesystem: {in_one_line(values['filesystem'])}{note}"])

    def unused(self, policy: Policy) -> list[str]:
        """What a policy grants and no program needed: modules, tools with a line of their own, the workspace."""
        idle = [
            rule.module for rule in policy.language.imports if not importable([rule.module]).intersection(self.modules)
        ]
        idle += [
            f"tools.{rule.name}"
            for rule in policy.tools
            if rule.name != "*" and not rule.deny and rule.name not in self.tools
        ]
        if _ROOMS.index(policy.filesystem.workspace) > _ROOMS.index(self.workspace):
            idle.append(f"filesystem.workspace: {policy.filesystem.workspace}")
        return idle


_ROOMS = ("none", "ro", "rw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Actions of one session, with what tools answered, and the name that places are told by."""

    name: str
    acts: Sequence[Act]
    tools: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of_source(cls, name: str, source: str) -> Program:
        """One file."""
        return cls(name=name, acts=[Act(place=name, session="", source=source, expected=None)])

    @classmethod
    def of_recording(cls, name: str, recording: Recording) -> list[Program]:
        """One for each session that ran anything. What was refused then is no reason to grant it now."""
        sessions: dict[str, list[Act]] = {}
        for step in recording.steps:
            if isinstance(step, Act) and step.expected is not None and step.expected["outcome"] != "refused":
                sessions.setdefault(step.session, []).append(step)
        return [
            cls(name=f"{name}, session {session}", acts=acts, tools=recording.tools)
            for session, acts in sessions.items()
        ]


def learn(programs: Sequence[Program], files: Mapping[str, bytes] | None = None) -> Lesson:
    """Runs each program until nothing more can be granted to it. `files` lie in its workspace, where it has one."""
    lesson = Lesson()
    for program in programs:
        for _ in range(_MOST_RUNS):
            seen = list(_run(program, lesson, files or {}))
            if not sum(_grant(lesson, act.place, observation) for act, observation in seen):
                break
        unfinished = [each for _act, each in seen if each.outcome is not Outcome.completed]
        lesson.endings[program.name] = _ending(unfinished[0]) if unfinished else ""
        for _act, each in seen:
            lesson.wall_seconds = max(lesson.wall_seconds, each.usage.wall_seconds)
            lesson.cpu_seconds = max(lesson.cpu_seconds, each.usage.cpu_seconds)
            lesson.memory_bytes = max(lesson.memory_bytes, each.usage.peak_memory_bytes)
    return lesson


def _run(program: Program, lesson: Lesson, files: Mapping[str, bytes]) -> Iterator[tuple[Act, Observation]]:
    policy = Policy.from_dict(lesson.values())
    with stage(Recording(name=program.name, policy=policy, tools=program.tools, steps=())) as (runtime, prompter):
        session = runtime.session()
        for path, content in files.items() if lesson.workspace != "none" else ():
            session.files.write(path, content)
        for act in program.acts:
            observation = perform(session, act, prompter)
            for name in dict.fromkeys(prompter.heard):
                place, most = lesson.tools.get(name, (act.place, 1))
                lesson.tools[name] = (place, max(most, prompter.heard.count(name)))
            yield act, observation


def _grant(lesson: Lesson, name: str, observation: Observation) -> bool:
    """Adds what the observation asks for. False where that is nothing new."""
    changed = False
    for module, place in _modules(name, observation):
        if module in lesson.modules:
            del lesson.modules[module]
            lesson.vain.add(module)
            changed = True
        elif module not in lesson.vain:
            lesson.modules[module] = place
            changed = True
    error = observation.error
    for said, workspace in _WORKSPACE_NEEDED.items() if error is not None else ():
        if error is not None and said in error.message and lesson.workspace != workspace:
            lesson.workspace, lesson.workspace_place = workspace, f"{name}:{error.line}"
            changed = True
    return changed


def _modules(name: str, observation: Observation) -> Iterator[tuple[str, str]]:
    """The modules that a refusal names, each once. Private ones no policy can grant."""
    found: dict[str, int | None] = {}
    for finding in observation.findings:
        found |= dict.fromkeys(_NOT_AVAILABLE.findall(finding.message), finding.line)
    error = observation.error
    if error is not None and error.type in ("ImportError", "ModuleNotFoundError"):
        found |= {f"{package}.{part}": error.line for part, package in _NO_NAME.findall(error.message)}
        found |= dict.fromkeys(_NO_MODULE.findall(error.message), error.line)
    if error is not None and error.type == "AttributeError":
        found |= {f"{package}.{part}": error.line for package, part in _NO_ATTRIBUTE.findall(error.message)}
    for module, line in found.items():
        if not any(part.startswith("_") for part in module.split(".")):
            yield module, f"{name}:{line}"


def _ending(observation: Observation) -> str:
    if observation.outcome.value == "completed":
        return ""
    if observation.error is not None:
        return f"{observation.outcome.value}: {observation.error.type}: {observation.error.message}"
    found = observation.findings[0].message if observation.findings else ""
    return f"{observation.outcome.value}: {found}".rstrip(": ")
