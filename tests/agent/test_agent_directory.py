"""Many tools: which are shown with a task, and how the others are found from inside an action."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
from endpoints import says, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact import Policy, Runtime, ToolWithheld, tool
from safe_codeact.agent import CodeActAgent, FindTools
from safe_codeact.agent.directory import MANY_TOOLS, SHOWN_TOOLS, fitting, words
from safe_codeact.agent.prompt import system_prompt, task_prompt

SUBJECTS = [
    "invoice",
    "order",
    "customer",
    "shipment",
    "refund",
    "product",
    "price",
    "supplier",
    "warehouse",
    "employee",
]
VERBS = {"get": "Look one {} up by its number.", "list": "All {}s, newest first.", "cancel": "Cancel the {}."}


def made(name, description):
    def function(number: int) -> dict:
        return {"tool": name, "number": number}

    return tool(function, name=name, description=description)


TOOLS = [made(f"{verb}_{subject}", doc.format(subject)) for verb, doc in VERBS.items() for subject in SUBJECTS]
STUBS = [SimpleNamespace(name=t.__safe_codeact_tool__["name"], signature="(number: int) -> dict",
                         description=t.__safe_codeact_tool__["description"]) for t in TOOLS]  # fmt: skip
FINDER = SimpleNamespace(name="find_tools", signature="(query: str, limit: int = 8) -> list[str]", description="Find.")


def test_tools_that_share_words_with_the_task_come_first():
    """Rare words count more, names more than descriptions, plurals as their singular."""
    names = [each.name for each in fitting("Which shipments are late, and cancel them?", STUBS, 4)]
    assert names[0] == "cancel_shipment"
    assert set(names[1:3]) == {"get_shipment", "list_shipment"}
    assert fitting("bananas", STUBS, 4) == []


def test_names_in_any_style_are_taken_apart():
    """As models and people write them."""
    assert words("getHTTPResponse list_open_orders v2") == ["http", "response", "list", "open", "order", "v", "2"]


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 40))
def test_ranking_is_deterministic_and_bounded(query, limit):
    """Whatever the task says."""
    found = fitting(query, STUBS, limit)
    assert found == fitting(query, STUBS, limit)
    assert len(found) <= limit
    assert len({each.name for each in found}) == len(found)


def test_with_few_tools_all_are_in_the_system_message():
    """And so they are without `find_tools`, however many: what cannot be found is not left out."""
    strict = Policy.load("strict")
    assert system_prompt(strict, [*STUBS[:MANY_TOOLS], FINDER]).count("def ") == MANY_TOOLS + 1
    assert system_prompt(strict, STUBS).count("def ") == len(STUBS)
    assert task_prompt("List all orders.", [], STUBS) == "List all orders."


def test_with_many_tools_those_that_fit_stand_with_the_task_and_the_prefix_is_the_same_for_every_task():
    """The system message names `find_tools` alone."""
    strict = Policy.load("strict")
    tools = [*STUBS, FINDER]
    system = system_prompt(strict, tools)
    assert system.count("def ") == 1
    assert f"{len(STUBS)} functions are there without an import." in system
    assert 'find_tools("a few words")' in system
    task = task_prompt("Refund invoice 7.", [], tools)
    assert task.startswith("Refund invoice 7.\n\nFunctions that may fit:\ndef ")
    assert "def get_invoice(number: int) -> dict:" in task
    assert 1 <= task.count("def ") <= SHOWN_TOOLS


def test_find_tools_finds_inside_an_action_what_exists_there():
    """Over a real runtime: the found tool is called in the next action."""
    with Runtime("strict", tools=[*TOOLS, FindTools()]) as runtime:
        replies = [
            "```python\nfor line in find_tools('warehouse', limit=2):\n    print(line)\n```",
            "```python\nfinal_answer(list_warehouse(4))\n```",
        ]
        with serving(*map(says, replies)) as server:
            with CodeActAgent("m", runtime, base_url=server.base_url, api_key=server.api_key) as agent:
                result = agent.run("Where are the goods?")
            messages = server.requests[0]["messages"]
    assert result.observations[0].stdout.splitlines() == [
        "get_warehouse(number: int) -> dict: Look one warehouse up by its number.",
        "list_warehouse(number: int) -> dict: All warehouses, newest first.",
    ]
    assert result.answer == {"tool": "list_warehouse", "number": 4}
    assert "def list_warehouse" not in messages[0]["content"]


def test_find_tools_does_not_name_a_tool_that_is_withheld():
    """It does not exist inside."""
    policy = Policy.from_dict(
        {"version": 1, "name": "few", "extends": "strict", "tools": {"*": {"why": "x"}, "get_order": {"deny": True}}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolWithheld)
        runtime = Runtime(policy, tools=[*TOOLS, FindTools()])
    with runtime:
        found = runtime.session().run("print(find_tools('order', limit=20), find_tools('bananas'))").stdout
    assert "list_order" in found
    assert "get_order(" not in found
    assert "get_order," not in found


def test_a_finder_belongs_to_one_runtime():
    """What tools another runtime has may be another customer's affair."""
    finder = FindTools()
    with Runtime("strict", tools=[*TOOLS, finder]), pytest.raises(ValueError, match="belongs to one runtime"):
        Runtime("strict", tools=[finder])


def test_a_given_session_s_variables_are_described_with_the_task():
    """A model that does not know them would compute them again."""
    with Runtime("strict") as runtime, runtime.session() as session:
        session.run("rows = [1, 2, 3]\ntitle = 'Sales'")
        prompts = []

        def model(messages):
            prompts.append(messages)
            return "ok"

        CodeActAgent(model, runtime).run("Sum the rows.", session=session)
        CodeActAgent(model, runtime).run("Sum the rows.")
    assert prompts[0][1]["content"] == (
        "Sum the rows.\n\nVariables in the session:\n- rows: list = [1, 2, 3]\n- title: str = 'Sales'"
    )
    assert prompts[1][1]["content"] == "Sum the rows."
    assert prompts[0][0] == prompts[1][0]
