"""A real runtime under attack: its sessions, the world around it, and tools that know what may reach them.

What is judged is the outside, and the host itself: whether `run` raised, how long it took, what the observation holds. The
limits of the policy under test are made small (less than it asks for, never more), so that an action that uses up its
limits costs a second and not a minute.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from safe_codeact import Observation, Runtime, Session
from safe_codeact.fuzzing import Escape, Setting
from safe_codeact.fuzzing.oracles.outside import Outside
from safe_codeact.fuzzing.oracles.watched import Watched, deny, quietly, with_rules
from safe_codeact.policy.effective import Limits, Policy

_SMALL: Final = {
    "wall_seconds": 2.0, "cpu_seconds": 1.0, "memory_mb": 128, "output_kb": 64, "state_mb": 16, "workspace_mb": 8,
    "workspace_files": 64, "source_kb": 256, "tool_calls": 20,
}  # fmt: skip
_PATIENCE_SECONDS = 30.0  # for one action, everything included, on a busy machine
_LOOK_EVERY = 16  # examples between two looks at the processes: each reads all of /proc


def small(policy: Policy) -> Policy:
    """The policy with limits that are soon used up, and with the lines of our tools."""
    given = policy.limits
    limits = {name: min(most, getattr(given, name)) for name, most in _SMALL.items()}
    if any(rule.module in ("pandas", "matplotlib", "sympy") for rule in policy.language.imports):
        limits["memory_mb"] = min(256, given.memory_mb)
    limits["wall_seconds"] = min(3.0, given.wall_seconds)
    return with_rules(replace(policy, limits=Limits(**{**_as_dict(given), **limits})))


def _as_dict(limits: Limits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in Limits.__dataclass_fields__}


class Arena:
    """One runtime with everything around it. Made by `arena`."""

    def __init__(self, runtime: Runtime, outside: Outside, watched: Watched) -> None:
        self.runtime = runtime
        self.outside = outside
        self._watched = watched
        self._examples = 0
        self._sibling = runtime.session()
        self._sibling.run("private = '" + outside.token + "'")
        self._processes = 8  # zygote, the first of its process table, workers that stand by

    @property
    def is_gated(self) -> bool:
        """Whether the policy under test has a gate."""
        return self.runtime.policy.language.restricted

    def session(self) -> Session:
        """A new one."""
        return self.runtime.session()

    def act(self, session: Session, source: str) -> Observation:
        """One action, its text's placeholders filled. Raises `Escape` for what was seen."""
        self._watched.begin()
        began = time.monotonic()
        try:
            observation = session.run(self.outside.filled(source))
        except Exception as error:
            raise Escape(
                "session.run() does not raise for what an action does", f"{type(error).__name__}: {error}"
            ) from error
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise Escape("an action ends", f"it took more than {_PATIENCE_SECONDS} seconds")
        told = self.outside.told(json.dumps(observation.to_dict(), default=str), str(observation))
        for claim, seen in (
            ("the observation never holds a secret", told),
            ("tools get what their lines allow", self._watched.breach()),
            ("nothing outside a worker changes", self.outside.breach()),
        ):
            if seen:
                self.outside.renew()
                raise Escape(claim, seen)
        return observation

    def look_around(self) -> None:
        """After an example: what takes longer to look at, now and then. Raises `Escape`."""
        self._examples += 1
        if self._examples % _LOOK_EVERY == 0:
            seen = self.outside.left_running(self._processes)
            if seen:
                raise Escape("no process outlives its action", seen)
            if self._sibling.get("private") != self.outside.token:
                raise Escape("no session changes another one", "its variable is another")


@contextmanager
def arena(setting: Setting, policy: Policy | None = None, call_tools: bool = False) -> Iterator[Arena]:
    """Everything, and nothing is left of it."""
    watched = Watched(setting.tools, call_tools)
    with Outside() as outside, contextlib.ExitStack() as stack:
        made: Callable[[], Runtime] = lambda: Runtime(  # noqa: E731 - called once, with warnings off
            small(policy or setting.policy), tools=watched.tools, standby=1, approve=deny
        )
        runtime = stack.enter_context(quietly(made))
        outside.belong_to(runtime.worker_uid)
        yield Arena(runtime, outside, watched)
