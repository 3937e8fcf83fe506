"""How models mark code, calls and answers in text: the tables that the reader goes by, one line per way of writing.

A new family's format is a line here and a reply in the corpus. Tags are in lower case and compared so. What a tag holds
is named by its `Kind`; how a call is written inside is `agent.textcalls`' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a block was written as."""

    fence = "fence"
    execute = "execute"
    tag = "tag"
    tool_call = "tool_call"
    solution = "solution"


@dataclass(frozen=True, slots=True)
class Tag:
    """`closer` "" means that the rest of the reply belongs to it. Those that prose and HTML use inline count at the
    start of a line only."""

    opener: str
    closer: str
    kind: Kind
    anywhere: bool = False


TAGS = (
    Tag("<execute>", "</execute>", Kind.execute, anywhere=True),  # CodeActAgent
    Tag("<solution>", "</solution>", Kind.solution, anywhere=True),  # CodeActAgent
    Tag("<code>", "</code>", Kind.tag),  # smolagents
    Tag("<python>", "</python>", Kind.tag),
    Tag("<tool_code>", "</tool_code>", Kind.tag),  # Gemini
    Tag("<jupyter_code>", "<jupyter_output>", Kind.tag),  # StarCoder
    Tag("[python]", "[/python]", Kind.tag),  # Code Llama
    Tag("<|python_tag|>", "", Kind.tag),  # Llama 3; code or a JSON call
    Tag("<|action_start|><|interpreter|>", "<|action_end|>", Kind.tag, anywhere=True),  # InternLM
    Tag("<|execute_start|>", "<|execute_end|>", Kind.tag, anywhere=True),
    Tag("<|action_start|><|plugin|>", "<|action_end|>", Kind.tool_call, anywhere=True),  # InternLM
    Tag("<tool_call>", "</tool_call>", Kind.tool_call),  # Hermes, Qwen, GLM
    Tag("<|tool_call|>", "<|/tool_call|>", Kind.tool_call),  # Phi, Granite (which does not close it)
    Tag("[tool_calls]", "", Kind.tool_call, anywhere=True),  # Mistral
    Tag("<function=", "</function>", Kind.tool_call),  # Llama
    Tag("<function_calls>", "</function_calls>", Kind.tool_call),
    Tag("<invoke name=", "</invoke>", Kind.tool_call),
    Tag("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", Kind.tool_call, anywhere=True),  # Kimi
    Tag("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", Kind.tool_call, anywhere=True),  # DeepSeek
    Tag("<answer>", "</answer>", Kind.solution),
    Tag("<final_answer>", "</final_answer>", Kind.solution),
    Tag("<|begin_of_solution|>", "<|end_of_solution|>", Kind.solution, anywhere=True),
)

# opener and closer of what a model thinks before it writes: code in there was weighed, not proposed.
THINKING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratch_pad>", "</scratch_pad>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)

# Left in the text by servers with a wrong template, and by frameworks whose stop sequence it was.
END_TOKENS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end|>", "<end_of_turn>", "</s>", "<|return|>",
    "<｜end▁of▁sentence｜>", "<|end_of_text|>", "<|eot|>", "[EOS]", "<end_code>", "<end_action>", "\nTERMINATE",
)  # fmt: skip

# What a model writes after its own action where it should have waited.
IMAGINED = (
    "observation:",
    "<observation>",
    "execution result:",
    "[observation]",
    "<tool_response>",
    "<jupyter_output>",
)

# "" is not here: a fence without a language is code only where nothing else in the reply is.
PYTHON_NAMES = frozenset(
    {"python", "py", "python3", "py3", "ipython", "ipython3", "jupyter", "pycon", "tool_code", "run_python"}
    | {"execute", "execute_code", "code", "python-repl", "repl", "code_interpreter"}
)

TOOL_NAMES = frozenset(
    {"run_python", "execute_code", "python", "execute_python", "run_code", "execute", "code_interpreter"}
    | {"python_interpreter", "ipython", "code", "python_repl", "interpreter", "python_tool"}
)
ANSWER_NAMES = frozenset({"final_answer", "finish", "answer", "submit"})
CODE_ARGUMENTS = ("code", "source", "python_code", "script", "input", "command", "query")
ANSWER_ARGUMENTS = ("answer", "final_answer", "result", "value", "output", "text")
