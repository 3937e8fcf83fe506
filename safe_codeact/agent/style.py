"""How a model is asked to act, and how its replies are read: the one thing in which action formats differ.

The loop, the session, the tools, the budgets and the observations are the same for every style, so that two styles can be
compared. A style reads a reply into source all the same: what is run is always Python in the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safe_codeact.agent.directory import ToolDescription
from safe_codeact.agent.extract import Reading, extract
from safe_codeact.agent.prompt import system_prompt
from safe_codeact.agent.reply import Reply

if TYPE_CHECKING:
    from safe_codeact import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStyle:
    """`system` writes the system message of a conversation, `read` says what a reply to it is; neither does any I/O."""

    name: str
    system: Callable[[Policy, Sequence[ToolDescription]], str]
    read: Callable[[Reply], Reading]


# What the loop is for: any Python, in whichever way the model marks it.
CODE = ActionStyle(name="code", system=system_prompt, read=extract)
