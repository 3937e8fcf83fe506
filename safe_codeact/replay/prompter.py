"""The tools of a replay: none is called, each call gets the reply that the record has of it.

Calls are found by their number and compared by tool and arguments. One that the record does not have, or has without a reply,
gets an error that no tool gives; what its session shows from there on says nothing, and `missing` says why.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from safe_codeact.host.toolbox import Calls, Toolbox
from safe_codeact.observation import ToolRecord
from safe_codeact.policy.effective import Policy
from safe_codeact.replay.recording import Act, Reply
from safe_codeact.trail.entry import digest_of
from safe_codeact.wire import messages

_ERROR = "ToolError"


class Prompter(Toolbox):
    """Stands where a runtime's toolbox does. `expect` says what the next action was told."""

    def __init__(self, policy: Policy, tools: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(policy, (), None)
        self.stubs = [
            messages.ToolStub(
                name=tool["name"],
                signature=tool["signature"],
                description=tool["description"],
                is_async=tool["is_async"],
            )
            for tool in tools
        ]
        self._replies: Mapping[int, Reply] = {}
        self._is_seeded = False
        self._order: list[int] = []  # of answers that are still to come
        self._held: dict[int, Callable[[], None]] = {}
        self.heard: list[str] = []  # the tools that the action called, in order
        self.differing: list[str] = []  # calls that are not those of the record
        self.missing = ""  # why a reply could not be given

    def expect(self, act: Act) -> None:
        """Before each action."""
        self._replies, self.heard, self.differing, self.missing = act.replies, [], [], ""
        self._order, self._held = list(act.replies), {}
        self._is_seeded = bool(act.seed)

    @property
    def may_wait(self) -> bool:
        """Whether the action is to have recorded clocks and randomness. Nobody is asked anything here."""
        return self._is_seeded

    def hold(self, call: int, answer: Callable[[], None]) -> None:
        """Until its turn: answers come in the order of the record, since which of two tasks is woken first decides what both
        do next."""
        if call not in self._order:
            self._order.insert(0, call)
        self._held[call] = answer

    def release(self) -> None:
        """Whose turn has come."""
        while self._order and self._order[0] in self._held:
            self._held.pop(self._order.pop(0))()

    def session(self, *arguments: Any, **named: Any) -> Calls:
        """See `Toolbox.session`: a copy of its calls that answers from the record."""
        answers = copy.copy(super().session(*arguments, **named))
        answers.__class__ = _Answers
        assert isinstance(answers, _Answers)
        answers.prompter = self
        return answers

    def reply_to(self, call: messages.ToolCall) -> tuple[messages.ToolReply, str]:
        """The reply, and the outcome of the call."""
        self.heard.append(call.name)
        reply = self._replies.get(call.call)
        if reply is None:
            self.differing.append(f"call {call.call}, of {call.name}, is not in the record")
        elif reply.tool != call.name:
            self.differing.append(f"call {call.call} is of {call.name}, and was of {reply.tool}")
        elif reply.given is not None and reply.given != digest_of((call.args, call.kwargs)):
            self.differing.append(f"call {call.call}, of {call.name}, has other arguments")
        elif reply.known:
            kind, said = reply.error or ("", "")
            told = messages.ToolReply(
                call=call.call, value=reply.value, error_type=kind, error_message=said, is_record=reply.is_record
            )
            return told, reply.outcome
        else:
            self.missing = self.missing or f"the result of call {call.call}, of {call.name}, is not known: {reply.why}"
        return messages.ToolReply(call=call.call, error_type=_ERROR, error_message="no reply is recorded"), "rejected"


class _Answers(Calls):
    prompter: Prompter

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """Answers are there at once."""
        return False

    def begin(self, call: messages.ToolCall, seconds_left: float) -> Future[messages.ToolReply] | None:
        """`answer`, when its turn has come."""
        answered: Future[messages.ToolReply] = Future()
        self.prompter.hold(call.call, lambda: answered.set_result(self.answer(call, seconds_left)))
        return answered

    def begun(self) -> None:
        """Somebody waits for what `begin` gave."""
        self.prompter.release()

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """From the record."""
        reply, outcome = self.prompter.reply_to(call)
        self._records[call.call] = ToolRecord(name=call.name, arguments={}, outcome=outcome, seconds=0.0)
        return reply
