"""The figures of the table."""

from __future__ import annotations

import pytest

from safe_codeact.evaluation.record import Record
from safe_codeact.evaluation.summary import bootstrap, difference, summarize, wilson


def record(task, style, solved, turns=1, tokens=100, attempt=1):
    return Record(
        task=task, style=style, attempt=attempt, key="k", model="m", solved=solved, answer=1, stopped_by="answer", turns=turns, tokens=tokens
    )  # fmt: skip


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)  # fmt: skip
def test_wilsons_interval_is_the_published_one(successes, trials, low, high):
    """Without continuity correction; 81 of 263 and 15 of 148 are the examples of R. G. Newcombe (1998), method 3."""
    found = wilson(successes, trials)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_bootstrap_holds_the_mean_and_comes_out_the_same_again():
    """And has no width where there is no spread."""
    values = [1.0, 2.0, 3.0, 10.0, 4.0, 2.0, 7.0]
    found = bootstrap(values)
    assert found == bootstrap(values)
    assert found.value == pytest.approx(29 / 7)
    assert found.low < found.value < found.high
    assert bootstrap([3.0, 3.0]).low == bootstrap([3.0, 3.0]).high == 3.0


def test_attempts_at_the_same_task_do_not_narrow_the_interval():
    """Ten attempts at each of four tasks say as much about other tasks as the four."""
    once = [record(f"d/{n}", "code", n < 2) for n in range(4)]
    often = [record(f"d/{n}", "code", n < 2, attempt=a) for n in range(4) for a in range(10)]
    one, ten = summarize(once, "code"), summarize(often, "code")
    assert one.rate == ten.rate
    assert (ten.tasks, ten.runs, ten.solved) == (4, 40, 20)


def test_a_difference_is_over_the_tasks_that_both_have():
    """Task by task: what only one format was tried on does not count."""
    records = [record("d/a", "code", True, 1), record("d/b", "code", True, 1), record("d/c", "code", False, 30)]
    records += [record("d/a", "json", False, 5), record("d/b", "json", True, 3)]
    found = difference(records, "code", "json")
    assert (found.tasks, found.rate.value, found.turns.value) == (2, 0.5, -3.0)
    assert difference(records, "code", "text") is None
    assert summarize(records, "text") is None
