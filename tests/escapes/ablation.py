"""Layer ablation: every attack with all layers on, with the gate off, and with the kernel layer off.

* all on: a policy with its gate, a real worker; the outside is watched.
* gate off: `unrestricted`, a real worker; the outside is watched, and the worker itself, in the middle of the action.
* kernel off: gate and guards in a plain process that nothing confines, which no policy can ask for; an attempt has
  escaped when it holds what it is after.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "kernel"), str(HERE / "language"), str(HERE.parent / "gate")]

import gated_runs  # noqa: E402
import test_escapes_kernel  # noqa: E402
import test_escapes_language  # noqa: E402
from kernel_prelude import program  # noqa: E402
from kernel_siege import Siege  # noqa: E402
from kernel_world import World  # noqa: E402

from safe_codeact import Policy, Runtime, check  # noqa: E402

LANGUAGE = [
    source.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    for _, source in test_escapes_language.EVERY
]
NATIVE = test_escapes_kernel.ATTACKS
_TOGETHER = 24  # attempts in one action

_VAULT = f"""
import sys, types
vault = sys.modules['vault'] = types.ModuleType('vault')
exec(compile({gated_runs._VAULT!r}, 'vault.py', 'exec'), vars(vault))
"""
_EACH = """
for source in SOURCES:
    try:
        exec(compile(source, '<attempt>', 'exec'), {'__name__': '__main__'})
    except BaseException:
        pass
    look('')
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the corpus: attacks, and how many were contained under each condition."""

    corpus: str
    attacks: int
    all_on: int
    gate_off: int
    kernel_off: int


def gate_off_language(siege: Siege, sources: list[str]) -> dict[str, list[str]]:
    """Attempts that breached something with the gate off, and what."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(sources), _TOGETHER):
        group = sources[start : start + _TOGETHER]
        found |= dict(_try(siege, group))
    return found


def _try(siege: Siege, group: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A group that was ended in its middle is tried one by one: each attempt counts."""
    text = "\n".join([_VAULT, f"SOURCES = {group!r}", _EACH])
    observation, breaches = siege.run(text)
    ended = observation.outcome != "completed"
    if (ended or breaches) and len(group) > 1:
        for source in group:
            yield from _try(siege, [source])
    elif breaches:
        yield group[0], breaches


def gate_off_native(siege: Siege) -> list[str]:
    """Names of the native attacks that breached something with the gate off."""
    return [attack.name for attack in NATIVE if siege.attack(attack)[1]]


def gate_allows_native() -> list[str]:
    """Names of the native attacks that the gate of `analysis` would let run, given what they cannot do without."""
    needs = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\ncall = libc.syscall\n"
    policy = Policy.load("analysis")
    return [attack.name for attack in NATIVE if check(needs + attack.source, policy=policy).allowed]


def all_on(world: World, sources: list[str]) -> list[str]:
    """Sources that breached something outside, under `analysis`."""
    world.reset()
    breached = []
    with Runtime("analysis") as runtime:
        session = runtime.session()
        for source in sources:
            observation = session.run(source)
            if world.breaches(str(observation)):
                breached.append(source)
                world.reset()
    return breached


def kernel_off_language(sources: list[str]) -> dict[str, Any]:
    """Attempts that got what they are after through gate and guards, in a process that nothing confines."""
    results = zip(sources, gated_runs.run_all(sources, "gated"), strict=True)
    return {source: result for source, result in results if result["loot"]}


def table() -> list[Row]:
    """The whole corpus under all conditions."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        siege = Siege(world)
        try:
            language = gate_off_language(siege, LANGUAGE)
            native = gate_off_native(siege)
            texts = [program(attack, siege.names()) for attack in NATIVE]
        finally:
            siege.close()
        rows = [
            Row("language", len(LANGUAGE), len(LANGUAGE) - len(all_on(world, LANGUAGE)), len(LANGUAGE) - len(language),
                len(LANGUAGE) - len(kernel_off_language(LANGUAGE))),
            Row("native code", len(NATIVE), len(NATIVE) - len(all_on(world, texts)), len(NATIVE) - len(native),
                len(NATIVE) - len(gate_allows_native())),
        ]  # fmt: skip
        world.close()
    return rows
