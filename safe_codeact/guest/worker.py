"""The worker: one request, in a process that is locked down before it reads it.

The order is the argument: the gate judges before the snapshot is restored and before anything of the session has run
here; restoring, running and saving see only guarded builtins; and the last word is sent before the process ends, so that
a worker that dies without one is seen to have died.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any

from safe_codeact.confine.receipt import Receipt
from safe_codeact.frozen import dataclass
from safe_codeact.gate.check import Judgement, judge
from safe_codeact.gate.names import plain_text
from safe_codeact.guest import audit, copying, display, hints, namespace, preload, rehearsal, tracebacks
from safe_codeact.guest.channel import Channel
from safe_codeact.guest.deadline import ActionTimeout, Deadline
from safe_codeact.guest.interpreters import dispatch
from safe_codeact.guest.knowledge import Knowledge
from safe_codeact.guest.modules import Modules, unopened
from safe_codeact.guest.modules.patches import matplotlib as plots
from safe_codeact.guest.recording import install as record
from safe_codeact.guest.state import State, use_reserve
from safe_codeact.guest.streams import Budget, Stream
from safe_codeact.guest.tools import Calls, ToolError, make_stub
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages, tables
from safe_codeact.wire.encode import NotEncodable, TooLarge, pack
from safe_codeact.wire.shapes import ANSWER_BOUNDS

_MIB = 1 << 20
_NOT_TOLD = {
    "type": "Exception",
    "message": "an exception whose own code failed while it was looked at",
    "traceback": "Exception: an exception whose own code failed while it was looked at",
    "line": None,
}


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the zygote prepares once and every worker finds in its memory."""

    policy: Policy
    facades: Modules
    modules: tuple[str, ...]
    missing: tuple[str, ...]
    loaded_files: dict[str, str]  # modules that the policy's imports brought in, with their files
    settings: namespace.Settings  # of the libraries, as every worker finds them
    reach: audit.Reach  # what may be opened besides the workspace

    @classmethod
    def load(cls, policy: Policy) -> Equipment:
        """Import what the policy allows, warm it up, and build the facades."""
        before = set(sys.modules)
        modules, missing = preload.load(policy)
        facades = Modules(policy)
        preload.warm(policy)
        files = {
            name: file
            for name, module in list(sys.modules.items())
            if name not in before and isinstance(file := getattr(module, "__file__", None), str)
        }
        return cls(policy, facades, modules, missing, files, namespace.Settings(), audit.reach(policy, files))


def serve(equipment: Equipment, connection: socket.socket, receipt: Receipt) -> None:
    """Report, read one request, answer it."""
    deadline = Deadline()
    channel = Channel(connection, deadline)
    channel.send(messages.Ready(receipt=receipt.to_plain()))
    unopened.install(equipment.reach)
    _rehearse(equipment, channel)
    try:
        request = channel.first()
    except EOFError:
        return  # the host has no use for this worker any more
    match request:
        case messages.Execute():
            _Action(equipment, channel, deadline, request).perform()
        case messages.Fetch():
            _fetch(equipment, channel, request)
        case messages.Assign():
            _assign(equipment, channel, request)
        case messages.Describe():
            _describe(equipment, channel, request)
        case _:
            raise RuntimeError(f"a worker cannot serve {type(request).__name__}")


def _rehearse(equipment: Equipment, channel: Channel) -> None:
    """Touch what every action touches, unless somebody waits. What fails here is not missed: the request decides."""
    if channel.hears(0):
        return
    deadline = Deadline()
    with contextlib.suppress(Exception), rehearsal.taken_back():
        _Rehearsed(equipment, rehearsal.Unheard(deadline), deadline, rehearsal.request()).perform()


class _Action:
    """One action, from its source to the last word."""

    def __init__(self, equipment: Equipment, channel: Channel, deadline: Deadline, request: messages.Execute) -> None:
        self._equipment = equipment
        self._policy = equipment.policy
        self._channel = channel
        self._deadline = deadline
        self._request = request
        self._final: list[Any] = []
        limits = self._policy.limits
        self._budget = Budget(limits.output_kb * 1024, truncate=self._policy.output.on_limit == "truncate")
        self._stdout = Stream("stdout", self._emit, self._budget)
        self._stderr = Stream("stderr", self._emit, self._budget)

    def perform(self) -> None:
        request = self._request
        judgement = judge(request.source, self._policy, [stub.name for stub in request.tools])
        self._channel.send(messages.Judged(report=judgement.report.to_dict(), needs=[]))
        if not judgement.report.allowed:
            return
        if request.workspace:
            os.chdir(request.workspace)
        names: dict[str, Any] = {"__name__": "__main__"}
        known = self._arrange(names)
        try:
            state = State.load(
                self._equipment.settings, self._channel, request.segments, names, known, self._mentioned()
            )
        except namespace.SnapshotError as problem:
            self._channel.send(_not_run(problem))
            return
        sys.stdout, sys.stderr = self._stdout, self._stderr
        self._enclose()
        ended, value, error = self._run(judgement, names, state)
        self._finish(state, ended, value, error)

    def _enclose(self) -> None:
        """Hooks that stay for the rest of this process."""
        restricted = self._policy.language.restricted
        if self._request.workspace and self._policy.filesystem.workspace == "rw":
            copying.install(self._request.workspace, self._channel.masked, no_opener=restricted)
        if restricted:  # last: it refuses further hooks
            audit.install(self._equipment.reach, self._request.workspace)

    def _mentioned(self) -> set[str] | None:
        """The names that the action may reach without looking around; None: nobody can tell."""
        return namespace.words_in(self._request.source) if self._policy.language.restricted else None

    def _arrange(self, names: dict[str, Any]) -> Knowledge:
        """The action's builtins, tools and modules; what a snapshot may refer to."""
        facades, recording = self._equipment.facades, None
        if self._request.seed:
            recording = record(self._request.seed, self._request.readings, facades.replace)
        self._calls = calls = Calls(self._channel, recording)
        tools = {stub.name: make_stub(stub, calls) for stub in self._request.tools}
        facades.enter_worker(self._request.workspace, self._stdout, self._stderr)
        provided = {"final_answer": self._final_answer, "ToolError": ToolError}
        self._builtins = dispatch.builtins_for(self._policy, facades, names, {**provided, **tools})
        names["__builtins__"] = self._builtins
        return Knowledge(self._policy, self._builtins, tools, facades)

    def _run(
        self, judgement: Judgement, names: dict[str, Any], state: State
    ) -> tuple[str, str | None, dict[str, Any] | None]:
        """Run the code; how it ended, the last expression's text, and the error."""
        limits = self._policy.limits
        value: str | None = None
        ended, error = "completed", None
        try:
            try:
                self._deadline.arm(self._request.wall_seconds, limits.cpu_seconds)
                result = dispatch.run(judgement, names)
                value = display.value_text(result)
                self._show_plots()
            finally:
                self._deadline.disarm()
            if self._deadline.expired:  # the action caught the exception and came to an end
                raise ActionTimeout(self._deadline.expired)
        except BaseException as raised:
            self._deadline.disarm()  # it may have rung in the middle of the first time
            try:
                ended, error = self._classify(raised, judgement, names, state)
            except BaseException:  # the exception's own code, in a way that nobody thought of
                ended, error = "timed_out" if self._deadline.expired else "raised", _NOT_TOLD
        return ended, value, error

    def _classify(
        self, raised: BaseException, judgement: Judgement, names: dict[str, Any], state: State
    ) -> tuple[str, dict[str, Any] | None]:
        if tracebacks.is_a(raised, SystemExit) and _exit_code(raised) in ("None", "0"):
            return "completed", None
        if tracebacks.is_a(raised, MemoryError):
            use_reserve()
        hint = hints.hint(raised, {**dict.fromkeys(state.waiting), **names})
        error = tracebacks.report(raised, self._request.source, judgement.code, hint)
        name = tracebacks.stored(raised, NameError, "name") if tracebacks.is_a(raised, NameError) else None
        if type(name) is str and name in state.not_kept:
            error["message"] += f" (it was not kept: {state.not_kept[name]})"
            error["traceback"] += f" (it was not kept: {state.not_kept[name]})"
        if tracebacks.is_a(raised, ActionTimeout) or self._deadline.expired:
            return "timed_out", error
        return ("memory_exceeded" if tracebacks.is_a(raised, MemoryError) else "raised"), error

    def _finish(self, state: State, ended: str, value: str | None, error: dict[str, Any] | None) -> None:
        self._stdout.finish()
        self._stderr.finish()
        self._calls.settle()
        use_reserve()
        saved = state.save(self._channel, self._policy)
        self._channel.send(
            messages.Finished(
                ended=ended,
                value=value,
                error=error,
                not_kept=saved.not_kept,
                saved_bytes=saved.bytes_written,
                kept=list(saved.kept),
                output_bytes=self._budget.written,
                has_final_answer=bool(self._final),
                final_answer=self._final[-1] if self._final else None,
            )
        )

    def _show_plots(self) -> None:
        """Figures that were shown or left open. Drawing runs code of the action's own artists: within its time."""
        for name, data in plots.collect_figures():
            self._channel.send(messages.Display(name=name, media_type="image/png", data=data))

    def _emit(self, stream: str, text: str) -> None:
        self._channel.send(messages.Output(stream=stream, text=text))

    def _final_answer(self, answer: Any) -> None:
        """Hand the answer of the whole task to whoever asked; the action goes on. Plain data, or its text."""
        try:
            plain = namespace.to_plain(answer)
            pack(plain, ANSWER_BOUNDS)
        except TooLarge:
            raise ValueError("final_answer: too large; answer with less, or with a file's name") from None
        except (NotEncodable, namespace.NotPlainValue):
            plain = plain_text(str(answer))[:100_000].encode("utf-8", "backslashreplace").decode("utf-8")
        self._final.append(plain)


class _Rehearsed(_Action):
    """One of our own, after which the process serves another."""

    def _enclose(self) -> None:
        """Nothing: a hook cannot be taken back."""


def _exit_code(raised: BaseException) -> str:
    """As text, where it is plain: `exit()` and `exit(0)` are an ordinary end."""
    code = tracebacks.stored(raised, SystemExit, "code")
    return str(code) if type(code) in (type(None), int) else ""


def _not_run(problem: namespace.SnapshotError) -> messages.Finished:
    """The last word where the session's state does not load: nothing ran, and the state stays what it is."""
    message = (
        f"{problem}. The action was not run, and the state was left as it is: go back to a checkpoint, or start another "
        "session."
    )
    return messages.Finished(
        ended="raised",
        value=None,
        error={"type": "SnapshotError", "message": message, "traceback": f"SnapshotError: {message}", "line": None},
        not_kept={},
        saved_bytes=-1,
        kept=[],
        output_bytes=0,
        has_final_answer=False,
        final_answer=None,
    )


def _load(equipment: Equipment, channel: Channel, segments: int, words: set[str] | None = None) -> State:
    """Names for a request that runs no action."""
    names: dict[str, Any] = {"__name__": "__main__"}
    names["__builtins__"] = builtins = dispatch.builtins_for(equipment.policy, equipment.facades, names, {})
    known = Knowledge(equipment.policy, builtins, {}, equipment.facades)
    return State.load(equipment.settings, channel, segments, names, known, words)


def _fetch(equipment: Equipment, channel: Channel, request: messages.Fetch) -> None:
    names = _load(equipment, channel, request.segments, {request.name}).names
    if request.name.startswith("__") or request.name not in names:
        channel.send(messages.Fetched(problem="missing", type_name="", value=None))
        return
    value = names[request.name]
    try:
        carried = tables.flatten(value)
        type_name, plain = carried if carried is not None else ("", namespace.to_plain(value))
        answer = messages.Fetched(problem="", type_name=type_name, value=plain)
    except (namespace.NotPlainValue, tables.NotCarried) as error:
        answer = messages.Fetched(problem="not_plain", type_name=plain_text(str(error))[:120], value=None)
    try:
        channel.send(answer)
    except NotEncodable as error:
        said = plain_text(str(error)).replace("Fetched.value", "the value")[:120]
        channel.send(messages.Fetched(problem="too_large", type_name=said, value=None))


def _assign(equipment: Equipment, channel: Channel, request: messages.Assign) -> None:
    state = _load(equipment, channel, request.segments, {request.name})
    package = request.type_name.partition(".")[0]
    if package and package not in sys.modules:
        problem = f"the policy does not import {package}, so a session cannot hold a {request.type_name}"
        channel.send(messages.Assigned(saved_bytes=-1, kept=[], problem=problem))
        return
    state.names[request.name] = tables.build(request.type_name, request.value) if package else request.value
    saved = state.save(channel, equipment.policy)
    problem = "" if saved.bytes_written >= 0 else " ".join(saved.not_kept.values())
    channel.send(
        messages.Assigned(
            saved_bytes=saved.bytes_written,
            kept=list(saved.kept),
            problem=saved.not_kept.get(request.name, problem),
        )
    )


def _describe(equipment: Equipment, channel: Channel, request: messages.Describe) -> None:
    names = _load(equipment, channel, request.segments).names
    names.pop("__builtins__", None)
    lines = [messages.VariableLine(*line) for line in namespace.describe(names, 20_000)]
    channel.send(messages.Described(variables=lines))
