"""Native code against the kernel layer alone: the gate is off, and the evidence is taken from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernel_attacks_files
import kernel_attacks_memory
import kernel_attacks_processes
import pytest
from kernel_prelude import Attack, exists_here, program
from kernel_world import World, changes, examine

from safe_codeact import Policy, Runtime, tool

ATTACKS = [
    attack
    for table in (kernel_attacks_files, kernel_attacks_processes, kernel_attacks_memory)
    for attack in table.ATTACKS
    if exists_here(attack)
]
CONTROLLED = [
    attack
    for attack in ATTACKS
    if attack.control == "breaches" or (attack.control == "as root" and os.geteuid() == 0)
]


def _named(attack: Attack) -> str:
    return f"{attack.kind}: {attack.name}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


class Siege:
    """A runtime without a gate, a session that attacks, and another one that is in the middle of its work."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: list[tuple[str, list[str]]] = []
        self._held = threading.Event()
        self._release = threading.Event()
        policy = Policy.from_dict({
            "version": 1, "name": "siege", "extends": "unrestricted",
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
            STANDBY=next(iter(self.launcher._alive)) if not self.launcher._ready else self.launcher._ready[-1].pid,
            SIBLING=self._sibling_pid,
            SIBLING_SLOT=str(self._sibling_slot),
            STATE=str(self.runtime._core.folder / "state"),
        )

    def attack(self, attack: Attack) -> tuple[Any, list[str]]:
        """The observation, and every breach that is seen from outside."""
        self.seen.clear()
        stored = {path.name: path.read_bytes() for path in (self.runtime._core.folder / "state").iterdir()}
        observation = self.session.run(program(attack, self.names()))
        breaches = [change for _word, found in self.seen for change in found]
        breaches += self.world.breaches(str(observation), *(word for word, _found in self.seen))
        breaches += [
            f"file {name}"
            for name in self.session.files.list()
            if self.world.token.encode() in self.session.files.read(name)
        ]
        for path in (self.runtime._core.folder / "state").iterdir():
            if stored.get(path.name, path.read_bytes()) != path.read_bytes():
                breaches.append(f"the stored state {path.name} was changed")
        if self.launcher._zygote.poll() is not None or self._sibling_pid not in self.launcher._alive:
            breaches.append("the zygote or another session's worker is gone")
        for name in self.session.files.list():
            self.session.files.delete(name)
        return observation, breaches

    def close(self) -> None:
        self._release.set()
        self._thread.join()
        self.runtime.close()


@pytest.fixture(scope="module")
def siege(world: World) -> Iterator[Siege]:
    made = Siege(world)
    yield made
    made.close()


def test_there_are_attacks_enough_and_no_two_are_the_same() -> None:
    """At least 80 attacks, each of its own."""
    sources = [attack.source for attack in ATTACKS]
    assert len(set(map(_named, ATTACKS))) == len(ATTACKS) == len(set(sources)) >= 80


@pytest.mark.parametrize("attack", ATTACKS, ids=_named)
def test_an_attack_by_native_code_is_contained(attack: Attack, siege: Siege) -> None:
    """Nothing outside has changed, nothing came out, and the worker itself is what it was."""
    observation, breaches = siege.attack(attack)
    assert not breaches, observation.text
    if attack.ends == "killed":
        assert observation.outcome == "forbidden_syscall", observation.text
    else:
        assert observation.outcome == "completed", observation.text
        assert [_claims_nothing(word) for word, _ in siege.seen] == [True], siege.seen


def _claims_nothing(word: str) -> bool:
    return word.partition("#")[0] in ("None", "False", "[]") or word.startswith("-")


def test_after_all_of_them_host_zygote_and_other_sessions_are_as_they_were(siege: Siege) -> None:
    """The attacking session kept its own names, and the session beside it finishes its work."""
    zygote = siege.launcher._zygote.pid
    assert siege.session.run("kept").value == "'kept'"
    assert siege.launcher._zygote.pid == zygote
    siege._release.set()
    siege._thread.join()
    assert siege._sibling_result.value == "True", siege._sibling_result.text


# ---- the same attacks where nothing holds them


class Plain:
    """A process that nothing confines, which runs each attack in a fork."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).parent / "kernel_plain.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, cwd=folder,
        )  # fmt: skip
        self._clean: dict[str, Any] | None = None
        clean = Attack(kind="", name="", source="")
        self._run(clean)

    def _run(self, attack: Attack) -> tuple[list[str], list[str]]:
        self.world.reset()
        source = program(attack, self.world.names(ZYGOTE=0, STANDBY=0, SIBLING=0, SIBLING_SLOT="", STATE=""))
        self._send({"source": source})
        words, found = [], []
        while "status" not in (heard := self._hear()):
            examined = examine(heard["pid"])
            self._clean = self._clean or examined
            words.append(heard["word"])
            found += changes(self._clean, examined, "") + self.world.breaches()
            self._send({})
        return words, found + self.world.breaches(*words)

    def attack(self, attack: Attack) -> tuple[list[str], list[str]]:
        """What the attack says of itself, and what is seen from outside."""
        try:
            return self._run(attack)
        finally:
            self.world.reset()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(message) + "\n").encode())
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        heard: dict[str, Any] = json.loads(self._process.stdout.readline())
        return heard

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def plain(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    made = Plain(world, tmp_path_factory.mktemp("plain"))
    yield made
    made.close()


@pytest.mark.parametrize("attack", CONTROLLED, ids=_named)
def test_the_attack_is_real(attack: Attack, plain: Plain) -> None:
    """Unconfined, the same source is seen, from outside, to do harm."""
    words, breaches = plain.attack(attack)
    assert breaches, words


def test_attacks_on_what_not_every_machine_offers_are_real_where_it_does(plain: Plain) -> None:
    """Of those whose success nobody outside could see, or that a container may refuse, many succeed by their own word."""
    words = [plain.attack(attack)[0] for attack in ATTACKS if attack.control == "if offered"]
    assert sum(any(not _claims_nothing(word) for word in each) for each in words) >= len(words) // 4
