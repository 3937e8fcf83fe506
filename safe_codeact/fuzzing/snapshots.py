"""Two targets for what a session keeps: it comes back as it was, and forged bytes get nothing.

`snapshots` runs each turn in a real session, one process per turn, and in a plain interpreter, one namespace for all turns,
and compares what they print. `snapshots-hostile` puts bytes in the place of a saved state and goes on with the session: an
observation or an error of ours, no name outside the policy called, nothing unpickled in this process.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any, Final

from safe_codeact import NotPlain, Runtime, StoreError
from safe_codeact.errors import SafeCodeActError
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.snapshots_examples import LOOK, PRELUDE, graphs, hostile, source_of
from safe_codeact.guest.namespace import layout
from safe_codeact.policy.load import policy_from_dict
from safe_codeact.session import Session

_POLICY: Final[dict[str, Any]] = {
    "version": 1,
    "extends": "analysis",
    "limits": {"wall_seconds": 20, "state_mb": 64, "workspace_files": 50},
}
_STATES: Final = (
    "completed",
    "raised",
    "timed_out",
    "memory_exceeded",
    "crashed",
    "broke_protocol",
    "forbidden_syscall",
    "refused",
)


# ---- what comes back


class _Graphs:
    """One runtime; for each example a session, which goes on from a state that has the prelude's definitions."""

    def __init__(self, runtime: Runtime) -> None:
        self._base = runtime.session()
        made = self._base.run(PRELUDE)
        if made.outcome != "completed" or made.not_kept:
            raise RuntimeError(f"the prelude does not run: {made.text} {made.not_kept}")

    def run(self, example: dict[str, Any]) -> Course:
        """Raises `Escape`."""
        plain: dict[str, Any] = {"__name__": "__main__"}
        _print_of(PRELUDE, plain)
        session = self._base.fork()
        try:
            for number, turn in enumerate(example["turns"]):
                source = source_of(turn, number)
                expected = _print_of(source, plain)
                seen = session.run(source)
                if seen.outcome != "completed":
                    raise Escape("a turn that runs in CPython does not run here", f"{source[:300]}: {seen.text[:300]}")
                if seen.stdout != expected:
                    raise Escape("a session does not show what CPython shows", _difference(expected, seen.stdout))
                if seen.not_kept:
                    raise Escape("an ordinary object is not kept", repr(dict(seen.not_kept))[:300])
        finally:
            session.close()
        return Course(alive=True, classes=("revival", "references"))


def _print_of(source: str, namespace: dict[str, Any]) -> str:
    """What a program of ours prints in a plain interpreter: this one."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "<turn>", "exec", dont_inherit=True), namespace)  # noqa: S102 - from the table of statements
    return out.getvalue()


def _difference(expected: str, seen: str) -> str:
    for one, other in zip(expected.splitlines(), seen.splitlines(), strict=False):
        if one != other:
            return f"CPython: {one[:200]} here: {other[:200]}"
    return f"CPython: {expected[-200:]} here: {seen[-200:]}"


@contextlib.contextmanager
def _open_graphs(_setting: Setting) -> Iterator[Run]:
    with Runtime(policy_from_dict(_POLICY), standby=1) as runtime:
        yield _Graphs(runtime).run


SNAPSHOTS: Final = Target(
    name="snapshots",
    layer="state",
    classes=("revival", "references"),
    claim="a session over several processes shows what one interpreter shows",
    examples=lambda _setting: graphs(),
    open=_open_graphs,
)


# ---- forged states

_EVENTS: Final = (
    "pickle.find_class",
    "os.system",
    "os.exec",
)  # not marshal: an import of ours loads its module with it
_armed: list[list[str]] = []  # where events of this process go; audit hooks cannot be removed, so there is one


def _hook(event: str, _arguments: tuple[Any, ...]) -> None:
    if _armed and event in _EVENTS:
        _armed[-1].append(event)


class _Forged:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._base = runtime.session()
        self._base.files.write("f.txt", b"as it was")
        self._base.run(PRELUDE)
        if not getattr(sys, "_safe_codeact_fuzz_hook", False):
            sys.addaudithook(_hook)
            sys._safe_codeact_fuzz_hook = True  # type: ignore[attr-defined]

    def run(self, example: dict[str, Any]) -> Course:
        """Raises `Escape`."""
        session = self._base.fork()
        try:
            if "turn" in example:
                session.run(source_of(example["turn"], 0))
            else:
                session.run("v0 = 1")
            row = session._state._saved.names
            path = session._state.core.vault.path(row[-1])
            if "stream" in example:
                forged = _stream(bytes.fromhex(example["stream"]), len(row) - 1)
            else:
                forged = _edited(path.read_bytes(), example["edits"])
            path.chmod(0o600)
            path.unlink()
            path.write_bytes(forged)
            return Course(alive=self._go_on(session), classes=("revival",))
        finally:
            with contextlib.suppress(SafeCodeActError):
                session.close()

    def _go_on(self, session: Session) -> bool:
        """Use the session as its owner would; whether the state was loaded."""
        events: list[str] = []
        _armed.append(events)
        try:
            seen = session.run("v0\nprint('here')")
            with contextlib.suppress(NotPlain, NameError, StoreError):
                session.get("v0")
            with contextlib.suppress(StoreError):
                session.variables()
            session.run("try:\n    v0()\nexcept BaseException as error:\n    pass" + LOOK)
        except Exception as error:
            raise Escape("a forged state made the host raise", f"{type(error).__name__}: {error}"[:300]) from error
        finally:
            _armed.pop()
        if events:
            raise Escape("the host itself loaded a state", repr(events)[:200])
        files = session.files.list()
        if [path for path in files if path != "f.txt"] or session.files.read("f.txt") != b"as it was":
            raise Escape("a forged state called what the policy does not name", repr(files)[:200])
        if seen.outcome.value not in _STATES:
            raise Escape("a forged state gave an outcome that there is not", seen.outcome.value)
        other = self._runtime.session()
        try:
            if other.run("1 + 1").value != "2":
                raise Escape("a forged state reaches another session")
        finally:
            other.close()
        return "here" in seen.stdout


def _stream(stream: bytes, own: int) -> bytes:
    """A whole segment, the last of a row, whose one group is `stream`."""
    group = layout.Group(layout.Names.of(("v0",)), layout.Place(own, 0, len(stream)), (), always=True)
    return layout.front(layout.Version((group,)), len(stream), own) + stream


def _edited(data: bytes, edits: list[list[Any]]) -> bytes:
    changed = bytearray(data)
    for kind, thousandth, given in edits:
        at, piece = len(changed) * thousandth // 1000, bytes.fromhex(given)
        if kind == "set":
            changed[at : at + len(piece)] = piece
        elif kind == "insert":
            changed[at:at] = piece
        elif kind == "delete":
            del changed[at : at + 4]
        elif kind == "cut":
            del changed[at:]
        else:
            changed[at : at + 8] = changed[at : at + 8][::-1]
    return bytes(changed)


@contextlib.contextmanager
def _open_forged(_setting: Setting) -> Iterator[Run]:
    with Runtime(policy_from_dict(_POLICY), standby=1) as runtime:
        yield _Forged(runtime).run


HOSTILE: Final = Target(
    name="snapshots-hostile",
    layer="state",
    classes=("revival",),
    claim="forged bytes in the place of a state call nothing that the policy does not name, and nothing outside a worker",
    examples=lambda _setting: hostile(),
    open=_open_forged,
)
