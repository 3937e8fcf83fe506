"""Names are guessed from: what they say is found, and what only looks like it is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact import GateReport, Policy, check
from safe_codeact.audit import places
from safe_codeact.audit.deeds import deeds, words_of
from safe_codeact.audit.examination import examine
from safe_codeact.audit.finding import Severity
from safe_codeact.policy.effective import ToolRule
from safe_codeact.policy.samples import verdict


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tools)


@pytest.mark.parametrize(
    ("name", "why", "expected"),
    [
        ("delete_customer", "", "DELETES"),
        ("removeRow", "", "DELETES"),
        ("refund", "", "PAYS"),
        ("transferMoney", "", "PAYS"),
        ("send_email", "", "SENDS"),
        ("postToSlack", "", "SENDS"),
        ("run_sql", "", "EXECUTES"),
        ("SQLQuery", "", "EXECUTES"),
        ("get_sql_rows", "", "EXECUTES"),
        ("shell", "", "EXECUTES"),
        ("fetch_url", "", "FETCHES"),
        ("get_url", "", "FETCHES"),
        ("update_ticket", "", "CHANGES"),
        ("finish", "deletes the basket of a customer", "DELETES"),
        ("settle", "charges the customer's card", "PAYS"),
        ("search", "finding things by words", ""),
        ("lookup", "one order by its number", ""),
        ("get_payments", "", ""),
        ("list_emails", "", ""),
        ("order_status", "", ""),
        ("payment_history", "", ""),
        ("payload_size", "", ""),
        ("dropdown", "", ""),
        ("weather", "the forecast of a place", ""),
        ("translate", "a message in another language", ""),
        ("delete_preview", "what would go; reads only", ""),
        ("send_draft", "a dry run of the answer", ""),
    ],
)
def test_what_a_tool_does_is_guessed_from_its_name_and_its_reason(name: str, why: str, expected: str) -> None:
    assert "".join(deed.name for deed in deeds(ToolRule(name=name, why=why)))[: len(expected) or None] == expected


def test_a_name_is_cut_into_words() -> None:
    assert words_of("sendEmail_toAll2HTTPServers") == ["send", "email", "to", "all", "2", "http", "servers"]


@pytest.mark.parametrize(
    ("path", "is_secret", "is_home"),
    [
        ("/home/anna/.ssh", True, False),
        ("/srv/app/.env", True, False),
        ("/srv/app/.env.production", True, False),
        ("/srv/keys/server.pem", True, False),
        ("/run/secrets", True, False),
        ("/home/anna", False, True),
        ("/home", False, True),
        ("/root", False, True),
        ("/home/anna/reports", False, False),
        ("/srv/data/2026", False, False),
        ("/srv/secretaries", False, False),
        ("/srv/environment", False, False),
        ("/srv/keynote", False, False),
        ("/homepage", False, False),
    ],
)
def test_what_a_path_holds_is_guessed_from_its_parts(path: str, is_secret: bool, is_home: bool) -> None:
    assert (places.secret_in(path) is not None, places.is_home(path)) == (is_secret, is_home)


_ORDINARY = """\
version: 1
extends: analysis
tools:
  "*": {deny: true}
  search_orders: {why: "finding orders by their words; reads only", max_calls: 20}
  order_status: {why: "where one order is by now", max_calls: 20}
  refund: {why: "support may give small amounts back", max_calls: 1, approval: ask, when: "0 < amount <= 100"}
limits: {wall_seconds: 60, memory_mb: 2048}
filesystem: {read: [{path: /srv/catalogue/2026, why: "prices of the year, as tables"}]}
examples:
  - {allow: "import pandas as pd\\nsearch_orders('tea')"}
  - {deny: "import subprocess", rule: G401}
"""


def test_an_ordinary_policy_that_was_written_with_care_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "ordinary.yaml"
    file.write_text(_ORDINARY)
    assert examine([str(file)], judge=judge).findings == ()


@pytest.mark.parametrize(
    "condition",
    [
        f"a < {'9' * 400} and b > {'9' * 400}.5",
        " or ".join(f"a == '{number:03}'" for number in range(60)),
        " and ".join(f"p{number} > {number}" for number in range(60)),
        " and ".join(f"p{number % 5} != 'x{number}' and len(p{number % 5}) > {number}" for number in range(25)),
        "not " * 15 + "(a in [b, c, d, e])",
        "len(a) > 9999 and len(b) < 10000 and a in b",
    ],
    ids=["huge numbers", "many texts", "many parameters", "many of both", "deep", "long texts"],
)
def test_no_condition_makes_the_audit_crash_or_wait(condition: str) -> None:
    assert verdict(condition) in ("always", "never", "sometimes", "unknown")


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(
    why=_TEXT,
    tool=st.from_regex(r"[a-z][a-z_]{0,15}", fullmatch=True),
    path=_TEXT.map(lambda text: text.replace("/", "")),
)
def test_no_text_of_a_policy_crashes_a_check(
    why: str, tool: str, path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = {
        "version": 1,
        "language": {"imports": [{"module": "math", "why": why}]},
        "tools": {f"t_{tool}": {"why": why}},
        "filesystem": {"read": [{"path": f"/{path}"}]},
    }
    try:
        text = Policy.from_dict(values).to_yaml()
    except Exception:
        return
    file = tmp_path_factory.mktemp("p") / "p.yaml"
    file.write_text(text, encoding="utf-8")
    done = examine([str(file)], judge=judge)
    assert done.broken == ()
    assert all(each.severity < Severity.CRITICAL or each.code in ("A130", "A133") for each in done.findings)
