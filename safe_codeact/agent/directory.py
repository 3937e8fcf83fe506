"""Which tools fit a task: many tools confuse a model, so it is shown those that share words with the task.

Relevance is lexical: the words that a tool's name, parameters and description share with the query, rare ones counting
more. No model is asked and nothing is learned, so the same task is always shown the same tools. What it cannot find (a
synonym) the model finds by asking `find_tools` in other words, or by asking for everything.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

# Up to here all tools are listed; above it, some with the task, and `find_tools` finds the others.
MANY_TOOLS = 20
SHOWN_TOOLS = 8
NAME = "find_tools"
_MOST_FOUND = 20
_NAME_WEIGHT = 3.0
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_MAX_QUERY = 20_000
# In every task, so in no way about it.
_EMPTY = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "do", "does", "for", "from", "get", "give", "has", "have", "how"}
    | {
        "i",
        "in",
        "is",
        "it",
        "me",
        "my",
        "of",
        "on",
        "or",
        "please",
        "the",
        "that",
        "this",
        "to",
        "was",
        "what",
        "when",
    }
    | {"where", "which", "who", "will", "with", "you", "your"}
)


class ToolDescription(Protocol):
    """What is needed of a tool; `signature` is "(query: str, limit: int = 5) -> list[dict]"."""

    @property
    def name(self) -> str: ...
    @property
    def signature(self) -> str: ...
    @property
    def description(self) -> str: ...


_Tool = TypeVar("_Tool", bound=ToolDescription)


class FindTools:
    """Find functions by what they do: signatures and first lines of those whose names or descriptions share words.

    Without a match, the names of all.
    """

    # A tool for a runtime with many tools: `Runtime(policy, tools=[*tools, FindTools()])`. The runtime tells it which
    # tools exist inside; withheld ones are not found.
    __name__ = NAME

    def __init__(self) -> None:
        self._tools: tuple[ToolDescription, ...] | None = None

    def __safe_codeact_tell_tools__(self, tools: Sequence[ToolDescription]) -> None:
        """Called by the runtime. Raises `ValueError` where another runtime did: its tools are another user's affair."""
        if self._tools is not None:
            raise ValueError("a FindTools belongs to one runtime: make another FindTools() for this one")
        self._tools = tuple(tool for tool in tools if tool.name != NAME)

    def __call__(self, query: str, limit: int = 8) -> list[str]:
        tools = self._tools or ()
        found = fitting(query, tools, max(1, min(limit, _MOST_FOUND)))
        if not found:
            return [f"nothing matches {query[:200]!r}; all names: {', '.join(tool.name for tool in tools)}"]
        return [line(tool) for tool in found]


def line(tool: ToolDescription) -> str:
    """`name(signature): what it does`, in one line."""
    first = tool.description.strip().partition("\n")[0]
    return f"{tool.name}{tool.signature}" + (f": {first}" if first else "")


def fitting(query: str, tools: Sequence[_Tool], limit: int) -> list[_Tool]:
    """The tools that share words with `query`, the best first, at most `limit`; of equals, the first given first."""
    wanted = set(words(query[:_MAX_QUERY]))
    weights = [_weights(tool) for tool in tools]
    spread = Counter(word for weight in weights for word in weight)
    scores = [
        sum(weight[word] * math.log1p(len(tools) / spread[word]) for word in sorted(wanted & weight.keys()))
        for weight in weights
    ]
    ranked = sorted(range(len(tools)), key=lambda place: (-scores[place], place))
    return [tools[place] for place in ranked[:limit] if scores[place] > 0]


def words(text: str) -> list[str]:
    """The words of prose or of a name in any case style, in lower case, plurals cut."""
    return [_stem(word) for word in map(str.lower, _WORD.findall(text)) if word not in _EMPTY]


def _weights(tool: ToolDescription) -> Mapping[str, float]:
    weights = dict.fromkeys(words(f"{tool.description} {tool.signature}"), 1.0)
    return weights | dict.fromkeys(words(tool.name), _NAME_WEIGHT)


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
