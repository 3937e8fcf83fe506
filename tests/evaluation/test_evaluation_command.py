"""`safe-codeact eval`, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from safe_codeact.cli import app
from safe_codeact.errors import SafeCodeActError


def command(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "safe_codeact", "eval", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def test_the_reference_is_played_and_the_table_printed_and_nothing_run_twice(tmp_path):
    """The table names its intervals; the second time, every result is in the file."""
    options = ("--reference", "--only", "shop/sold-out", "--actions", "code,text", "--out", tmp_path / "out.jsonl")
    first = command(*options)
    assert first.returncode == 0, first.stderr
    assert "shop/sold-out code: solved (answer, 1 turns" in first.stderr
    table = first.stdout.splitlines()
    assert table[0] == "model reference, 2 of 2 attempts"
    assert table[2].split() == ["actions", "solved", "success", "rate", "turns", "tokens", "calls"]
    assert table[3].startswith("code     1 of 1  100.0 % (20.7 % to 100.0 %)  1.0 (1.0 to 1.0)")
    assert table[4].startswith("text     1 of 1  100.0 % (20.7 % to 100.0 %)  15.0 (15.0 to 15.0)")
    assert "Wilson's for rates" in first.stdout
    again = command(*options, "--format", "json")
    assert again.returncode == 0
    assert again.stderr.strip().endswith("out.jsonl already")
    document = json.loads(again.stdout)
    assert (document["wanted"], document["made"]) == (2, 2)
    assert [one["style"] for one in document["formats"]] == ["code", "text"]
    assert [record["solved"] for record in document["records"]] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--actions", "code,yaml"], "--actions code,yaml: expected each at most once of code, json, text, as in code,json."),
        (["--only", "nothing/*"], "--only nothing/*: no task fits; the domains are flights, pages, shop, tables, workshop"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory."),
        ([], "needs a key. Set OPENAI_API_KEY"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_told_before_anything_starts(arguments, message, monkeypatch, capsys):
    """One sentence, which becomes status 2; nothing is printed as a result."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SafeCodeActError) as caught:
        app.invoke(["eval", *arguments])
    assert message in str(caught.value)
    assert capsys.readouterr().out == ""


def test_an_endpoint_that_is_down_is_status_one():
    """And no traceback: each attempt that was not made is a line."""
    down = command(
        "--base-url", "http://127.0.0.1:9/v1", "--only", "shop/sold-out", "--actions", "code", "--patience", "0.1"
    )
    assert down.returncode == 1
    assert "shop/sold-out code: not made: the model endpoint http://127.0.0.1:9/v1" in down.stderr
    assert down.stdout.startswith("model -, 0 of 1 attempts")
