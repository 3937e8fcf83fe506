"""The runtime: one policy's processes, tools and stores, and the sessions that share them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import stat
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from safe_codeact.confine.protections import plan_for
from safe_codeact.errors import SafeCodeActError, SessionClosed, StoreError, TrailError
from safe_codeact.host import groups
from safe_codeact.host.admission import Admission, places
from safe_codeact.host.folder import make_private_folder, remove_private_folder, sweep_private_folders
from safe_codeact.host.launcher import Launcher
from safe_codeact.host.quota import QuotaWatch
from safe_codeact.host.state import SessionState
from safe_codeact.host.stores.store import Store
from safe_codeact.host.tool import ToolCall
from safe_codeact.host.toolbox import Toolbox
from safe_codeact.host.vault import Vault
from safe_codeact.host.zygote import Started
from safe_codeact.policy.effective import Policy
from safe_codeact.session import AsyncSession, Session
from safe_codeact.trail.trail import NoTrail, RuntimeTrail, Trail, attach
from safe_codeact.wire.conversation import Conversation
from safe_codeact.wire.messages import ToolStub

_NOWHERE = Path("/dev/null/nowhere")  # not even root can make it: the libraries work everything out each time


def _cache_folder() -> Path:
    """Where libraries of the zygote may keep what they work out once (matplotlib's list of fonts): ours, not the user's.

    Only the zygote writes it, before it reads anything of a model's; no worker can reach it, but every worker can read
    its name, which therefore names no home. Anybody may make a folder of this name first: then it is not ours, and unused.
    """
    folder = Path("/var/tmp") / f"safe_codeact-{os.getuid()}"  # noqa: S108 - its owner and mode are checked
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        about = folder.lstat()
    except OSError:
        return _NOWHERE
    ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o077
    return folder if ours else _NOWHERE


class RuntimeCore:
    """What `Runtime` and `AsyncRuntime` share: everything but waiting."""

    def __init__(
        self,
        policy: Policy | str | os.PathLike[str],
        *,
        tools: Sequence[Callable[..., Any]] = (),
        store: Store | None = None,
        standby: int = 2,
        max_workers: int | None = None,
        max_memory_mb: int | None = None,
        trail: Trail | str | os.PathLike[str] | None = None,
        approve: Callable[[ToolCall], Any] | None = None,
    ) -> None:
        if store is not None and not isinstance(store, Store):
            raise TypeError(f"store={store!r}: expected a Store, such as SQLiteStore(path, key=…)")
        if standby < 0 or (max_workers is not None and max_workers < 1):
            raise ValueError(f"standby={standby} must not be negative, max_workers={max_workers} must be at least 1")
        with contextlib.ExitStack() as undo:
            started = undo.enter_context(Started(_cache_folder()))  # it imports while we read the policy
            self.policy = policy if isinstance(policy, Policy) else Policy.load(policy)
            _require_out_of_reach(self.policy, "store", getattr(store, "path", None), StoreError)
            _require_out_of_reach(self.policy, "trail", getattr(trail, "path", trail), TrailError)
            self.store = store
            self.plan = plan_for(self.policy)
            most = places(max_workers, max_memory_mb, self.plan.memory + self.plan.memory_reserve)
            self.toolbox = Toolbox(self.policy, tools, approve)
            self.trail = attach(trail, self.policy, [dataclasses.asdict(stub) for stub in self.toolbox.stubs])
            self.process = os.getpid()
            sweep_private_folders()
            self.folder, owner = make_private_folder()
            undo.pop_all()
        self.sessions: dict[str, SessionState] = {}
        self.lock = threading.Lock()
        self.watch = QuotaWatch()
        self._launchers = Launchers()
        try:
            self._launchers.group = groups.make(self.policy, max_memory_mb, most)
            self.vault = Vault(self.folder / "vault")
            self._standby, self._max_workers, self._admission = standby, most, Admission(most)
            # Where sessions have their own, this one forks nothing: it says early what is missing, and as whom workers run.
            self.launcher = self._start_launcher("slots", 0 if self._is_apart else standby, started)
        except BaseException:
            self._launchers.close()
            started.end()
            remove_private_folder(self.folder)
            os.close(owner)
            self.trail.close()
            raise
        self._finalizer = weakref.finalize(
            self, _finish, os.getpid(), self._launchers, self.watch, self.toolbox, self.folder, owner, self.trail
        )

    @property
    def _is_apart(self) -> bool:
        return self.policy.isolation.zygote == "session"

    def launcher_for(self, name: str) -> Launcher:
        """Whose workers serve a session: the runtime's, or one of its own. `release_launcher` ends that."""
        return self._start_launcher(f"slots-{name}-{secrets.token_hex(4)}", 1) if self._is_apart else self.launcher

    def release_launcher(self, launcher: Launcher) -> None:
        """The session is over."""
        if launcher is not self.launcher:
            self._launchers.end(launcher)
            with contextlib.suppress(OSError):
                launcher.slots.rmdir()

    def _start_launcher(self, slots: str, standby: int, started: Started | None = None) -> Launcher:
        (self.folder / slots).mkdir(mode=0o711, exist_ok=True)
        return self._launchers.add(
            Launcher(
                self.policy,
                self.plan,
                slots=self.folder / slots,
                cache=_cache_folder(),
                standby=min(standby, self._standby),
                max_workers=self._max_workers,
                admission=self._admission,
                group=self._launchers.group,
                new_conversation=self._new_conversation,
                started=started,
            )
        )

    def _new_conversation(self) -> Conversation:
        return Conversation(output_limit=4 * self.policy.limits.output_kb * 1024)

    def check_usable(self) -> None:
        """Raises `SessionClosed` after `close()`, and in a process that was forked from the runtime's own."""
        if os.getpid() != self.process:
            raise SessionClosed(
                f"this runtime belongs to process {self.process}; a forked copy may not use it: make another Runtime"
            )
        if not self._finalizer.alive:
            raise SessionClosed("the runtime is closed")

    @property
    def is_usable(self) -> bool:
        """Whether `check_usable` would not raise."""
        return os.getpid() == self.process and self._finalizer.alive

    def open_session(self, session_id: str | None) -> SessionState:
        """The state of a new session, of one that is open, or of one that the store has. Raises `StoreError`."""
        self.check_usable()
        name = session_id or secrets.token_hex(8)
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or len(name) > 64:
            raise ValueError(f"session_id={session_id!r} must be 1 to 64 letters, digits, '-' or '_'")
        with self.lock:
            state = self.sessions.get(name)
            if state is None or state.closed:
                state = SessionState(self, name)
                if session_id is not None:
                    _resume(state)
                self.trail.opened(name, resumed=bool(state.segments or state.listing()))
                self.sessions[name] = state
            return state

    def close(self) -> None:
        """End every process and remove every file of the runtime. Idempotent."""
        if os.getpid() == self.process:
            self._finalizer()


class Launchers:
    """All launchers of a runtime, to be ended with it, and the control group of their processes. Thread-safe."""

    group: groups.Group | None = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Launcher] = []

    def add(self, launcher: Launcher) -> Launcher:
        """One more."""
        with self._lock:
            self._all.append(launcher)
        return launcher

    def end(self, launcher: Launcher) -> None:
        """One less."""
        with self._lock:
            self._all.remove(launcher)
        launcher.close()

    def close(self) -> None:
        """None is left."""
        with self._lock:
            ending, self._all = self._all, []
        for launcher in ending:
            launcher.close()
        if self.group is not None:
            self.group.end()


def _finish(
    process: int,
    launchers: Launchers,
    watch: QuotaWatch,
    toolbox: Toolbox,
    folder: Path,
    owner: int,
    trail: RuntimeTrail | NoTrail,
) -> None:
    if os.getpid() == process:  # a forked copy's exit must not end its parent's processes
        launchers.close()
        watch.close()
        toolbox.close()
        remove_private_folder(folder)
        os.close(owner)
        trail.close()


def _resume(state: SessionState) -> None:
    try:
        state.resume()
    except BaseException:
        state.close(keep=state.core.store is not None)
        raise


def _require_out_of_reach(policy: Policy, what: str, path: object, error: type[SafeCodeActError]) -> None:
    """Content in a store or a trail is not encrypted: an action that reads its file reads every session."""
    place = os.path.realpath(path) if isinstance(path, str | os.PathLike) else ""
    for readable in policy.filesystem.read if place else ():
        if Path(place).is_relative_to(os.path.realpath(readable.path)):
            raise error(
                f"{what}={place!r} lies in {readable.path!r}, which actions of policy {policy.name!r} may read: "
                "keep it elsewhere"
            )


class Runtime:
    """The processes, tools and sessions of one policy. A context manager; thread-safe.

    `policy` is a shipped name, a path or a `Policy`; `tools` are host functions. Raises `InvalidPolicy` and
    `ConfinementUnavailable` (nothing is left behind), and warns `ToolWithheld` for tools that the policy does not allow.

    Past `max_workers` (default: 64), or past what `max_memory_mb` has room for at `limits.memory_mb` and a quarter each, and
    64 MiB to save with, actions wait in the order in which they were asked; `usage.queued_seconds` says for how long. What the
    zygote holds, and its workers copy of it, comes on top: tens of MiB. Sessions with a zygote each share one line.

    `store` keeps sessions beyond the runtime, and is not closed with it: a session that was not closed stays there, as of its
    last action. Without one, sessions and their checkpoints (4 GiB of each, 16 in all) end with the runtime.

    `trail`, a path or a `Trail`, gets a record of each action and tool call. What cannot be recorded is not done: `run` raises
    `TrailError` then. A path is closed with the runtime, a `Trail` is not.
    """

    def __init__(
        self,
        policy: Policy | str | os.PathLike[str],
        *,
        tools: Sequence[Callable[..., Any]] = (),
        store: Store | None = None,
        standby: int = 2,
        max_workers: int | None = None,
        max_memory_mb: int | None = None,
        trail: Trail | str | os.PathLike[str] | None = None,
        approve: Callable[[ToolCall], Any] | None = None,
    ) -> None:
        self._core = RuntimeCore(
            policy,
            tools=tools,
            store=store,
            standby=standby,
            max_workers=max_workers,
            max_memory_mb=max_memory_mb,
            trail=trail,
            approve=approve,
        )
        try:
            self._core.launcher.prepared()
        except BaseException:
            self._core.close()
            raise

    @property
    def policy(self) -> Policy:
        """The effective policy."""
        return self._core.policy

    @property
    def tools(self) -> tuple[ToolStub, ...]:
        """What an action can call: `name`, `signature` and `description` of each tool that the policy allows."""
        return tuple(self._core.toolbox.stubs)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Names of the given tools that the policy does not allow."""
        return self._core.toolbox.withheld

    @property
    def worker_uid(self) -> int:
        """The uid that workers run as."""
        return self._core.launcher.prepared().uid

    def session(self, session_id: str | None = None) -> Session:
        """A new session; or the one of that name, open here or kept in the store. No process of its own while it is idle.

        Raises `StoreError` where what is stored cannot be resumed.
        """
        return Session(self._core.open_session(session_id))

    def close(self) -> None:
        """End every process and remove every file of the runtime. Idempotent."""
        self._core.close()

    def __enter__(self) -> Self:
        self._core.check_usable()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncRuntime:
    """`Runtime` for an event loop: an asynchronous context manager with the same options."""

    def __init__(
        self,
        policy: Policy | str | os.PathLike[str],
        *,
        tools: Sequence[Callable[..., Any]] = (),
        store: Store | None = None,
        standby: int = 2,
        max_workers: int | None = None,
        max_memory_mb: int | None = None,
        trail: Trail | str | os.PathLike[str] | None = None,
        approve: Callable[[ToolCall], Any] | None = None,
    ) -> None:
        self._core = RuntimeCore(
            policy,
            tools=tools,
            store=store,
            standby=standby,
            max_workers=max_workers,
            max_memory_mb=max_memory_mb,
            trail=trail,
            approve=approve,
        )

    @property
    def policy(self) -> Policy:
        """The effective policy."""
        return self._core.policy

    @property
    def tools(self) -> tuple[ToolStub, ...]:
        """What an action can call: `name`, `signature` and `description` of each tool that the policy allows."""
        return tuple(self._core.toolbox.stubs)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Names of the given tools that the policy does not allow."""
        return self._core.toolbox.withheld

    async def session(self, session_id: str | None = None) -> AsyncSession:
        """See `Runtime.session`."""
        await asyncio.to_thread(self._core.launcher.prepared)
        if self._core.store is None:
            return AsyncSession(self._core.open_session(session_id))
        return AsyncSession(await asyncio.to_thread(self._core.open_session, session_id))

    async def close(self) -> None:
        """End every process and remove every file of the runtime. Idempotent."""
        await asyncio.to_thread(self._core.close)

    async def __aenter__(self) -> Self:
        self._core.check_usable()
        try:
            await asyncio.to_thread(self._core.launcher.prepared)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.close()
