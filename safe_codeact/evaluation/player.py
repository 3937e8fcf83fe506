"""An endpoint that plays each task's reference solution, in whichever format it is asked.

It shows that a task can be solved in each format, and that the harness counts what it should; it knows no answer. Asked for
code, it sends the solution's actions. Asked for JSON or text, it runs the same solution in a session of its own, where the
tools give back what the observations of the conversation say: at the first call that has no observation yet, that call is
its reply; where the solution comes to `final_answer`, that is its answer. So every figure in an answer was computed from
what the harness's own tools returned, one call at a time.

Which reply comes is decided by the request alone, as with the demo's server; a run of a solution that waits for its next
observation only saves beginning it anew.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from safe_codeact.agent.context import OBSERVATION_PREFIX
from safe_codeact.demo.server import ChatHandler, LoopbackServer
from safe_codeact.evaluation.literals import Call, NotLiteral, read_literal
from safe_codeact.evaluation.styles import JSON_FORM, TEXT_FORM
from safe_codeact.evaluation.tasks import Task, TaskFile
from safe_codeact.evaluation.workbench import Function, Workbench

MODEL = "reference"
_NOTHING = "(no output)"
_PATIENCE_SECONDS = 30


class Unplayable(Exception):
    """The conversation is about no task of these files, or the solution does not come to an answer."""


class ReferencePlayer:
    """A context manager: between `__enter__` and `__exit__` the endpoint at `base_url` answers to `api_key`.

    Asked about a task it starts a runtime for that task's file, which stays until another file is asked about.
    """

    def __init__(self, files: Sequence[TaskFile]) -> None:
        self._tasks = {task.instruction: (file, task) for file in files for task in file.tasks}
        self._lock = threading.Lock()
        self._solver: _Solver | None = None
        player = self

        class Handler(ChatHandler):
            piece_characters = 1_000

            def respond(self, request: dict[str, Any]) -> None:
                try:
                    text = player.reply(request["messages"])
                except Unplayable as error:
                    self.send_error_object(HTTPStatus.BAD_REQUEST, str(error), "unplayable")
                    return
                self.send_reply(request, text)

        self._server = LoopbackServer((), handler=Handler)
        self.base_url = self._server.base_url
        self.api_key = self._server.api_key

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of the requests so far."""
        return self._server.requests

    def reply(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The reply to a conversation. Raises `Unplayable`."""
        asked = str(messages[1].get("content", "")) if len(messages) > 1 else ""
        # The first paragraph is the task, what follows lists files.
        file, task = self._tasks.get(asked.partition("\n\n")[0], (None, None))
        if file is None or task is None:
            raise Unplayable(f"none of the tasks is {asked[:200]!r}")
        system = str(messages[0].get("content", ""))
        replies = sum(message["role"] == "assistant" for message in messages)
        form = next((form for form in _WRITERS if form in system), None)
        if form is None:
            return _code(task, replies)
        observed = [str(message["content"]) for message in messages[2:] if message["role"] == "user"]
        with self._lock:
            return _WRITERS[form](*self._solver_of(file).solve(task, form, observed))

    def _solver_of(self, file: TaskFile) -> _Solver:
        if self._solver is None or self._solver.file is not file:
            self._close_solver()
            self._solver = _Solver(file)
        return self._solver

    def _close_solver(self) -> None:
        if self._solver is not None:
            self._solver.close()
            self._solver = None

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)
        with self._lock:
            self._close_solver()


def _code(task: Task, replies: int) -> str:
    if replies >= len(task.solution):
        raise Unplayable(f"the solution of {task.id} has {len(task.solution)} actions and comes to no answer with them")
    return f"I'll run this.\n```python\n{task.solution[replies].rstrip()}\n```"


def _json(call: Call | None, answer: Any) -> str:
    if call is None:
        return json.dumps({"answer": answer}, ensure_ascii=False)
    written = json.dumps({"tool": call.name, "arguments": call.kwargs}, ensure_ascii=False)
    return f"I need to know what {call.name} says.\n{written}"


def _text(call: Call | None, answer: Any) -> str:
    if call is None:
        return f"Answer: {answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)}"
    return f"I need to know what {call.name} says.\nAction: {call.source()}"


_WRITERS = {JSON_FORM: _json, TEXT_FORM: _text}


class _Solver(Workbench):
    """Runs solutions with tools that give back what was observed, and that wait for what was not yet.

    A conversation goes on where it stood: a tool that waits is handed the next observation. Where a request does not follow
    the one before (another task, another format, one sent again), the solution is begun anew with all it has observed.
    """

    def __init__(self, file: TaskFile) -> None:
        self._changed = threading.Condition()
        self._observed: list[str] = []
        self._used = 0
        self._reply: tuple[Call | None, Any] | Unplayable | None = None
        self._number = 0  # of the solution's run; what belongs to an earlier one ends
        self._thread: threading.Thread | None = None
        self._asked: tuple[Task, str] | None = None
        super().__init__(file)

    def solve(self, task: Task, form: str, observations: Sequence[str]) -> tuple[Call | None, Any]:
        """The next call, or None and the answer. Raises `Unplayable`."""
        with self._changed:
            same = self._asked == (task, form) and self._reply is not None and not isinstance(self._reply, Unplayable)
            if not same or len(observations) != self._used or observations[:-1] != self._observed:
                self._abandon()
                self._asked, self._used = (task, form), 0
                self._thread = threading.Thread(target=self._work, args=(task, self._number), daemon=True)
                self._thread.start()
            self._observed, self._reply = list(observations), None
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._reply is not None, _PATIENCE_SECONDS):
                raise Unplayable(
                    f"the solution of {task.id} did not come to its next call in {_PATIENCE_SECONDS} seconds"
                )
            assert self._reply is not None
            if isinstance(self._reply, Unplayable):
                raise self._reply
            return self._reply

    def close(self) -> None:
        """Ends the solution that is waiting, and the runtime."""
        with self._changed:
            self._abandon()
        super().close()

    def _abandon(self) -> None:
        """Lets the run that waits end, and waits for it: it holds a session. The lock is held, and let go meanwhile."""
        self._number += 1
        self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._changed.release()
            try:
                thread.join(_PATIENCE_SECONDS)
            finally:
                self._changed.acquire()

    def _work(self, task: Task, number: int) -> None:
        try:
            reply: tuple[Call | None, Any] | Unplayable = (None, self._answer(task))
        except Unplayable as error:
            reply = error
        except Exception as error:  # the endpoint says what its solver died of, rather than to let the loop wait
            reply = Unplayable(f"the solution of {task.id} could not be run: {type(error).__name__}: {error}")
        with self._changed:
            if number == self._number:
                self._reply = reply
                self._changed.notify_all()

    def _answer(self, task: Task) -> Any:
        session = self.runtime.session()
        try:
            for name, data in task.files.items():
                session.files.write(name, data)
            for action in task.solution:
                observation = session.run(action)
                if observation.final_answer is not None:
                    return observation.final_answer
        finally:
            session.close()
        raise Unplayable(f"the solution of {task.id} came to no answer: {observation.text[-2_000:]}")

    def _call(self, name: str) -> Function:
        return lambda *args, **kwargs: self._given(name, args, kwargs)

    def _given(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What this call returned in the conversation. The first one without an observation is the one to ask for."""
        bound = inspect.signature(self.signatures()[name]).bind(*args, **kwargs)
        with self._changed:
            number, place = self._number, self._used
            self._used += 1
            if place >= len(self._observed):
                self._reply = (Call(name, kwargs=dict(bound.arguments)), None)
                self._changed.notify_all()
                self._changed.wait_for(lambda: place < len(self._observed) or number != self._number)
            if number != self._number:
                raise ValueError("the conversation is over")
            return _value(self._observed[place])


def _value(message: str) -> Any:
    text = message.removeprefix(OBSERVATION_PREFIX)
    if text == _NOTHING:
        return None
    try:
        value, end = read_literal(text)
    except NotLiteral as error:
        raise Unplayable(f"an observation is no plain value ({error}): {text[:500]}") from None
    if text[end:].strip():
        raise Unplayable(f"an observation holds more than a value: {text[end : end + 500]}")
    return value
