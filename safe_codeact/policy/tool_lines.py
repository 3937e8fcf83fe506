"""A line under `tools`: what `policy.schema` says of one tool."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from safe_codeact.policy import effective
from safe_codeact.policy.fields import ArgumentPath, Condition, Rate, Section, Why, bounded

_TOOL = effective.ToolRule(name="*")


class ToolLine(Section):
    """One tool that actions may call, and how often. The line `"*"` stands for every tool without a line of its own."""

    why: Why | None = Field(default=None, description="Who needs it, for the reviewer.")
    deny: bool = Field(default=False, description="`true`: the tool does not exist inside, whatever other lines say.")
    max_calls: int = bounded(
        _TOOL.max_calls,
        1,
        100_000,
        low_why="a tool that must not be called has `deny: true`",
        high_why="a call costs the host a thread's turn, and an action with more of them is a program to run elsewhere",
        description="Calls per action.",
    )
    timeout_seconds: float = bounded(
        _TOOL.timeout_seconds,
        0.01,
        3600,
        low_why="the way to the host and back takes that long on a busy machine",
        high_why="a worker waits in memory for the answer; start longer work in the tool and ask for its result later",
        description="Seconds that one call may take.",
    )
    max_result_kb: int = bounded(
        _TOOL.max_result_kb,
        1,
        65_536,
        low_why="a result has to be said in something",
        high_why="the host holds the whole result in memory while it is sent; let the tool write it to a file",
        description="KiB that one result may have once encoded.",
    )
    max_argument_kb: int = bounded(
        _TOOL.max_argument_kb,
        1,
        2048,
        low_why="arguments have to be said in something",
        high_why="no call carries more: put larger data into a file of the workspace, or make it several calls",
        description="KiB that one call's arguments may have once encoded.",
    )
    max_session_calls: int | None = Field(
        default=_TOOL.max_session_calls,
        ge=1,
        le=1_000_000,
        json_schema_extra={
            "x-why": {
                "low": "a tool that must not be called has `deny: true`",
                "high": "leave the line out where only `max_calls` per action is meant to count",
            }
        },
        description="Calls per session, over all its actions. Going back to a checkpoint gives none back, and a fork begins "
        "with what its parent had made; a session resumed from a store begins anew.",
    )
    rate: Rate | None = Field(
        default=_TOOL.rate,
        description="How often a session may call, as `10/minute` (second, minute, hour, day): no stretch of that length has "
        "more calls, whichever action makes them.",
    )
    approval: Literal["never", "ask"] = Field(
        default=_TOOL.approval,
        description="`ask`: the runtime's `approve` decides about each call; without one, each is refused.",
    )
    approval_seconds: float = bounded(
        _TOOL.approval_seconds,
        0.1,
        86_400,
        low_why="nobody reads a call faster",
        high_why="the worker waits in memory all that time; let the approver answer `later` instead",
        description="Seconds that the answer to one `approval: ask` may take; then the call is refused. The action's own clock "
        "stands still meanwhile.",
    )
    when: Condition | None = Field(
        default=None,
        description="A condition over the arguments, such as `amount <= 100 and currency in ['EUR', 'USD']`: a call that does "
        "not meet it is refused, and so is one for which it makes no sense.",
    )
    redact: list[ArgumentPath] = Field(
        default=[],
        description="What the trail does not keep of a call: names of arguments and fields (`password`, `card.number`), wherever "
        "they occur, `return` for the result, `*` for everything. The action's own text is kept as it is.",
    )
