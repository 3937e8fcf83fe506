"""A hostile worker at the other end of a real socket, against the host's own exchange, toolbox and observation.

The worker says its steps in one go, in whatever order and pieces; a small model of the conversation, written without a look
at the real one, tells whether the host should have heard a violation or an answer. Whatever the worker does, the exchange
comes back in time with bounded data, no tool runs that the policy does not let it run, and no descriptor stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from safe_codeact.errors import ToolWithheld
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.conversation_model import (
    CALL_LIMIT,
    DISPLAY_LIMIT,
    OUTPUT_LIMIT,
    REQUESTS,
    WEIGHT_LIMIT,
    Hostile,
    Model,
    examples,
)
from safe_codeact.fuzzing.wire_examples import MARK
from safe_codeact.host import exchange, observe
from safe_codeact.host.outcome import outcome_of
from safe_codeact.host.toolbox import Toolbox
from safe_codeact.host.worker import Worker
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.load import policy_from_dict
from safe_codeact.wire import messages as m
from safe_codeact.wire.conversation import Conversation
from safe_codeact.wire.encode import frame

_SECONDS: Final = 4.0  # an honest end is never that far away
_SHORT_SECONDS: Final = 0.15  # where the worker falls silent on purpose
_LATE_SECONDS: Final = 10.0  # past its deadline: the exchange hangs
_MAX_CALLS: Final = 6  # of each tool, by the policy
_TOOL_CALLS: Final = 10

_POLICY: Final[dict[str, Any]] = {
    "version": 1,
    "extends": "tools-only",
    "tools": {
        "double": {"why": "it is the test", "max_calls": _MAX_CALLS},
        "pay": {"why": "it is the test", "max_calls": _MAX_CALLS, "when": "amount <= 100"},
        "later": {"why": "it is the test", "max_calls": _MAX_CALLS},
        "secret": {"deny": True},
    },
    "limits": {"tool_calls": _TOOL_CALLS},
}


class _Log:
    """Which tools ran, with what; they run in threads."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, Any]] = []

    def double(self, n: int) -> int:
        """Twice a number."""
        self.ran.append(("double", n))
        return 2 * n

    def pay(self, amount: int) -> str:
        """Pay somebody."""
        self.ran.append(("pay", amount))
        return "paid"

    async def later(self, n: int) -> int:
        """The number, later."""
        self.ran.append(("later", n))
        await asyncio.sleep(0)
        return n

    def secret(self, n: int) -> int:
        """Withheld by the policy."""
        self.ran.append(("secret", n))
        return n


class _Exchange:
    """One exchange after the other, each with a socket of its own."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._log = _Log()
        log = self._log
        with warnings.catch_warnings(action="ignore", category=ToolWithheld):
            self.toolbox = Toolbox(policy, [log.double, log.pay, log.later, log.secret], None)

    def run(self, example: dict[str, Any]) -> Course:
        """One life of a worker. Raises `Escape`."""
        self._log.ran.clear()
        steps, request = example["steps"], example["request"]
        silent = any(step[0] == "silence" for step in steps)
        seconds = _SHORT_SECONDS if silent else _SECONDS
        hostile, model = Hostile(), Model(request)
        script = []
        for name, *arguments in steps:
            told, data = hostile.says(name, arguments)
            model.hear(told)
            model.is_gone |= name in ("close", "silence")
            script.append((name, data, sum(kind == "toolcall" for kind, _ in told)))
        before = _descriptors()
        transcript, late = self._held(example, script, seconds)
        if late > _LATE_SECONDS:
            raise Escape("the exchange did not come back in time", f"{late:.1f} s after its deadline")
        after = _descriptors()
        if after > before + 1:  # an event loop's or a crew's may be on its way out
            raise Escape("an exchange left descriptors open", f"{after} after {before}")
        self._judge(transcript, model, request, silent)
        return Course(alive=model.phase == "running" or model.verdict == "answer", classes=("defaults", "revival"))

    def _held(
        self, example: dict[str, Any], script: list[tuple[str, bytes, int]], seconds: float
    ) -> tuple[exchange.Transcript, float]:
        ours, theirs = socket.socketpair()
        conversation = Conversation(
            output_limit=OUTPUT_LIMIT,
            display_limit=DISPLAY_LIMIT,
            call_limit=CALL_LIMIT,
            call_weight_limit=WEIGHT_LIMIT,
        )
        conversation.receive(frame(m.Ready({})))
        worker = Worker(ours, conversation, Path("/nonexistent"))
        worker.exited.set_result(m.Exited(pid=2, status=9, cpu_seconds=0.0, peak_memory_bytes=0))
        thread = threading.Thread(target=_speak, args=(theirs, script), name="a hostile worker")
        thread.start()
        began = time.monotonic()
        request = REQUESTS[example["request"]][0](list(self.toolbox.stubs))
        bounds, calls = exchange.Bounds(seconds), self.toolbox.session()
        try:
            if example["async"]:
                transcript = asyncio.run(exchange.converse_async(worker, request, [], bounds, calls))
            else:
                transcript = exchange.converse(worker, request, [], bounds, calls)
        except Exception as error:
            raise Escape("the exchange raised", f"{type(error).__name__}: {error}") from error
        finally:
            worker.end()
            thread.join()
        self.records = calls.records
        return transcript, time.monotonic() - began - seconds

    def _judge(self, seen: exchange.Transcript, model: Model, request: str, silent: bool) -> None:
        printed = sum(len(text.encode()) for text in (*seen.stdout, *seen.stderr))
        shown = sum(len(each.data) for each in seen.displays)
        if printed > OUTPUT_LIMIT or shown > DISPLAY_LIMIT:
            raise Escape("more was kept than the hard cap", f"{printed} of text, {shown} of images")
        if seen.violation and seen.answer is not None:
            raise Escape("an answer was kept of a worker that broke the protocol", seen.violation)
        if MARK in seen.violation or not seen.violation.isascii():
            raise Escape("a refusal repeats what was sent", seen.violation[:200])
        self._judge_tools(seen)
        if model.verdict == "violation" and not seen.violation and not silent:
            raise Escape("what breaks the protocol was taken", f"after {request}: {_shown(seen)}")
        if model.verdict in ("answer", "") and seen.violation:
            raise Escape("what the protocol allows was refused", f"{seen.violation} after {request}")
        if model.verdict == "answer" and not silent and not _is_answered(seen):
            raise Escape("an answer was lost", f"after {request}: {_shown(seen)}")
        self._judge_observation(seen)

    def _judge_tools(self, seen: exchange.Transcript) -> None:
        ran = list(self._log.ran)
        if ran and (seen.judged is None or not seen.judged.report["allowed"]):
            raise Escape("a tool ran before its action was judged", repr(ran)[:200])
        for name, argument in ran:
            if name == "secret":
                raise Escape("a tool that is withheld ran", repr(argument)[:100])
            if type(argument) is not int:
                raise Escape("a tool got an argument of another type", f"{name}: {argument!r:.100}")
            if name == "pay" and argument > 100:
                raise Escape("a tool ran past its condition", f"pay({argument!r:.100})")
        counts = Counter(name for name, _ in ran)
        if sum(counts.values()) > _TOOL_CALLS or max(counts.values(), default=0) > _MAX_CALLS:
            raise Escape("tools ran more often than their budgets", repr(dict(counts)))

    def _judge_observation(self, seen: exchange.Transcript) -> None:
        try:
            observation = observe.observation_of(
                seen,
                outcome_of(seen, self._policy),
                records=self.records,
                artifacts=[],
                wall_seconds=0.1,
                queued_seconds=0.0,
            )
            json.dumps(observation.to_dict(), default=repr)
        except Exception as error:
            raise Escape("no observation can be made of it", f"{type(error).__name__}: {error}") from error


def _is_answered(seen: exchange.Transcript) -> bool:
    """The verdict is the last word where nothing is to be run."""
    judged = seen.judged
    return seen.answer is not None or (judged is not None and not (judged.report["allowed"] and not judged.needs))


def _shown(seen: exchange.Transcript) -> str:
    return f"judged={seen.judged is not None} answer={type(seen.answer).__name__} overran={seen.overran}"


def _speak(connection: socket.socket, script: list[tuple[str, bytes, int]]) -> None:
    """Say it all. After each step with calls the replies are read, so that they are not outstanding at the next one."""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(_SECONDS + _LATE_SECONDS)
        _read_frame(connection)
        for name, data, replies in script:
            if name == "close":
                return
            if name == "silence":
                while connection.recv(65536):
                    pass
                return
            connection.sendall(data)
            for _ in range(replies):
                if not _read_frame(connection):
                    return


def _read_frame(connection: socket.socket) -> bytes:
    """One frame of the host's; b"" where it has hung up."""
    head = connection.recv(4, socket.MSG_WAITALL)
    return connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextlib.contextmanager
def _open(_setting: Setting) -> Iterator[Run]:
    world = _Exchange(policy_from_dict(_POLICY))
    try:
        yield world.run
    finally:
        world.toolbox.close()


CONVERSATION: Final = Target(
    name="conversation",
    layer="wire",
    classes=("defaults", "revival"),
    claim="whatever a worker says, the exchange comes back in time, within its bounds, and runs no tool that the policy does not",
    examples=lambda _setting: examples(),
    open=_open,
)
