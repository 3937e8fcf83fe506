"""The language side by itself: gate, guards, stand-ins and audit hook, in processes that nothing confines. A program.

Threat: with everything on, a hole in the gate is covered by the kernel, and nobody learns of it. So the kernel layer is
imagined away: each example runs in a fork of this process, in which what it came to hold can be looked at (`loot`) and what
it set out to do is seen by a hook behind the product's own (`events`), which ends the process before it is done. Limits
bound what a program may use; the programs are ours, and what they are after is a canary.

The first line on standard input says what to prepare: {"policy": plain data, "tools": [names], "hole": a hole to make
first, or ""}. Then one JSON object per line, and one per line back:

    {"turns": [source, ...]}              run them, and say what came of it
    {"judge": source, "policies": [...]}  the verdict under each, twice
    {"both": source}                      run it gated, and as plain CPython does: only for programs known to be harmless
    {"plain": source, "moved": true}      the second of these again, with its objects elsewhere in memory
"""

from __future__ import annotations

import ast
import gc
import io
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import types
from typing import Any

from safe_codeact.fuzzing.oracles import events, loot

_WALL_SECONDS = 4.0
_CPU_SECONDS = 2
_JUDGE_SECONDS = 10  # as a host waits for a verdict
_MEMORY = 1 << 30
_SHORT = 20_000  # characters: longer ones are judged where they can be ended


class _Chamber:
    """What is prepared once, before the forks."""

    def __init__(self, given: dict[str, Any]) -> None:
        vault = sys.modules["vault"] = types.ModuleType("vault")
        exec(compile(loot.VAULT, "vault.py", "exec"), vars(vault))  # noqa: S102 - our own text
        from safe_codeact.guest import audit
        from safe_codeact.guest.interpreters import dispatch
        from safe_codeact.guest.worker import Equipment
        from safe_codeact.policy.effective import Policy

        self._audit, self._dispatch = audit, dispatch
        self.policy = Policy.from_plain(given["policy"])
        self.tools = tuple(given["tools"])
        self.equipment = Equipment.load(self.policy)
        self.readable = tuple({*events.library_prefixes(), *self.equipment.reach.readable})
        _warm(self.policy)
        gc.collect()
        gc.freeze()

    def is_refused(self, turns: list[str]) -> bool:
        """Whether nothing of this would run."""
        from safe_codeact.gate.check import judge

        return all(
            len(source) < _SHORT and not judge(source, self.policy, self.tools).report.allowed for source in turns
        )

    def answer(self, asked: dict[str, Any], folder: str, out: int) -> None:
        """In the child: what was asked for; does not return."""
        self._out, self._said = out, False
        os.chdir(folder)
        cpu = _JUDGE_SECONDS if "judge" in asked else _CPU_SECONDS
        for name, most in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_FSIZE, 1 << 20)):
            resource.setrlimit(name, (most, most))
        used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
        if "judge" in asked:
            self._tell({"verdicts": [self._verdict(asked["judge"], each) for each in asked["policies"]]})
        elif "plain" in asked:
            taken = [bytes(size) for size in range(8, 512, 8) for _ in range(997)] if asked.get("moved") else []
            self._tell({**_plainly(asked["plain"]), "taken": len(taken)})  # counted, so that it is held until here
        else:
            self._run(asked["turns"], folder, bool(asked.get("shown")))
        os._exit(0)

    def _verdict(self, source: str, plain: dict[str, Any]) -> list[Any]:
        from safe_codeact.gate.check import judge
        from safe_codeact.policy.effective import Policy

        policy = Policy.from_plain(plain)
        both = [judge(source, policy, self.tools).report.to_dict() for _time in range(2)]
        return [both[0]["allowed"], sorted({each["code"] for each in both[0]["findings"]}), both[0] == both[1]]

    def _run(self, turns: list[str], folder: str, shown: bool) -> None:
        printed = io.StringIO()
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(), printed, printed
        names: dict[str, Any] = {"__name__": "__main__"}
        self.equipment.facades.enter_worker(folder, printed, printed)
        provided = {name: _stub(name) for name in self.tools}
        names["__builtins__"] = self._dispatch.builtins_for(self.policy, self.equipment.facades, names, provided)
        make = self._audit.make_hook
        self._audit.make_hook = lambda given, workspace: events.judged_again(
            make(given, workspace), folder, self.readable, self._tell_and_end
        )
        if self.policy.language.restricted:
            self._audit.install(self.equipment.reach, folder)
        ended = [self._turn(source, names, printed) for source in turns]
        told = {"ended": ended, "loot": self._looted(names, printed)}
        self._tell({**told, "printed": _without_markers(printed.getvalue())} if shown else told)

    def _turn(self, source: str, names: dict[str, Any], printed: io.StringIO) -> str:
        from safe_codeact.gate.check import judge

        judgement = judge(source, self.policy, self.tools)
        if not judgement.report.allowed:
            return "refused"
        try:
            value = self._dispatch.run(judgement, names)
            if value is not self._dispatch.NOTHING:
                printed.write(repr(value)[:10_000])
        except BaseException as raised:
            try:
                printed.write(str(raised)[:10_000])
            except BaseException:
                return "raised"
            return "guarded" if type(raised).__name__ == "ActionRefused" else "raised"
        return "completed"

    def _looted(self, names: dict[str, Any], printed: io.StringIO) -> str:
        if loot.CANARY in printed.getvalue():
            return "the secret, printed"
        if self.policy.language.interpreter == "expression":
            held = [value for name, value in names.items() if not name.startswith("__")]
            if stray := loot.stray_in(held):
                return stray
        name_of = self.equipment.facades.name_of
        return loot.loot_in(dict.get(names, "loot"), lambda value: name_of(value) is not None)

    def _tell_and_end(self, what: str) -> None:
        if os.getpid() != _PARENT:
            self._tell({"ended": ["stopped"], "loot": what})
            os._exit(0)

    def _tell(self, answer: dict[str, Any]) -> None:
        if not self._said:
            self._said = True
            os.write(self._out, json.dumps(answer).encode())


def _stub(name: str) -> Any:
    def tool(*_arguments: Any, **_named: Any) -> None:
        return None

    tool.__name__ = tool.__qualname__ = name
    return tool


def _warm(policy: Any) -> None:
    """What the first judgement loads, before the forks."""
    from safe_codeact.gate.check import judge

    judge("import math\nclass A:\n    def f(self): return [x for x in (1, 2)]\nA().f()", policy, ())


def _without_markers(text: str) -> str:
    from safe_codeact.gate.names import plain_text

    return plain_text(text)


def _plainly(source: str) -> dict[str, Any]:
    """As plain CPython runs it: only for programs from the harmless grammar."""
    printed = io.StringIO()
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), printed, printed
    ended = "completed"
    try:
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        body = compile(tree, "<action>", "exec", dont_inherit=True)
        made = None
        if isinstance(last, ast.Expr):
            made = compile(ast.Expression(last.value), "<action>", "eval", dont_inherit=True)
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(body, names)  # noqa: S102 - the harmless grammar's
        if made is not None:
            printed.write(repr(eval(made, names))[:10_000])  # noqa: S307 - as above
    except SyntaxError:
        return {"ended": ["no program"], "loot": "", "printed": ""}
    except BaseException as raised:
        printed.write(str(raised)[:10_000])
        ended = "raised"
    return {"ended": [ended], "loot": "", "printed": printed.getvalue()}


def _answered(chamber: _Chamber, asked: dict[str, Any], folder: str) -> dict[str, Any]:
    if "turns" in asked and chamber.is_refused(asked["turns"]):
        return {"ended": ["refused"] * len(asked["turns"]), "loot": ""}  # a process for it would be one for nothing
    if "both" not in asked:
        return _answer(chamber, asked, folder)
    gated = _answer(chamber, {"turns": [asked["both"]], "shown": True}, folder)
    return {"gated": gated, "plain": _answer(chamber, {"plain": asked["both"]}, folder)}


def _answer(chamber: _Chamber, asked: dict[str, Any], folder: str) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            chamber.answer(asked, folder, writing)
        finally:
            os._exit(70)
    os.close(writing)
    seconds = _JUDGE_SECONDS + 2 if "judge" in asked else _WALL_SECONDS
    text, deadline = b"", time.monotonic() + seconds
    while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(reading, 65536)
        if not part:
            break
        text += part
    else:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _pid, status = os.waitpid(child, 0)
    if text:
        answer: dict[str, Any] = json.loads(text)
        return answer
    return {"ended": ["died"], "loot": "", "status": status}


_PARENT = os.getpid()


def main() -> None:
    given = json.loads(sys.stdin.readline())
    if given["hole"]:
        from safe_codeact.fuzzing.plants import plant

        plant(given["hole"], "guest")
    chamber = _Chamber(given)
    answers = sys.stdout
    with tempfile.TemporaryDirectory(prefix="safe_codeact-fuzz-") as folder:
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            for name in os.listdir(folder):
                if os.path.isfile(os.path.join(folder, name)):
                    os.unlink(os.path.join(folder, name))
            answers.write(json.dumps(_answered(chamber, json.loads(line), folder)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
