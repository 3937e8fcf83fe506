"""Runs programs as a worker would, with the kernel layer imagined away: judged, guarded, each in a fork of one zygote.

Used as a script: JSON on standard input (`policy`, `mode`, `programs`: each a list of turns in a folder of its own),
JSON out: for each program the outcomes of its turns. The libraries are patched in here and nowhere else.
"""

from __future__ import annotations

import ast
import functools
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(
    programs: list[str | list[str]], policy: str = "analysis", *, mode: str = "gated"
) -> list[list[dict[str, Any]]]:
    """What each turn of each program printed, returned or raised; with `mode="plain"`, in CPython without any of this."""
    turns = [[each] if isinstance(each, str) else each for each in programs]
    request = json.dumps({"policy": policy, "programs": turns, "mode": mode})
    environment = {
        "PATH": os.environ["PATH"],
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
    }
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, __file__],
            input=request,
            capture_output=True,
            text=True,
            env=environment | {"MPLCONFIGDIR": cache, "HOME": cache},
            cwd=cache,
            timeout=300,
        )
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def sweep(policy: str) -> list[str]:
    """What the sweep of `modules_sweep` found."""
    return run([], policy, mode="sweep")  # type: ignore[return-value]


def one(program: str, policy: str = "analysis") -> dict[str, Any]:
    return run([program], policy)[0][0]


def _policy(name: str) -> Any:
    from safe_codeact.policy.effective import Policy

    return Policy.load(name) if name in ("strict", "analysis") else Policy.from_dict(json.loads(name))


def _main() -> None:
    request = json.load(sys.stdin)
    if request["mode"] == "plain":
        from safe_codeact.guest import preload

        preload.load(_policy(request["policy"]))  # imported once, as in the other mode, and nothing else
        turns: Callable[[str, list[str]], Any] = _plain
    elif request["mode"] == "sweep":
        from modules_sweep import sweep

        print(json.dumps(sweep(_prepared(request["policy"])[1])))
        return
    else:
        from safe_codeact.guest import audit

        policy, modules = _prepared(request["policy"])
        files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
        turns = functools.partial(_turns, policy, modules, audit.reach(policy, files))
    print(json.dumps([_forked(turns, program) for program in request["programs"]]))


def _prepared(name: str) -> tuple[Any, Any]:
    from safe_codeact.guest import preload
    from safe_codeact.guest.modules import Modules

    policy = _policy(name)
    preload.load(policy)
    modules = Modules(policy)
    preload.warm(policy)
    return policy, modules


def _plain(folder: str, turns: list[str]) -> list[dict[str, Any]]:
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    results = []
    for source in turns:
        out = io.StringIO()
        results.append({"out": "", "value": None, "raised": None, "message": "", "findings": []})
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = out
        try:
            exec(compile(tree, "<action>", "exec", dont_inherit=True), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<action>", "eval", dont_inherit=True), names)
                results[-1]["value"] = None if value is None else repr(value)
        except BaseException as error:
            results[-1].update(raised=type(error).__name__, message=str(error).replace(folder, "WORKSPACE"))
        finally:
            sys.stdout, sys.stderr = before
        results[-1]["out"] = out.getvalue().replace(folder, "WORKSPACE")
    return results


def _forked(run_turns: Callable[[str, list[str]], Any], turns: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            try:
                answer = json.dumps(run_turns(str(Path(folder).resolve()), turns))
            except BaseException as error:
                answer = json.dumps([{"raised": "driver", "message": repr(error)}])
            with os.fdopen(writing, "w") as pipe:
                pipe.write(answer)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            answer = pipe.read()
        _, status = os.waitpid(pid, 0)
        return json.loads(answer) if answer else [{"raised": "died", "message": str(status)}]


def _turns(policy: Any, modules: Any, reach: Any, workspace: str, turns: list[str]) -> list[dict[str, Any]]:
    from safe_codeact.gate.check import judge
    from safe_codeact.gate.names import plain_text
    from safe_codeact.guest import audit
    from safe_codeact.guest.guards import guarded_builtins
    from safe_codeact.guest.interpreters import compiled
    from safe_codeact.guest.modules import unopened
    from safe_codeact.guest.modules.files import guarded_open

    names: dict[str, Any] = {"__name__": "__main__"}
    builtins = guarded_builtins(policy, modules.importer, namespace=names, open_=guarded_open, tools={})
    names["__builtins__"] = builtins
    results = []
    given = workspace if policy.filesystem.workspace != "none" else ""
    for number, source in enumerate(turns):
        out = io.StringIO()
        results.append({"out": "", "value": None, "raised": None, "message": "", "findings": []})
        judgement = judge(source, policy, [])
        if not judgement.report.allowed:
            findings = [f"{each.code} {each.message} {each.hint}".strip() for each in judgement.report.findings]
            results[-1].update(raised="refused", findings=findings, message=" ".join(findings))
            continue
        modules.enter_worker(given, out, out)
        if not number:
            unopened.install(reach)
            audit.install(reach, given)
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = out
        try:
            value = compiled.run(judgement, names)
            results[-1]["value"] = None if value is compiled.NOTHING or value is None else plain_text(repr(value))
            results[-1]["figures"] = [name for name, _ in modules.collect_figures()]
        except BaseException as error:
            message = plain_text(str(error)).replace(workspace, "WORKSPACE")
            results[-1].update(raised=type(error).__name__, message=message)
        finally:
            sys.stdout, sys.stderr = before
        results[-1]["out"] = plain_text(out.getvalue()).replace(workspace, "WORKSPACE")
    return results


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2] / "escapes" / "modules"))
    _main()
