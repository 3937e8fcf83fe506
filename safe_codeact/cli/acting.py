"""Examples that say what they show, run: confined, under their own policy, with tools that answer what the example says.

Budgets, conditions and approval are the policy's, and are enforced as ever; only the functions behind the tools are not there. A
`when` asks about arguments by name, and the example does not say in which order a tool takes them: so those are keywords here.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from safe_codeact import Decision, Observation, Policy, Runtime, tool
from safe_codeact.cli.reached import reached
from safe_codeact.policy import conditions
from safe_codeact.policy.effective import Example, ToolRule
from safe_codeact.policy.rehearsal import tools_of


@dataclass(frozen=True, slots=True)
class Acted:
    """One example that was run: what is wrong with what it showed, or "", and the lines of the policy that it came to."""

    number: int
    complaint: str
    reached: frozenset[str]


def act(policy: Policy) -> Iterator[Acted]:
    """Each example that says what it shows."""
    wanted = [
        (number, example)
        for number, example in enumerate(policy.examples)
        if example.value is not None or example.raises is not None
    ]
    if not wanted:
        return
    # What a redaction hides, the record of a call would not say either; here nothing is kept of one.
    policy = dataclasses.replace(policy, tools=tuple(dataclasses.replace(rule, redact=()) for rule in policy.tools))
    answers: dict[str, Any] = {}
    rules = {rule.name: rule for rule in policy.tools}
    tools = [_tool(rules.get(name) or dataclasses.replace(rules["*"], name=name), answers) for name in tools_of(policy)]
    with Runtime(policy, tools=tools, standby=1, approve=lambda call: Decision(approved=True)) as runtime:
        for number, example in wanted:
            answers.clear()
            answers.update(json.loads(example.tools or "{}"))
            with runtime.session() as session:
                observation = session.run(example.allow or "")
                has_written = policy.filesystem.workspace == "rw" and bool(session.files.list())
            yield Acted(number, _complaint(example, observation), reached(policy, example, observation, has_written))


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
        if outcome != "completed" and example.raises in (outcome, error.type if error is not None else ""):
            return ""
        seen = f"{error.type}: {error.message}" if error is not None else f"{outcome}, {observation.value}"
        return f"is to raise {example.raises}, and what it shows is {seen}"
    if outcome != "completed":
        seen = f"{error.type}: {error.message}" if error is not None else observation.text
        return f"is to show {example.value}, and ends otherwise ({outcome}): {seen}"
    if observation.value != example.value:
        return f"is to show {example.value}, and shows {observation.value}"
    return ""
