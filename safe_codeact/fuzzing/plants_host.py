"""Holes in the host: budgets, conditions, what it believes, what it starts workers with; and lines in the filters."""

from __future__ import annotations

import os
import platform
import struct
import sys
from dataclasses import replace
from typing import Any

from safe_codeact.fuzzing.holes import Hole, exchange

_INSTRUCTION = struct.Struct("<HBBI")  # struct sock_filter
_LOAD_NUMBER = _INSTRUCTION.pack(0x20, 0, 0, 0)  # seccomp_data.nr
_ALLOW = _INSTRUCTION.pack(0x06, 0, 0, 0x7FFF0000)


def _allowing(*calls: str) -> None:
    """These calls pass every filter: three instructions before each program, for each."""
    from safe_codeact.confine import protections, syscalls

    machine = platform.machine()
    table = {line.name: line.number(machine) for line in (*syscalls.DENIED, *syscalls.WORKSPACE, *syscalls.BASE)}
    before = b""
    for name in calls:
        number = table[name]
        if number is not None:
            before += _LOAD_NUMBER + _INSTRUCTION.pack(0x15, 0, 1, number) + _ALLOW
    shipped = protections.read_programs

    def read_programs(names: tuple[str, ...]) -> tuple[bytes, ...]:
        return tuple(before + program for program in shipped(names))

    exchange(protections, "read_programs", read_programs)
    zygote = sys.modules.get("safe_codeact.guest.zygote")
    if zygote is None and "safe_codeact.runtime" not in sys.modules:  # the guest's side: it is imported next
        from safe_codeact.guest import zygote as imported

        zygote = imported
    if zygote is not None:
        zygote.read_programs = read_programs  # type: ignore[attr-defined]


def _environment_passed_on() -> None:
    from safe_codeact.host import zygote

    made = zygote._environment
    exchange(zygote, "_environment", lambda cache: {**os.environ, **made(cache)})


def _lines_read_as(**changes: Any) -> None:
    """Every line about a tool is read as if it said something else."""
    from safe_codeact.host import toolbox

    asked = toolbox.rule_for

    def rule_for(policy: Any, name: str) -> Any:
        rule = asked(policy, name)
        return rule and replace(rule, **changes)

    exchange(toolbox, "rule_for", rule_for)


def _denied_tool_offered() -> None:
    from safe_codeact.host import toolbox
    from safe_codeact.policy.effective import ToolRule

    asked = toolbox.rule_for
    exchange(toolbox, "rule_for", lambda policy, name: asked(policy, name) or ToolRule(name=name))


def _arguments_not_checked() -> None:
    from safe_codeact.host import tool

    exchange(tool.Tool, "_validated", lambda self, name, given: given)


def _bad_end_changes_state() -> None:
    from safe_codeact import session

    run = session.Session.run

    def forgetful(self: Any, source: str, **more: Any) -> Any:
        observation = run(self, source, **more)
        if observation.outcome.value in ("refused", "forbidden_syscall", "crashed"):
            run(self, "kept = None")
        return observation

    exchange(session.Session, "run", forgetful)


def _violations_raise() -> None:
    from safe_codeact import session

    run = session.Session.run

    def raising(self: Any, source: str, **more: Any) -> Any:
        observation = run(self, source, **more)
        if observation.outcome.value == "broke_protocol":
            raise ValueError("the worker broke the protocol")
        return observation

    exchange(session.Session, "run", raising)


HOLES: tuple[Hole, ...] = (
    Hole(name="the filter allows sockets", target="kernel", sides=("host", "guest"), make=lambda: _allowing("socket", "connect", "sendto")),
    Hole(name="the filter allows changing modes by path", target="kernel", sides=("host", "guest"), make=lambda: _allowing("chmod", "fchmodat", "utimensat", "chown")),
    Hole(name="the host's environment reaches the zygote", target="kernel", sides=("host",), make=_environment_passed_on),
    Hole(name="calls of tools are not counted", target="combined", sides=("host",), make=lambda: _lines_read_as(max_calls=10**6)),
    Hole(name="a tool's condition is not asked", target="combined", sides=("host",), make=lambda: _lines_read_as(when=None)),
    Hole(name="nobody is asked for approval", target="combined", sides=("host",), make=lambda: _lines_read_as(approval="never")),
    Hole(name="a tool that is denied is offered", target="combined", sides=("host",), make=_denied_tool_offered, sample=True),
    Hole(name="arguments of tools are not checked", target="combined", sides=("host",), make=_arguments_not_checked),
    Hole(name="an action that ends badly changes the state", target="unchanged", sides=("host",), make=_bad_end_changes_state),
    Hole(name="a breach of protocol raises in the host", target="kernel", sides=("host",), make=_violations_raise),
)  # fmt: skip
