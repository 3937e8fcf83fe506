"""The executor in smolagents' own `CodeAgent`, with a model that plays a script."""

from __future__ import annotations

import pytest
from smolagents import ActionStep, ChatMessage, CodeAgent, FinalAnswerTool, Model, tool

from safe_codeact import ToolWithheld
from safe_codeact.adapters.smolagents import ConfinedExecutor


class Script(Model):
    """Replies in order, each with one block of code; keeps what it was asked."""

    def __init__(self, *codes):
        super().__init__(model_id="script")
        self.codes = list(codes)
        self.asked = []

    def generate(self, messages, **_options):
        self.asked.append(messages)
        return ChatMessage(role="assistant", content=f"Thought: so.\n<code>\n{self.codes.pop(0)}\n</code>")


@tool
def price(name: str, currency: str | None = None) -> float:
    """The price of a product.

    Args:
        name: The product.
        currency: In which currency.
    """
    return {"tea": 3.5}[name] * (2 if currency == "USD" else 1)


@pytest.fixture(scope="module")
def executor():
    with ConfinedExecutor("strict") as made:
        yield made


@pytest.fixture
def agent_of(executor):
    """Makes agents over one executor, whose session goes on from agent to agent."""

    def make(*codes, tools=(price,), executor=executor):
        return CodeAgent([*tools], Script(*codes), executor=executor, verbosity_level=0, max_steps=4)

    return make


def steps_of(agent):
    return [step for step in agent.memory.steps if isinstance(step, ActionStep)]


def test_names_live_from_step_to_step_and_final_answer_ends_the_run(agent_of):
    agent = agent_of("x = 20\nprint('made')\nx + 1", "final_answer({'sum': x + 22})")
    assert agent.run("go") == {"sum": 42}
    first, last = steps_of(agent)
    assert "made" in first.observations
    assert first.observations.endswith("Last output from code snippet:\n21")
    assert last.is_final_answer


def test_the_agents_tools_run_in_this_process_with_checked_arguments(agent_of):
    agent = agent_of("price(7)", "final_answer([price('tea'), price('tea', currency='USD'), price(name='tea')])")
    assert agent.run("go") == [3.5, 7.0, 3.5]
    refused, called = steps_of(agent)
    assert "price: name: Input should be a valid string" in str(refused.error)
    assert [record.name for record in agent.python_executor.last.tool_calls] == ["price"] * 3
    assert called.error is None


def test_what_is_refused_or_raises_comes_back_as_the_steps_error_and_the_run_goes_on(agent_of):
    agent = agent_of("import subprocess", "print('before')\n1 / 0", "final_answer('mended')")
    assert agent.run("go") == "mended"
    refused, raised, _answer = steps_of(agent)
    assert "G401" in str(refused.error)
    assert "ZeroDivisionError" in str(raised.error)
    assert "before" in raised.observations


def test_a_final_answer_tool_of_the_agents_own_has_the_last_word(agent_of):
    class Rounded(FinalAnswerTool):
        def forward(self, answer):
            return round(answer, 1)

    assert agent_of("final_answer(1.26)", tools=[price, Rounded()]).run("go") == 1.3


def test_variables_of_the_run_are_there_and_what_is_not_plain_is_refused(agent_of):
    assert agent_of("final_answer(sum(rows))").run("go", additional_args={"rows": [1, 2]}) == 3


def test_another_agent_with_other_tools_goes_on_with_the_names(agent_of):
    @tool
    def stock(name: str) -> int:
        """How many there are.

        Args:
            name: Of which product.
        """
        return len(name)

    assert agent_of("kept = 5\nfinal_answer('ok')").run("go") == "ok"
    assert agent_of("final_answer(kept + stock('tea'))", tools=[stock]).run("go on") == 8


def test_a_tool_that_the_policy_does_not_allow_is_withheld_and_a_cleaned_up_executor_starts_again(agent_of):
    with ConfinedExecutor("tools-only") as other:
        agent = agent_of("price('tea')", "final_answer('no price')", executor=other)
        with pytest.warns(ToolWithheld, match="the tool 'price' is withheld"):
            assert agent.run("go") == "no price"
        assert "price" in str(steps_of(agent)[0].error)
        agent.cleanup()
        other.send_tools({})
        assert other("1 + 1").output == "2"


def test_the_model_is_told_what_the_policy_lets_it_import(executor):
    agent = CodeAgent(
        [], Script(), executor=executor, verbosity_level=0, additional_authorized_imports=executor.authorized_imports
    )
    assert "'difflib'" in agent.system_prompt
