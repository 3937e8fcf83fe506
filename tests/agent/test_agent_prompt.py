"""What the model is told, and what is folded away."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact import Observation, Outcome, Policy, Runtime, tool
from safe_codeact.agent import CodeActAgent
from safe_codeact.agent.context import MAX_OBSERVATION_CHARACTERS, cut_middle, observation_messages
from safe_codeact.agent.prompt import system_prompt, task_prompt

ANALYSIS = Policy.load("analysis")
STRICT = Policy.load("strict")


def replaced(policy, section, **values):
    return dataclasses.replace(policy, **{section: dataclasses.replace(getattr(policy, section), **values)})


CHANGES = {
    "imports": replaced(ANALYSIS, "language", imports=ANALYSIS.language.imports[:5]),
    "restricted": replaced(ANALYSIS, "language", restricted=False),
    "interpreter": replaced(ANALYSIS, "language", interpreter="expression"),
    "workspace none": replaced(ANALYSIS, "filesystem", workspace="none"),
    "workspace ro": replaced(ANALYSIS, "filesystem", workspace="ro"),
    "wall_seconds": replaced(ANALYSIS, "limits", wall_seconds=7.0),
    "memory_mb": replaced(ANALYSIS, "limits", memory_mb=333),
    "output_kb": replaced(ANALYSIS, "limits", output_kb=11),
}


@pytest.mark.parametrize("policy", CHANGES.values(), ids=CHANGES.keys())
def test_what_the_policy_changes_the_prompt_says(policy):
    """The prompt is generated: it cannot drift from what is enforced."""
    assert system_prompt(policy) != system_prompt(ANALYSIS)


def test_packages_and_their_submodules_are_named_once():
    """In brackets, for brevity."""
    text = system_prompt(ANALYSIS)
    assert "numpy (linalg, random, fft, polynomial, polynomial.polynomial, ma, typing), pandas (" in text
    assert "urllib.parse" in text


def test_what_this_machine_lacks_is_not_offered():
    """A policy may allow a package that is not installed; naming it would cost the model a turn."""
    rule = dataclasses.replace(STRICT.language.imports[0], module="not_installed_anywhere.part")
    policy = replaced(STRICT, "language", imports=(*STRICT.language.imports, rule))
    assert "not_installed_anywhere" not in system_prompt(policy)


def test_the_prompt_is_short():
    """It is paid for on every turn: under 1,200 tokens by the usual count, for the largest shipped policy."""
    assert len(system_prompt(ANALYSIS)) < 4_800
    assert len(system_prompt(STRICT)) < 3_000


def test_tools_are_shown_as_stubs_with_signature_and_docstring():
    """As a model reads Python."""
    search = SimpleNamespace(name="search", signature="(query: str) -> list[dict]", description="Search.\n\nAll of it.")
    assert 'def search(query: str) -> list[dict]:\n    """Search.\n\n    All of it."""' in system_prompt(
        STRICT, [search]
    )


def test_the_runtime_s_tools_are_in_the_prompt_of_its_agent():
    """Those that exist inside, and no others."""

    @tool
    def lookup(name: str) -> int:
        """Look a price up."""
        return len(name)

    prompts = []

    def model(messages):
        prompts.append(messages[0]["content"])
        return "ok"

    with Runtime("strict", tools=[lookup]) as runtime:
        CodeActAgent(model, runtime).run("Go.")
    assert 'def lookup(name: str) -> int:\n    """Look a price up."""' in prompts[0]


def test_many_files_are_listed_up_to_a_bound():
    """And how many more there are."""
    text = task_prompt("Go.", [f"{number}.csv" for number in range(80)])
    assert text.count(".csv") == 50
    assert text.endswith("- and 30 more")


def test_an_observation_is_cut_in_its_middle():
    """Head and tail say most, and how much is missing is said."""
    text = "a" * 50_000 + "the end"
    (message,) = observation_messages(Observation(outcome=Outcome.completed, text=text), [])
    assert len(message["content"]) < MAX_OBSERVATION_CHARACTERS + 100
    assert message["content"].endswith("the end")
    assert "characters left out" in message["content"]


def test_each_tool_call_is_answered():
    """The API wants one message for each; the last one holds the observation."""
    messages = observation_messages(Observation(outcome=Outcome.completed, text="4"), ["a", "b"])
    assert [message["tool_call_id"] for message in messages] == ["a", "b"]
    assert messages[-1]["content"] == "4"


def test_an_observation_without_text_says_so():
    """An empty message would be refused by many endpoints."""
    (message,) = observation_messages(Observation(outcome=Outcome.completed), [])
    assert message["content"] == "Observation:\n(the action ran and printed nothing)"


@settings(deadline=None)
@given(st.text(), st.integers(3, 50))
def test_a_cut_text_keeps_head_and_tail(text, limit):
    """And a text that fits is not touched."""
    cut = cut_middle(text, limit)
    assert cut == text if len(text) <= limit else cut.startswith(text[: limit * 2 // 3]) and cut[-1] == text[-1]
