"""The steps of a target are the rules of a state machine, too: the same table, each step picked knowing the ones before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from safe_codeact.fuzzing import sessions
from safe_codeact.fuzzing.steps import machine

FEW = hypothesis.settings(
    max_examples=3, stateful_step_count=8, deadline=None, database=None, derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip


def test_real_sessions_agree_with_their_model_as_a_state_machine() -> None:
    with sessions.opened() as world:

        @contextlib.contextmanager
        def fresh() -> Iterator[sessions.World]:
            with world.beginning():
                yield world

        run_state_machine_as_test(machine(sessions.STEPS, fresh), settings=FEW)
