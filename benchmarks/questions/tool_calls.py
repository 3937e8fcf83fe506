"""What does a call of a host function from inside cost?"""

from __future__ import annotations

from benchmarks.figures import Answer, Figure, Sample, alternate
from safe_codeact import Policy, Runtime

CALLS = 400
ROUNDS = 40
_LOOP = "for n in range({calls}):\n    double(n)"


def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


def ask(scale: float) -> Answer:
    """An action that calls so often, less one that loops as often without."""
    policy = Policy.from_dict(
        {
            "version": 1, "extends": "strict", "limits": {"tool_calls": 10_000},
            "tools": {"double": {"why": "a tool", "max_calls": 10_000}},
        }
    )  # fmt: skip
    answer = Answer("tool-calls", "One tool call from inside")
    with Runtime(policy, tools=[double]) as runtime:
        session = runtime.session()
        taken = alternate(
            {
                "calls": lambda: _done(session.run(_LOOP.format(calls=CALLS)).outcome),
                "none": lambda: _done(session.run(f"for n in range({CALLS}):\n    abs(n)").outcome),
            },
            max(int(ROUNDS * scale), 5),
            pause=0.03,
        )
    each = Sample(
        tuple(1000 * (a - b) / CALLS for a, b in zip(taken["calls"].values, taken["none"].values, strict=True))
    )
    answer.figures = [
        Figure(
            question="tool-calls",
            what="tool call, median",
            value=each.median,
            unit="µs",
            at_most=100.0,
            measured=each.spread,
        )
    ]
    return answer


def _done(outcome: str) -> None:
    assert outcome == "completed", outcome
