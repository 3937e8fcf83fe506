"""Every shipped task, in every format, played over HTTP through the loop that users have."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from safe_codeact.demo.server import ChatHandler, LoopbackServer
from safe_codeact.evaluation.document import InvalidTasks
from safe_codeact.evaluation.player import MODEL, ReferencePlayer
from safe_codeact.evaluation.record import Ledger
from safe_codeact.evaluation.run import MOST_FAILURES, Endpoint, Evaluation, NotMade, Terms
from safe_codeact.evaluation.tasks import load, shipped

STYLES = ("code", "json", "text")


def endpoint(player):
    return Endpoint(model=MODEL, base_url=player.base_url, api_key=player.api_key)


def _two_of_each(files):
    return [dataclasses.replace(file, tasks=file.tasks[:2]) for file in files]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Two tasks of each domain: the records' file, and the requests that were made."""
    path = tmp_path_factory.mktemp("evaluation") / "results.jsonl"
    files = _two_of_each(load(shipped()))
    with ReferencePlayer(files) as player:
        evaluation = Evaluation(files, endpoint(player), Terms(styles=STYLES), Ledger(path))
        results = list(evaluation.run())
        requests = list(player.requests)
    return path, results, requests


def test_every_shipped_task_is_solved_by_its_code():
    """The reference solutions run in real sessions."""
    files = load(shipped())
    with ReferencePlayer(files) as player:
        results = list(Evaluation(files, endpoint(player), Terms(styles=("code",)), Ledger(None)).run())
    assert len(results) == sum(len(file.tasks) for file in files)
    assert [(one.task, one.answer) for one in results if not one.solved] == []


def test_a_task_is_solved_in_each_format(played):
    """The same answers are reached one call at a time; `safe-codeact eval --reference` does it with every task."""
    _, results, _ = played
    assert len(results) == 3 * 2 * len(load(shipped()))
    assert [(one.task, one.style, one.answer) for one in results if not one.solved] == []


def test_json_and_text_make_one_call_a_turn_and_code_makes_them_all(played):
    """So the calls are the same in number, and the turns are not."""
    _, results, _ = played
    by_task = {}
    for one in results:
        by_task.setdefault(one.task, {})[one.style] = one
    for styles in by_task.values():
        code, as_json, text = (styles[name] for name in STYLES)
        assert as_json.tool_calls == text.tool_calls == code.tool_calls
        assert as_json.turns == text.turns == as_json.tool_calls + 1
        assert code.turns <= 2
        assert as_json.returned == text.returned == code.returned == 0
        assert not as_json.tokens_estimated


def test_each_reply_in_json_and_text_is_one_call_or_the_answer(played):
    """As the endpoint was shown them again: no code, no second call, nothing computed in a call."""
    *_, requests = played
    replies = {(request["messages"][0]["content"][:2_000].count('{"tool"'), message["content"]) for request in requests for message in request["messages"] if message["role"] == "assistant"}  # fmt: skip
    calls = [text for is_json, text in replies if is_json]
    lines = [text for is_json, text in replies if not is_json and "```" not in text]
    assert len(calls) > 25
    assert len(lines) > 25
    assert all(text.count('{"tool"') == 1 for text in calls)
    assert all(re.fullmatch(r"I need to know what \w+ says\.\nAction: \w+\(.*\)", text) for text in lines)


def test_a_run_that_was_stopped_goes_on_where_it_stopped(played, tmp_path):
    """What is recorded is not run again; a torn line is; a record of other terms is none of this run's."""
    path, results, _ = played
    kept = tmp_path / "kept.jsonl"
    whole = path.read_bytes()
    kept.write_bytes(whole[:-20])
    files = _two_of_each(load(shipped()))
    with ReferencePlayer(files) as player:
        evaluation = Evaluation(files, endpoint(player), Terms(styles=STYLES), Ledger(kept))
        assert len(evaluation.made()) == len(results) - 1
        (again,) = evaluation.run()
        assert (again.task, again.style, again.solved) == (results[-1].task, results[-1].style, True)
        assert list(evaluation.run()) == []
        other = Evaluation(files, endpoint(player), Terms(styles=STYLES, max_turns=5), Ledger(kept))
        assert other.made() == []
    lines = kept.read_text().splitlines()
    assert len(lines) == len(results)
    assert all(json.loads(line)["solved"] for line in lines)


@pytest.mark.parametrize("text", ['{"a": 1}\nmy notes\n', "my notes", '{"a": 1}', '{"task": 1}\n'])
def test_a_file_that_holds_something_else_is_not_written_to(text, tmp_path):
    """Only a line that we began is cut off; anything else in the file is its owner's."""
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(
        InvalidTasks, match=r"notes.txt(:1)?: is no (file of results|result of an evaluation): name another"
    ):
        Ledger(path)
    assert path.read_text() == text


@pytest.fixture
def other_shop(tmp_path):
    """The shop with another stock: what was sold out is there, and a tea is gone."""
    folder = Path(shipped()[0]).parent
    tools = (folder / "shop.py").read_text().replace('"Black harbour", 4.9, 0', '"Black harbour", 4.9, 7')
    tools = tools.replace('"Mint garden", 5.2, 8', '"Mint garden", 5.2, 0')
    (tmp_path / "shop.py").write_text(tools)
    shutil.copy(folder / "shop.yaml", tmp_path)
    (file,) = load([tmp_path / "shop.yaml"])
    task = next(task for task in file.tasks if task.id == "shop/sold-out")
    return [type(file)(path=file.path, domain=file.domain, tools=file.tools, tasks=(task,))]


def test_the_player_knows_no_answers(other_shop):
    """With another stock behind the tools it comes to another answer, which the task then does not expect."""
    with ReferencePlayer(other_shop) as player:
        results = list(Evaluation(other_shop, endpoint(player), Terms(styles=STYLES), Ledger(None)).run())
    for one in results:
        assert not one.solved
        answer = one.answer if isinstance(one.answer, list) else json.loads(one.answer)
        assert sorted(answer) == ["Decaf", "Lemon tart", "Mint garden"]


def test_an_endpoint_that_fails_leaves_no_record(other_shop, tmp_path):
    """A failure is nobody's wrong answer; after three in a row the rest is not tried."""

    class Down(ChatHandler):
        def respond(self, request):
            self.send_error_object(400, "out of order")

    path = tmp_path / "results.jsonl"
    with LoopbackServer((), handler=Down) as server:
        terms = Terms(styles=STYLES, attempts=2)
        results = list(Evaluation(other_shop, endpoint(server), terms, Ledger(path)).run())
    assert [type(one) for one in results] == [NotMade] * MOST_FAILURES
    assert "out of order" in results[0].reason
    assert path.read_bytes() == b""
