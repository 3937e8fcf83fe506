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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_codeact import Observation, Policy, Runtime
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.load import in_one_line
from safe_codeact.policy.parts import importable

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
        lines.append(f"limits: {in_one_line(limits)}")
        note = f" # for {self.workspace_place}" if self.workspace_place else ""
        return "\n".join([*lines, f"filesystem: {in_one_line(values['filesystem'])}{note}"])

    def unused(self, policy: Policy) -> list[str]:
        """The modules with a line in a policy that no program needed."""
        return [
            rule.module for rule in policy.language.imports if not importable([rule.module]).intersection(self.modules)
        ]


def learn(programs: Sequence[tuple[str, str]]) -> Lesson:
    """Runs each program (name, source) until nothing more can be granted to it."""
    lesson = Lesson()
    for name, source in programs:
        for _ in range(_MOST_RUNS):
            with Runtime(Policy.from_dict(lesson.values()), standby=1) as runtime, runtime.session() as session:
                observation = session.run(source)
            if not _grant(lesson, name, observation):
                break
        lesson.endings[name] = _ending(observation)
        usage = observation.usage
        lesson.wall_seconds = max(lesson.wall_seconds, usage.wall_seconds)
        lesson.cpu_seconds = max(lesson.cpu_seconds, usage.cpu_seconds)
        lesson.memory_bytes = max(lesson.memory_bytes, usage.peak_memory_bytes)
    return lesson


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
