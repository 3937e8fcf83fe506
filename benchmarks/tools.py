"""What a call of a tool costs: from the action to the host and back, beside what peers do inside one process.

`python benchmarks/tools.py`. A call here crosses two processes: encoded and sent, decoded and judged (name, budgets, types by
pydantic), run in a thread of the host that it may hang in, recorded, encoded and sent back. A peer's call inside the process
is a function call; the ratio says what the wall costs. Each figure is the median of actions of 1,000 calls.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable

from safe_codeact import Policy, Runtime, tool

CALLS = 1_000
ROUNDS = 7
SOURCE = f"""
import time
spent = []
for n in range({CALLS}):
    began = time.perf_counter()
    score(n, 'word')
    spent.append(time.perf_counter() - began)
final_answer(spent)
"""
POLICY = Policy.from_dict(
    {
        "version": 1,
        "extends": "strict",
        "language": {"imports": [{"module": "time", "facade": True, "why": "the benchmark"}]},
        "limits": {"tool_calls": 10 * CALLS},
        "tools": {"score": {"why": "the benchmark", "max_calls": 10 * CALLS}},
    }
)


def score(n: int, word: str = "") -> int:
    """A tool that does nothing, so that all that is measured is the way."""
    return n + len(word)


def ours() -> list[float]:
    """Seconds of each call of warm actions."""
    spent: list[float] = []
    with Runtime(POLICY, tools=[tool(score)]) as runtime:
        session = runtime.session()
        session.run("score(1)")
        for _ in range(ROUNDS):
            observation = session.run(SOURCE)
            assert observation.outcome == "completed", observation.text
            assert len(observation.tool_calls) == CALLS
            spent.append(statistics.median(observation.final_answer))
    return spent


def _per_call(run: Callable[[], object]) -> list[float]:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        spent.append((time.perf_counter() - began) / CALLS)
    return spent


def plain() -> list[float]:
    """A function call in the same process, by exec."""
    code = compile(f"for n in range({CALLS}): score(n, 'word')", "<benchmark>", "exec")
    return _per_call(lambda: exec(code, {"score": score}))


def by_asteval() -> list[float]:
    """asteval's interpreter, in the same process."""
    import asteval

    interpreter = asteval.Interpreter(user_symbols={"score": score})
    return _per_call(lambda: interpreter(f"for n in range({CALLS}): score(n, 'word')"))


def by_smolagents() -> list[float]:
    """smolagents' local executor, in the same process."""
    from smolagents.local_python_executor import LocalPythonExecutor

    executor = LocalPythonExecutor(additional_authorized_imports=[])
    executor.send_tools({"score": score})  # type: ignore[dict-item]
    return _per_call(lambda: executor(f"for n in range({CALLS}): score(n, 'word')"))


PEERS = {"asteval": by_asteval, "smolagents": by_smolagents}


def main() -> None:
    """Print the table."""
    rows = {"safe_codeact, a warm action": ours(), "a function call, exec": plain()}
    for name, measure in PEERS.items():
        if importlib.util.find_spec(name) is not None:
            rows[f"{name}, in process"] = measure()
    base = statistics.median(rows["a function call, exec"])
    for name, spent in rows.items():
        median = statistics.median(spent)
        print(f"{name:32} {median * 1e6:9.2f} µs   best {min(spent) * 1e6:9.2f} µs   {median / base:8.1f}×")


if __name__ == "__main__":
    main()
