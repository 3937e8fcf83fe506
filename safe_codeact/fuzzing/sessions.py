"""Real sessions against a model of a few dictionaries: run, kill, checkpoint, restore, fork, tools, files, close, resume.

The model knows what a name and a file hold after each step; whatever the order, a look into the session must show the same.
A worker that dies by SIGKILL in the middle of an action leaves everything as it was; a fork and its origin share nothing; a
checkpoint has the files of its moment; a session that was closed to be kept goes on from the store.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact import Runtime, SQLiteStore, StoreError
from safe_codeact.errors import SafeCodeActError
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.steps import Steps, walks
from safe_codeact.policy.load import policy_from_dict
from safe_codeact.session import Session

_POLICY: Final[dict[str, Any]] = {
    "version": 1,
    "extends": "strict",
    "filesystem": {"workspace": "rw"},
    "limits": {"workspace_files": 60, "workspace_mb": 4, "state_mb": 16, "memory_mb": 128, "wall_seconds": 10},
    "tools": {"*": {"deny": True}, "double": {"why": "it is the test"}, "die": {"why": "it is the test"}},
}
_KEY: Final = bytes(range(32))
_MOST_SESSIONS: Final = 3
_PATIENCE_SECONDS: Final = 10.0
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of ours in it, where no commit waits for a disk
_NAMES: Final = ("a", "b", "c", "shared")
_FILES: Final = ("f.txt", "g.txt", "d/h.txt")
# Printed by an action: every name and every file, as the model has them.
_LOOK: Final = """
import os as _os
_found = {n: globals()[n] for n in ('a', 'b', 'c', 'shared') if n in globals()}
_files = {}
for _p in ('f.txt', 'g.txt', 'd/h.txt'):
    if _os.path.exists(_p):
        with open(_p) as _f:
            _files[_p] = _f.read()
print(repr((_found, _files)))
del _os, _found, _files, _p
"""
_LOOK_POLICY: Final = {"language": {"imports": [{"module": "os", "facade": True, "why": "it is the test"}]}}

_session = st.integers(0, _MOST_SESSIONS - 1)
_name = st.sampled_from(_NAMES)
_file = st.sampled_from(_FILES)
_number = st.integers(-9, 9)
_how = st.sampled_from(["ends", "ends", "ends", "raises", "dies", "refused"])
STEPS: Final[Steps] = {
    "bind": (_session, _name, _number, _how),
    "grow": (_session, _name, _number, _how),
    "alias": (_session, _name, _name, _how),
    "forget": (_session, _name, _how),
    "print": (_session, _file, _number, _how),
    "add": (_session, _file, _number, _how),
    "remove": (_session, _file, _how),
    "call": (_session, _name, _number),
    "host set": (_session, _name, _number),
    "host get": (_session, _name),
    "host write": (_session, _file, _number),
    "host delete": (_session, _file),
    "standby dies": (),
    "checkpoint": (_session,),
    "restore": (_session, st.integers(0, 3)),
    "fork": (_session,),
    "resume": (_session,),
    "close": (_session,),
}


@dataclass
class Expected:
    """One session as it should be. Names hold lists and numbers; two names may hold one list."""

    names: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    checkpoints: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def copied(self) -> Expected:
        """What a fork starts from: no checkpoints, and nothing shared."""
        return Expected(copy.deepcopy(self.names), dict(self.files))


# Each action: source, and what it does to the model. "{0}", "{1}" … are the arguments.
_ACTIONS: Final[Mapping[str, tuple[str, Callable[..., None]]]] = {
    "bind": ("{0} = [{1}]", lambda it, name, number: it.names.__setitem__(name, [number])),
    "grow": (
        "if '{0}' in globals(): {0}.append({1})",
        lambda it, name, number: it.names[name].append(number) if name in it.names else None,
    ),
    "alias": (
        "if '{1}' in globals(): {0} = {1}",
        lambda it, name, other: it.names.__setitem__(name, it.names[other]) if other in it.names else None,
    ),
    "forget": ("if '{0}' in globals(): del {0}", lambda it, name: it.names.pop(name, None)),
    "print": (
        "import os\nos.makedirs('d', exist_ok=True)\nwith open('{0}', 'w') as file: file.write('{1}')\ndel os, file",
        lambda it, path, number: it.files.__setitem__(path, str(number)),
    ),
    "add": (
        "import os\nos.makedirs('d', exist_ok=True)\nwith open('{0}', 'a') as file: file.write('{1}')\ndel os, file",
        lambda it, path, number: it.files.__setitem__(path, it.files.get(path, "") + str(number)),
    ),
    "remove": (
        "import os\nif os.path.exists('{0}'): os.remove('{0}')\ndel os",
        lambda it, path: it.files.pop(path, None),
    ),
}
_ENDS: Final = {
    "ends": "",
    "raises": "\nraise KeyError('on purpose')",
    "dies": "\ndie()",
    "refused": "\nlen.__globals__",
}
_OUTCOMES: Final = {
    "ends": {"completed"},
    "raises": {"raised"},
    "dies": {"memory_exceeded", "crashed"},
    "refused": {"refused"},
}


class World:
    """One runtime over one store; sessions of one example."""

    def __init__(self, folder: Path) -> None:
        self._store = SQLiteStore(folder / "sessions.db", key=_KEY)
        self._runtime = Runtime(
            policy_from_dict({**_POLICY, **_LOOK_POLICY}), tools=[self.double, self.die], store=self._store, standby=1
        )
        self._held: list[tuple[Session, Expected]] = []

    def double(self, n: int) -> int:
        """Twice a number."""
        return 2 * n

    def die(self) -> None:
        """Ends the worker that calls: by SIGKILL, while it waits for this."""
        for worker in self._workers(standing_by=False):
            worker.kill()

    def _workers(self, *, standing_by: bool) -> list[Any]:
        launcher = self._held[0][0]._state.launcher
        idle, coming = set(map(id, launcher._ready)), set(map(id, launcher._starting.values()))
        there = [worker for worker in list(launcher._alive.values()) if id(worker) not in coming]
        return [worker for worker in there if (id(worker) in idle) is standing_by]

    def _kill_standby(self) -> None:
        """And wait until the launcher knows: who was handed a dead worker is told so, which is right as well."""
        launcher = self._held[0][0]._state.launcher
        for worker in self._workers(standing_by=True):
            worker.kill()
            with contextlib.suppress(TimeoutError):
                worker.exited.result(_PATIENCE_SECONDS)
            while worker in launcher._ready:
                time.sleep(0.001)

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """One session to begin with; a last look at all of them at the end. Raises `Escape`."""
        self._held = [(self._runtime.session(), Expected())]
        try:
            yield
            for number in range(len(self._held)):
                self._compare(number, "the end")
        except SafeCodeActError as error:
            raise Escape("a step that is allowed was refused", f"{type(error).__name__}: {error}"[:300]) from error
        finally:
            for session, _ in self._held:
                with contextlib.suppress(SafeCodeActError):
                    session.close()

    def run(self, example: list[list[Any]]) -> Course:
        """All steps. Raises `Escape`."""
        with self.beginning():
            for name, *arguments in example:
                self.take(name, arguments)
        return Course(alive=True, classes=("revival", "paths"))

    def take(self, name: str, arguments: list[Any]) -> None:
        """One step, and a look at the session that it was about. Raises `Escape`."""
        if not arguments:
            self._kill_standby()
            return
        number = arguments[0] % len(self._held)
        session, expected = self._held[number]
        if name in _ACTIONS:
            self._act(session, expected, name, arguments[1:])
        else:
            _OTHERS[name](self, number, *arguments[1:])
        self._compare(min(number, len(self._held) - 1), f"{name} {arguments}")

    def close(self) -> None:
        """Everything."""
        self._runtime.close()
        self._store.close()

    def _act(self, session: Session, expected: Expected, name: str, arguments: list[Any]) -> None:
        *given, how = arguments
        source, effect = _ACTIONS[name]
        seen = session.run(source.format(*given) + _ENDS[how])
        if seen.outcome.value not in _OUTCOMES[how]:
            raise Escape(
                "an action ended otherwise than it should", f"{name} {arguments}: {seen.outcome}: {seen.text[:200]}"
            )
        if how in ("ends", "raises"):
            effect(expected, *given)

    def _compare(self, number: int, after: str) -> None:
        session, expected = self._held[number]
        seen = session.run(_LOOK)
        try:
            names, files = ast.literal_eval(seen.stdout)
        except (ValueError, SyntaxError):
            raise Escape("a session cannot be looked into", f"after {after}: {seen.text[:300]}") from None
        if names != expected.names or files != expected.files:
            raise Escape(
                "a session holds something else than it should", f"after {after}: {names} {files}, not {expected}"
            )
        listed = {path for path in session.files.list() if path in _FILES}
        if listed != expected.files.keys():
            raise Escape("the host sees other files than the session", f"after {after}: {sorted(listed)}")

    # ---- steps that are no actions

    def _call(self, number: int, name: str, value: int) -> None:
        session, expected = self._held[number]
        seen = session.run(f"{name} = [double({value})]")
        if [(each.name, each.outcome) for each in seen.tool_calls] != [("double", "returned")]:
            raise Escape("a call of a tool is not recorded as it was made", repr(seen.tool_calls)[:200])
        expected.names[name] = [2 * value]

    def _host_set(self, number: int, name: str, value: int) -> None:
        session, expected = self._held[number]
        session.set(name, [value])
        expected.names[name] = [value]

    def _host_get(self, number: int, name: str) -> None:
        session, expected = self._held[number]
        try:
            seen = session.get(name)
        except NameError:
            seen = None
        if seen != expected.names.get(name):
            raise Escape("get() gives something else than the session holds", f"{name}: {seen!r}")

    def _host_write(self, number: int, path: str, value: int) -> None:
        session, expected = self._held[number]
        session.files.write(path, str(value).encode())
        expected.files[path] = str(value)

    def _host_delete(self, number: int, path: str) -> None:
        session, expected = self._held[number]
        with contextlib.suppress(FileNotFoundError):
            session.files.delete(path)
        expected.files.pop(path, None)

    def _checkpoint(self, number: int) -> None:
        session, expected = self._held[number]
        mark = session.checkpoint()
        expected.checkpoints.append((mark, copy.deepcopy(expected.names), dict(expected.files)))

    def _restore(self, number: int, which: int) -> None:
        session, expected = self._held[number]
        if not expected.checkpoints:
            try:
                session.restore("0123456789abcdef")
            except StoreError:
                return
            raise Escape("a checkpoint that nobody made was restored")
        mark, names, files = expected.checkpoints[which % len(expected.checkpoints)]
        session.restore(mark)
        expected.names, expected.files = copy.deepcopy(names), dict(files)

    def _fork(self, number: int) -> None:
        if len(self._held) < _MOST_SESSIONS:
            session, expected = self._held[number]
            self._held.append((session.fork(), expected.copied()))

    def _resume(self, number: int) -> None:
        session, expected = self._held[number]
        session.close(keep=True)
        self._held[number] = (self._runtime.session(session.id), expected)

    def _close(self, number: int) -> None:
        session, _ = self._held[number]
        session.close()
        if any(each.id == session.id for each in self._store.sessions()):
            raise Escape("a session that was closed is still in the store")
        self._held[number] = (self._runtime.session(session.id), Expected())


_OTHERS: Final[Mapping[str, Callable[..., None]]] = {
    "call": World._call,
    "host set": World._host_set,
    "host get": World._host_get,
    "host write": World._host_write,
    "host delete": World._host_delete,
    "checkpoint": World._checkpoint,
    "restore": World._restore,
    "fork": World._fork,
    "resume": World._resume,
    "close": World._close,
}


@contextlib.contextmanager
def opened() -> Iterator[World]:
    """A world; its processes and folders are gone afterwards."""
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None) as folder:
        world = World(Path(folder))
        try:
            yield world
        finally:
            world.close()


@contextlib.contextmanager
def _open(_setting: Setting) -> Iterator[Run]:
    with opened() as world:
        yield world.run


SESSIONS: Final = Target(
    name="sessions",
    layer="state",
    classes=("revival", "paths"),
    claim="a session holds what was done in it, whatever died, was gone back to, forked or resumed in between",
    examples=lambda _setting: walks(STEPS, 12),
    open=_open,
)
