"""The lines under `examples:`: what the author of a policy claims of it, for reviewers and tests.

What tools answer in an example is plain data in the file, and canonical JSON in the effective policy, which is frozen and holds
texts only; `as_line` is the way back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from safe_codeact.policy import effective
from safe_codeact.policy.fields import RuleCode, Section, Source, ToolName, wrong, wrong_at

_MOST_CHARACTERS = 10_000


def _answers(value: dict[str, Any]) -> dict[str, Any]:
    if "*" in value:
        wrong('must name each tool: "*" answers for none')
    if len(json.dumps(value)) > _MOST_CHARACTERS:
        wrong(f"has more than {_MOST_CHARACTERS:,} characters: an example is read by people")
    return value


Answers = Annotated[dict[ToolName, Any], AfterValidator(_answers)]


class ExampleLine(Section):
    """A program that the policy allows, or one that it refuses: what the author means, for reviewers and tests."""

    allow: Source | None = Field(default=None, description="Source text that passes the gate.")
    deny: Source | None = Field(default=None, description="Source text that the gate refuses.")
    rule: RuleCode | None = Field(
        default=None, description="The code of a finding that the refusal must have, as `G401`."
    )
    value: Annotated[str, Field(max_length=_MOST_CHARACTERS)] | None = Field(
        default=None,
        description="What the last expression of an `allow` shows, as `'42'`: `policy test` then runs it, confined.",
    )
    raises: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)] | None = Field(
        default=None,
        description="The exception that an `allow` ends in, as `ToolError` for a call that is over its budget or does not meet "
        "its `when`, `ActionTimeout` or `MemoryError` at a limit; or the outcome, where a limit ends it without one "
        "(`output_exceeded`, `workspace_exceeded`): `policy test` then runs it.",
    )
    tools: Answers = Field(
        default={},
        description="What tools return in an `allow` that runs: one result for each, whatever they are called with. Calls that "
        "need approval have it. Arguments that a `when` asks about are given by name.",
    )

    @model_validator(mode="after")
    def _one_claim(self) -> ExampleLine:
        if (self.allow is None) == (self.deny is None):
            wrong_at((), "must have exactly one of `allow` and `deny`, each with source text.")
        if self.rule is not None and self.allow is not None:
            wrong_at(("rule",), "belongs to a `deny`: what is allowed breaks no rule.")
        for field in ("value", "raises", "tools"):
            if self.deny is not None and getattr(self, field):
                wrong_at((field,), "belongs to an `allow`: what is refused does not run.")
        if self.value is not None and self.raises is not None:
            wrong_at(("raises",), "has no place beside `value`: what raises shows none.")
        if self.tools and self.value is None and self.raises is None:
            wrong_at(("tools",), "needs a `value` or `raises` to compare with: without one the example is not run.")
        return self


def to_effective(line: ExampleLine) -> effective.Example:
    """Frozen, and texts only."""
    tools = json.dumps(line.tools, sort_keys=True, separators=(",", ":")) if line.tools else None
    return effective.Example(
        allow=line.allow, deny=line.deny, rule=line.rule, value=line.value, raises=line.raises, tools=tools
    )


def as_line(example: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a file for an example as `Policy.to_plain` gives it."""
    said = {name: value for name, value in example.items() if value is not None and name != "tools"}
    return said if example.get("tools") is None else {**said, "tools": json.loads(example["tools"])}
