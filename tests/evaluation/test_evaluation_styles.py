"""Replies in JSON and in text: one call a turn, or the answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.agent.reply import Reply, ToolCallText
from safe_codeact.evaluation.styles import style

TOOLS = ("search", "stock")
CALL = "search(query='tea', limit=5)"

JSON = [
    ('{"tool": "search", "arguments": {"query": "tea", "limit": 5}}', "action", CALL),
    ('I look.\n```json\n{"tool": "search", "arguments": {"query": "tea", "limit": 5}}\n```', "action", CALL),
    ('Thought: {a}\n{"name": "search", "args": {"query": "tea", "limit": 5}}<|im_end|>', "action", CALL),
    ('<think>{"tool": "stock", "arguments": {}}</think>{"tool": "stock"}', "action", "stock()"),
    ('{"tool": "search", "arguments": "{\\"query\\": \\"tea\\"}"}', "action", "search(query='tea')"),
    ('{"tool": "stock", "arguments": ["T1", null, true]}', "action", "stock('T1', None, True)"),
    ('{"tool": "stock", "arguments": {}}\nObservation: 4\n{"tool": "stock", "arguments": {}}', "action", "stock()"),
    ('{"thought": "hm", "action": {"name": "search", "arguments": {"query": "tea", "limit": 5}}}', "action", CALL),
    ('{"tool_calls": [{"function": {"name": "search", "arguments": "{\\"query\\": \\"tea\\"}"}}]}', "action", "search(query='tea')"),
    ('{"thought": "hm", "tool": "search", "query": "tea", "limit": 5}', "action", CALL),
    ("{'tool': 'search', 'arguments': {'query': 'tea', 'limit': 5}}", "action", CALL),
    ('<tool_call>\n{"name": "functions.search", "arguments": {"query": "tea", "limit": 5}}\n</tool_call>', "action", CALL),
    ('{"tool_calls": [{"name": "stock"}, {"name": "stock"}]}', "returned", "held 2 calls"),
    ("{'tool': 'search', 'arguments': {1: 2}}", "returned", "'1' is no name of an argument"),
    ('The answer is {"total": 5}', "answer", 'The answer is {"total": 5}'),
    ('{"name": "Oslo", "size": 5}', "answer", '{"name": "Oslo", "size": 5}'),
    ('{"answer": 412.5}', "answer", "412.5"),
    ('{"answer": ["a", "b"]}', "answer", '["a", "b"]'),
    ('{"tool": "final_answer", "arguments": {"answer": "Oslo"}}', "answer", "Oslo"),
    ("It is Oslo.", "answer", "It is Oslo."),
    ('{"tool": "stock", "arguments": {}} {"tool": "stock", "arguments": {}}', "returned", "held 2 calls"),
    ('{"tool": "fetch", "arguments": {}}', "returned", "There is no function fetch, so nothing was run. The functions are search, stock."),
    ('{"tool": "eval", "arguments": {"x": "1"}}', "returned", "There is no function eval"),
    ('{"tool": "search(1)", "arguments": {}}', "returned", "There is no function search(1)"),
    ('{"tool": "search", "arguments": {"a b": 1}}', "returned", "'a b' is no name of an argument"),
    ('{"tool": "search", "arguments": {"class": 1}}', "returned", "'class' is no name of an argument"),
    ('{"tool": "search", "arguments": {"query": "tea"', "returned", "it is no JSON object"),
    ('{"tool": "search", "arguments": 5}', "returned", "its arguments are no JSON object"),
    ('{"answer": ""}', "returned", "Your reply was empty"),
    ("", "returned", "Your reply was empty"),
]  # fmt: skip
TEXT = [
    ('Action: search(query="tea", limit=5)', "action", CALL),
    ("I look for it.\n**Action:** `search(query='tea', limit=5)`", "action", CALL),
    ('Thought: tea.\nAction: search(query="tea", limit=5)\nObservation: none\nAction: stock()', "action", CALL),
    ('Action: search(\n    query="tea",\n    limit=5,\n)', "action", CALL),
    ('search(query="tea", limit=5)', "action", CALL),
    ("Action: stock('T1', [1, {'a': None}])", "action", "stock('T1', [1, {'a': None}])"),
    ('Action: search\nAction Input: {"query": "tea", "limit": 5}', "action", CALL),
    ("Action: `stock`", "action", "stock()"),
    ("Action: functions.search(query='tea', limit=5)", "action", CALL),
    ("```\nsearch(query='tea', limit=5)\n```", "action", CALL),
    ("Action: search\nAction Input: {1: 2}", "returned", "its input is no mapping of plain values"),
    ("**Answer**: 412.5", "answer", "412.5"),
    ("Answer:\n- a\n- b", "answer", "- a\n- b"),
    ("My answer: none of these", "answer", "My answer: none of these"),
    ("Answer: 412.5", "answer", "412.5"),
    ("**Final Answer:** Oslo", "answer", "Oslo"),
    ("Answer: ['a', 'b']", "answer", '["a", "b"]'),
    ("Action: final_answer('Oslo')", "answer", "Oslo"),
    ("It is Oslo.", "answer", "It is Oslo."),
    ("Action: stock()\nAction: stock()", "returned", "held 2 calls"),
    ("Action: stock(search(query='tea'))", "returned", "expected a plain value"),
    ("Action: stock(1 + 1)", "returned", "expected a comma or ')' after a plain value, but there is '+ 1)'"),
    ("Action: fetch()", "returned", "There is no function fetch"),
    ("Action: none", "returned", "expected a call, such as name(key=value), but there is 'none'"),
    ("Action: stock(class=1)", "returned", "'class' is no name of an argument"),
    ("Answer:", "returned", "Your reply was empty"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "kind", "content"), [("json", *row) for row in JSON] + [("text", *row) for row in TEXT]
)
def test_a_reply_is_a_call_an_answer_or_told_why_not(name, text, kind, content):
    """What models write, and its nearest neighbours."""
    reading = style(name, TOOLS).read(Reply(text=text))
    assert reading.kind == kind
    if kind == "returned":
        assert content in reading.reason
    else:
        assert (reading.source or reading.answer) == content


@pytest.mark.parametrize("name", ["json", "text"])
def test_a_call_over_the_api_is_read_in_both(name):
    """Endpoints that parse calls themselves hand them on as such; two at once are one too many."""
    call = ToolCallText(id="1", name="search", arguments='{"query": "tea"}')
    assert style(name, TOOLS).read(Reply(tool_calls=(call,), finish="tool_calls")).source == "search(query='tea')"
    assert "held 2 calls" in style(name, TOOLS).read(Reply(tool_calls=(call, call))).reason


@pytest.mark.parametrize("name", ["json", "text"])
@pytest.mark.parametrize("text", ["I think that", '{"tool": "sea', "Action: search(query='te", "<think>hm"])
def test_a_reply_that_was_cut_is_no_answer(name, text):
    """At the token limit nothing half is taken for the whole."""
    assert style(name, TOOLS).read(Reply(text=text, finish="length")).kind == "returned"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["json", "text"]), st.text("{}[]()\"'\\:,=aActionswer toolstck\n1.", max_size=80))
def test_no_text_makes_a_reader_fail_or_run_anything_but_a_tool(name, text):
    """What is run is a call of a known function with plain values, whatever the reply."""
    reading = style(name, TOOLS).read(Reply(text=text))
    if reading.kind == "action":
        assert reading.source.startswith(("search(", "stock("))


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"tool":' * 20_000, "Action: f(" * 20_000, "Action:\n" * 50_000, '{"a": [' * 30_000]
)
@pytest.mark.parametrize("name", ["json", "text"])
def test_hostile_replies_are_read(name, text):
    """Openers without an end neither fail nor take long."""
    assert style(name, TOOLS).read(Reply(text=text)).kind in ("answer", "returned")
