"""A runtime without a gate under attack, watched from outside; and a session beside it that is in the middle of its work."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from kernel_prelude import Attack, program
from kernel_world import World, changes, examine

from safe_codeact import Policy, Runtime, tool


def claims_nothing(word: str) -> bool:
    """Whether an attack says of itself that it got nothing."""
    return word.partition("#")[0] in ("None", "False", "[]") or word.startswith("-")


class Siege:
    """A runtime without a gate, a session that attacks, and another one that is in the middle of its work."""

    def __init__(self, world: World, namespaces: str = "off") -> None:
        """Without namespaces of its own: what is required everywhere holds everything."""
        self.world = world
        self.seen: list[tuple[str, list[str]]] = []
        self._held = threading.Event()
        self._release = threading.Event()
        policy = Policy.from_dict({
            "version": 1, "name": "siege", "extends": "unrestricted", "isolation": {"namespaces": namespaces},
            "limits": {"wall_seconds": 300, "cpu_seconds": 100, "memory_mb": 512, "state_mb": 64},
            "tools": {"look": {"max_calls": 50}, "hold": {"timeout_seconds": 300}},
        })  # fmt: skip

        @tool
        def look(word: str = "") -> None:
            """Examine the worker that asks, now."""
            pid, slot = self._acting()
            examined = examine(pid)
            if word == "clean":
                self._clean = examined
            self.seen.append((word, changes(self._clean, examined, str(slot))))

        @tool
        def hold() -> None:
            """Keep the caller's action going."""
            self._held.set()
            self._release.wait(300)

        self.runtime = Runtime(policy, tools=[look, hold])
        self.launcher = self.runtime._core.launcher
        self._zygote = self.launcher._zygote.pid
        self.session = self.runtime.session()
        self.sibling = self.runtime.session()
        self._sibling_pid = 0
        self._thread = threading.Thread(target=self._run_sibling)
        self._thread.start()
        assert self._held.wait(60)
        self._sibling_pid, self._sibling_slot = self._acting()
        assert self.session.run("kept = 'kept'\nlook('clean')").outcome == "completed"
        assert self.seen.pop() == ("clean", [])

    def _run_sibling(self) -> None:
        self._sibling_result = self.sibling.run(
            f"mine = {self.world.token!r}\nopen('theirs', 'w').write(mine)\nhold()\nopen('theirs').read() == mine"
        )

    def _acting(self) -> tuple[int, Path]:
        """The worker that has a workspace in its slot, and is not the sibling's."""
        [acting] = [
            (pid, worker.slot)
            for pid, worker in list(self.launcher._alive.items())
            if pid != self._sibling_pid and (worker.slot / "work").exists()
        ]
        return acting

    def names(self) -> dict[str, Any]:
        return self.world.names(
            ZYGOTE=self.launcher._zygote.pid,
            STANDBY=self._standing_by(),
            SIBLING=self._sibling_pid,
            SIBLING_SLOT=str(self._sibling_slot),
            STATE=str(self.runtime._core.folder / "vault"),
        )

    def _standing_by(self) -> int:
        """A worker that goes on standing by: of two, the one that is not handed out next (which is the attacker's own)."""
        deadline = time.monotonic() + 60
        while len(self.launcher._ready) < 2:
            assert time.monotonic() < deadline, "no second worker stands by"
            time.sleep(0.01)
        return self.launcher._ready[-1].pid

    def attack(self, attack: Attack) -> tuple[Any, list[str]]:
        """The observation, and every breach that is seen from outside."""
        return self.run(program(attack, self.names()))

    def run(self, source: str) -> tuple[Any, list[str]]:
        """The same for any source, which may call `look()` to be examined."""
        self.seen.clear()
        stored = {path.name: path.read_bytes() for path in (self.runtime._core.folder / "vault").iterdir()}
        observation = self.session.run(source)
        breaches = [change for _word, found in self.seen for change in found]
        breaches += self.world.breaches(str(observation), *(word for word, _found in self.seen))
        breaches += [
            f"file {name}"
            for name in self.session.files.list()
            if self.world.token.encode() in self.session.files.read(name)
        ]
        for path in (self.runtime._core.folder / "vault").iterdir():
            if stored.get(path.name, path.read_bytes()) != path.read_bytes():
                breaches.append(f"the stored state {path.name} was changed")
        if self.launcher._zygote.pid != self._zygote or self._sibling_pid not in self.launcher._alive:
            breaches.append("the zygote or another session's worker is gone")
        left = self.session._state.files().folder
        breaches += [
            f"{path} has the mode {path.lstat().st_mode:o}" for path in left.rglob("*") if path.lstat().st_mode & 0o7000
        ]
        for path in left.iterdir():
            self.session.files.delete(path.name)
        return observation, breaches

    def close(self) -> None:
        self._release.set()
        self._thread.join()
        self.runtime.close()
