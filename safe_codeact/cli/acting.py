"""Examples that say what they show, run: confined, under their own policy, with tools that answer what the example says.

Budgets, conditions and approval are the policy's, and are enforced as ever; only the functions behind the tools are not there. A
`when` asks about arguments by name, and the example does not say in which order a tool takes them: so those are keywords here.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

from safe_codeact import Decision, Observation, Policy, Runtime, tool
from safe_codeact.policy import conditions
from safe_codeact.policy.effective import Example, ToolRule


def act(policy: Policy) -> Iterator[tuple[int, str]]:
    """The number of each example that runs, and what is wrong with what it showed, or ""."""
    wanted = [
        (number, example)
        for number, example in enumerate(policy.examples)
        if example.value is not None or example.raises is not None
    ]
    if not wanted:
        return
    answers: dict[str, Any] = {}
    tools = [_tool(rule, answers) for rule in policy.tools if rule.name != "*" and not rule.deny]
    with Runtime(policy, tools=tools, standby=1, approve=lambda call: Decision(approved=True)) as runtime:
        for number, example in wanted:
            answers.clear()
            answers.update(json.loads(example.tools or "{}"))
            with runtime.session() as session:
                yield number, _complaint(example, session.run(example.allow or ""))


def _tool(rule: ToolRule, answers: dict[str, Any]) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        if rule.name not in answers:
            raise LookupError(f"the example says nothing of what {rule.name} returns: tools: {{{rule.name}: …}}")
        return answers[rule.name]

    asked = sorted(conditions.parse(rule.when).names) if rule.when else []
    parameters = [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        *(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in asked),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
    answer.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return tool(answer, name=rule.name, description="Answers what the example says.")


def _complaint(example: Example, observation: Observation) -> str:
    outcome, error = observation.outcome.value, observation.error
    if example.raises is not None:
        if outcome == "raised" and error is not None and error.type == example.raises:
            return ""
        seen = f"{error.type}: {error.message}" if error is not None else f"{outcome}, {observation.value}"
        return f"is to raise {example.raises}, and what it shows is {seen}"
    if outcome != "completed":
        seen = f"{error.type}: {error.message}" if error is not None else observation.text
        return f"is to show {example.value}, and ends otherwise ({outcome}): {seen}"
    if observation.value != example.value:
        return f"is to show {example.value}, and shows {observation.value}"
    return ""
