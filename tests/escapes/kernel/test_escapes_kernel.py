"""Native code against the kernel layer alone: the gate is off, and the evidence is taken from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernel_attacks_files
import kernel_attacks_memory
import kernel_attacks_processes
import pytest
from kernel_prelude import Attack, exists_here, program
from kernel_siege import Siege, claims_nothing
from kernel_world import World, changes, examine

ATTACKS = [
    attack
    for table in (kernel_attacks_files, kernel_attacks_processes, kernel_attacks_memory)
    for attack in table.ATTACKS
    if exists_here(attack)
]
CONTROLLED = [
    attack for attack in ATTACKS if attack.control == "breaches" or (attack.control == "as root" and os.geteuid() == 0)
]


def _named(attack: Attack) -> str:
    return f"{attack.kind}: {attack.name}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


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
        assert [claims_nothing(word) for word, _ in siege.seen] == [True], siege.seen


def test_after_all_of_them_host_zygote_and_other_sessions_are_as_they_were(siege: Siege) -> None:
    """The attacking session kept its own names, and the session beside it finishes its work."""
    assert siege.session.run("kept").value == "'kept'"
    assert siege.launcher._zygote.pid == siege._zygote
    siege._release.set()
    siege._thread.join()
    assert siege._sibling_result.value == "True", siege._sibling_result.text


def test_with_namespaces_around_all_of_it_nothing_gets_further(world: World) -> None:
    """Every attack once more, where the machine offers them: other paths through the kernel, the same end."""
    siege = Siege(world, "preferred")
    try:
        found = {}
        for attack in ATTACKS:
            observation, breaches = siege.attack(attack)
            if breaches or (attack.ends == "killed") != (observation.outcome == "forbidden_syscall"):
                found[_named(attack)] = (breaches, observation.text)
        assert not found
        prepared = siege.launcher.prepared()
        assert bool(prepared.namespaces) is not bool(prepared.not_entered)
    finally:
        siege.close()


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
    assert sum(any(not claims_nothing(word) for word in each) for each in words) >= len(words) // 4
