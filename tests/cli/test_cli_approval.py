"""`--tools FILE` and the question in the terminal: the call is shown, and only a yes is a yes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from safe_codeact import ToolCall
from safe_codeact.cli.app import invoke
from safe_codeact.cli.approval import Prompt, shown
from safe_codeact.cli.sources import UnusableInput
from safe_codeact.host.tool import Preview

_TOOLS = '''
from safe_codeact import tool

@tool
def pay(amount: int) -> str:
    """Pays."""
    return f"paid {amount}"
'''
_POLICY = "version: 1\nextends: strict\ntools: {pay: {why: a test, approval: ask}}\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _call(source: str = "pay(5)", **arguments: object) -> ToolCall:
    preview = Preview(
        source=source, tools=("pay", "search"), imports=(), workspace="rw", files=("in.csv",), readable=("/srv/data",)
    )
    return ToolCall(name="pay", arguments=arguments, preview=preview)


@pytest.mark.parametrize(
    ("answer", "approved", "reason"),
    [("y\n", True, ""), ("YES\n", True, ""), ("\n", False, ""), ("", False, ""), ("n\n", False, ""), ("too much\n", False, "too much"),
     ("yes please\n", False, "yes please")],
)  # fmt: skip
def test_only_a_yes_is_a_yes(answer: str, approved: bool, reason: str) -> None:
    stopped: list[bool] = []
    screen = io.StringIO()
    decision = Prompt(lambda: stopped.append(True), answers=_Terminal(answer), screen=screen)(_call(amount=5))
    assert (decision.approved, decision.reason) == (approved, reason)
    assert stopped == [True]
    assert screen.getvalue().endswith("Allow this call? [y/N, or why not] ")


def test_where_nobody_sits_the_answer_is_no() -> None:
    decision = Prompt(answers=io.StringIO("y\n"), screen=io.StringIO())(_call(amount=5))
    assert (decision.approved, decision.reason) == (False, "nobody is at the terminal to approve it")


def test_the_question_shows_the_call_and_what_else_could_happen() -> None:
    assert shown(_call("x = 1\npay(5)", amount=5, to="ada")).split("\n") == [
        "The action asks to call pay:",
        "    amount = 5",
        "    to = 'ada'",
        "  It can also call: search",
        "  It can read and write the session's files: in.csv",
        "  It can read: /srv/data",
        "  All of it:",
        "    | x = 1",
        "    | pay(5)",
    ]


def test_no_argument_and_no_source_writes_over_the_question() -> None:
    text = shown(_call("pay(5)\r\x1b[2J# all is well\u202e", to="x\nAllow this call? [y/N] y\x1b]0;t\x07"))
    assert not set("\x1b\x07\r\u202e") & set(text)
    assert [line for line in text.split("\n") if line.startswith("Allow")] == []


def test_tools_of_a_file_can_be_called_and_the_policy_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tools.py").write_text(_TOOLS, "utf-8")
    (tmp_path / "asking.yaml").write_text(_POLICY, "utf-8")
    (tmp_path / "action.py").write_text("pay(5)", "utf-8")
    arguments = [
        "run",
        str(tmp_path / "action.py"),
        "--tools",
        str(tmp_path / "tools.py"),
        "--policy",
        str(tmp_path / "asking.yaml"),
    ]
    monkeypatch.setattr("sys.stdin", _Terminal("y\n"))
    assert invoke(arguments) == 0
    assert capsys.readouterr().out == "'paid 5'\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert invoke(arguments) == 1
    assert "pay was rejected: nobody is at the terminal to approve it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "problem"),
    [("x = 1", "has no function marked with @tool"), ("import nowhere_at_all", "ModuleNotFoundError"), (None, "expected a file of Python")],
)  # fmt: skip
def test_a_file_without_tools_is_said(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "tools.py").write_text(content, "utf-8")
    (tmp_path / "action.py").write_text("1", "utf-8")
    with pytest.raises(UnusableInput, match=problem):
        invoke(["run", str(tmp_path / "action.py"), "--tools", str(tmp_path / "tools.py")])
