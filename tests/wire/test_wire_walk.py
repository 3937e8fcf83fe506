"""Random walks through a conversation beside a small model: a phase, the last call's number, the calls that wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from wire_samples import EXPECTED, FINISHED, HOST_MESSAGES, REFUSED, REPORT, REQUESTS, WORKER_MESSAGES
from wire_strategies import QUICK

from safe_codeact.wire import messages as m
from safe_codeact.wire.conversation import MAX_OUTSTANDING, Conversation, Phase
from safe_codeact.wire.encode import frame
from safe_codeact.wire.violation import ProtocolViolation


class Walk(RuleBasedStateMachine):
    """Honest and hostile steps mixed; after the first hostile one everything is refused."""

    @initialize()
    def start(self) -> None:
        self.conversation = Conversation(output_limit=1_000, call_limit=30)
        self.phase = Phase.STARTING
        self.last = 0
        self.waiting: set[int] = set()
        self.printed = 0
        self.dead = False

    def _hear(self, message: Any, is_allowed: bool, after: Phase) -> None:
        data = frame(message)
        cut = len(data) // 2
        if self.dead or not is_allowed:
            with pytest.raises(ProtocolViolation):
                self.conversation.receive(data)
            self.dead = True
        else:
            assert self.conversation.receive(data[:cut]) == []
            assert self.conversation.receive(data[cut:]) == [message]
            self.phase = after

    @rule(kind=st.sampled_from([m.Ready, m.Assigned, m.Described, m.Fetched, m.Display]))
    def hear_simple(self, kind: type) -> None:
        after = {m.Ready: Phase.STANDING_BY, m.Display: Phase.RUNNING}.get(kind, Phase.DONE)
        self._hear(WORKER_MESSAGES[kind], kind in EXPECTED[self.phase], after)

    @rule(refused=st.booleans(), needs=st.sampled_from([[], ["pandas"]]))
    def hear_judged(self, refused: bool, needs: list[str]) -> None:
        after = Phase.DONE if refused or needs else Phase.RUNNING
        self._hear(m.Judged(REFUSED if refused else REPORT, needs), self.phase is Phase.JUDGING, after)

    @rule(size=st.integers(1, 400))
    def hear_output(self, size: int) -> None:
        is_allowed = self.phase is Phase.RUNNING and self.printed + size <= 1_000
        self._hear(m.Output("stdout", "x" * size), is_allowed, Phase.RUNNING)
        self.printed += size

    @rule(
        step=st.sampled_from([1, 1, 1, 1, 0, 2]), name=st.sampled_from(["search", "search", "rate", "rate", "refund"])
    )
    def hear_call(self, step: int, name: str) -> None:
        number = max(1, self.last + step)
        is_allowed = (
            self.phase is Phase.RUNNING
            and number == self.last + 1 <= 30
            and len(self.waiting) < MAX_OUTSTANDING
            and name != "refund"
        )
        self._hear(m.ToolCall(number, name, [], {}), is_allowed, Phase.RUNNING)
        if not self.dead:
            self.last = number
            self.waiting.add(number)

    @rule()
    def hear_finished(self) -> None:
        self._hear(FINISHED, self.phase is Phase.RUNNING and not self.waiting, Phase.DONE)

    @rule(kind=st.sampled_from(list(HOST_MESSAGES)))
    def say(self, kind: type) -> None:
        after = {request: phase for phase, request in REQUESTS.items()}.get(kind)
        if kind is m.ToolReply:
            return
        if self.phase is Phase.STANDING_BY and after is not None:
            self.conversation.send(HOST_MESSAGES[kind])
            self.phase = after
        else:
            with pytest.raises(RuntimeError):
                self.conversation.send(HOST_MESSAGES[kind])

    @precondition(lambda self: self.phase is Phase.RUNNING)
    @rule(number=st.integers(1, 5))
    def say_reply(self, number: int) -> None:
        if number in self.waiting:
            self.conversation.send(m.ToolReply(number, None))
            self.waiting.remove(number)
        else:
            with pytest.raises(RuntimeError):
                self.conversation.send(m.ToolReply(number, None))

    @precondition(lambda self: self.phase is Phase.STARTING)
    @rule()
    def get_going(self) -> None:
        self.hear_simple(m.Ready)
        if not self.dead:
            self.say(m.Execute)
            self.hear_judged(False, [])

    @invariant()
    def agrees_with_the_model(self) -> None:
        if hasattr(self, "conversation"):
            if not self.dead:
                assert self.conversation.phase is self.phase
                assert self.conversation.output_bytes == self.printed
            assert self.conversation.outstanding == self.waiting
            assert len(self.waiting) <= MAX_OUTSTANDING


TestWalk = Walk.TestCase
TestWalk.settings = settings(QUICK, max_examples=60, stateful_step_count=40)
