"""The host's end of `inside`: starts the process, hands it examples, and starts another one when it has died."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from safe_codeact.fuzzing import planted
from safe_codeact.policy.effective import ImportRule, Policy
from safe_codeact.runtime import _cache_folder

_ROOT = str(Path(__file__).resolve().parents[3])
_END_SECONDS = 5.0
_PROGRAM = f"import sys; sys.path.append({_ROOT!r}); from safe_codeact.fuzzing.oracles.inside import main; main()"


def with_vault(policy: Policy) -> Policy:
    """The policy, and one library more: the application's own, which keeps a secret in its private parts."""
    vault = ImportRule(module="vault", why="what attempts are after")
    return replace(policy, language=replace(policy.language, imports=(*policy.language.imports, vault)))


class Chamber:
    """A context manager; `run` takes turns of one example and gives what came of them."""

    def __init__(self, policy: Policy, tools: tuple[str, ...] = ()) -> None:
        self._given = {"policy": with_vault(policy).to_plain(), "tools": list(tools), "hole": planted.hole()}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-s", "-P", "-W", "ignore", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if not os.environ.get("SAFE_CODEACT_TRACEBACK") else None,
            text=True,
            cwd="/",
            env={**_QUIET, "PATH": "/usr/bin:/bin"},
        )
        answer = self._say(self._given)
        if answer != "ready":
            _out, problem = self._process.communicate()
            raise RuntimeError(f"the chamber did not start: {(problem or '').strip()[-2000:]}")

    def run(self, turns: list[str]) -> dict[str, Any]:
        """`ended` for each turn (refused, guarded, raised, completed; stopped, died) and `loot`, in words."""
        return self._ask({"turns": turns})

    def judge(self, source: str, policies: list[Policy]) -> list[list[Any]]:
        """For each policy: whether it allows the source, the codes of its findings, and whether it says so twice. Empty:
        the process that judged died, or took too long."""
        given = [policy.to_plain() for policy in policies]
        return self._ask({"judge": source, "policies": given}).get("verdicts", [])  # type: ignore[no-any-return]

    def both(self, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A harmless program gated, and in plain CPython: `ended` and `printed`."""
        answer = self._ask({"both": source})
        return answer.get("gated", answer), answer.get("plain", answer)

    def elsewhere(self, source: str) -> dict[str, Any]:
        """As the second of `both`, with its objects at other addresses."""
        return self._ask({"plain": source, "moved": True})

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        answer = self._say(what)
        if not answer:
            self._end()
            self._start()
            return {"ended": ["died"], "loot": ""}
        result: dict[str, Any] = json.loads(answer)
        return result

    def _say(self, line: dict[str, Any]) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._process.stdout.readline().strip()

    def _end(self) -> None:
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()  # it then ends by itself, and removes its folder
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._end()


_QUIET = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": str(_cache_folder()),
}
