"""A run of the agent on the terminal: thought, code, observation, refusals, limits used, answer.

Every foreign text passes through `terminal.escaped` and is printed as rich `Text` or `Syntax`, never as markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.status import Status
from rich.syntax import Syntax
from rich.text import Text

from safe_codeact import Observation, Outcome, Policy
from safe_codeact.agent import (
    ActionProposed,
    AnswerReady,
    ContextFolded,
    Event,
    ModelDelta,
    ModelRetry,
    ObservationReady,
    ReplyReturned,
)
from safe_codeact.cli.terminal import escaped, escaped_line

_MAX_SHOWN_LINES = 60
_MAX_SHOWN_CHARACTERS = 12_000

_COLOR = {Outcome.completed: "cyan", Outcome.raised: "yellow"}
_MEANING = {
    Outcome.completed: "ran to the end",
    Outcome.raised: "raised an exception; the model is shown it",
    Outcome.refused: "refused before it ran; nothing happened",
}


_WHY = {
    "max_turns": "agent.max_turns",
    "max_tokens": "the run's tokens are used up",
    "max_seconds": "the run's time is up",
    "max_tool_calls": "the run made more tool calls than it may",
    "repetition": "the same came back four times in a row, although the model was told",
}


class Transcript:
    """Prints the events of a run as they come. `policy` says what the limits are that usage is compared with."""

    def __init__(self, console: Console, policy: Policy) -> None:
        self._console = console
        self._policy = policy
        self._turn = 0
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop_waiting()

    def show(self, event: Event) -> None:
        """Prints one event."""
        if isinstance(event, ModelDelta):
            self._wait("the model is writing")
            return
        self._stop_waiting()
        self._begin(event.turn)
        if isinstance(event, ActionProposed):
            self._say(event.thought)
            title = (
                f"action ({event.format})" if event.blocks == 1 else f"action ({event.format}, {event.blocks} blocks)"
            )
            self._console.print(Panel(_code(event.source), title=title, title_align="left", border_style="blue"))
            self._wait("the action is running")
        elif isinstance(event, ObservationReady):
            self._observation(event.observation)
            if event.hint:
                self._console.print(Text(f"the model is told: {event.hint}", style="yellow"))
            self._wait("the model is reading")
        elif isinstance(event, ReplyReturned):
            self._say(event.text)
            self._console.print(Text(f"returned to the model: {event.reason}", style="yellow"))
        elif isinstance(event, ModelRetry):
            reason = escaped_line(event.reason)
            self._console.print(Text(f"the endpoint {reason}; next try in {event.wait_seconds:.1f} s", style="yellow"))
        elif isinstance(event, ContextFolded):
            tokens = f"{event.fold.tokens_before:,} to {event.fold.tokens_after:,} tokens"
            self._console.print(Text(f"the conversation is folded: from about {tokens}", style="dim"))
        else:
            self._answer(event)

    def pause(self) -> None:
        """Nothing moves on the screen: somebody else has something to say."""
        self._stop_waiting()

    def files(self, paths: list[Path]) -> None:
        """Names the files that the run's artifacts were written to."""
        for path in paths:
            self._console.print(Text.assemble(("saved  ", "bold"), escaped_line(str(path))))

    def _wait(self, what: str) -> None:
        if self._console.is_terminal and self._status is None:
            self._status = self._console.status(f"[dim]{what} …", spinner="dots")
            self._status.start()

    def _stop_waiting(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _begin(self, turn: int) -> None:
        if turn != self._turn:
            self._turn = turn
            self._console.print()
            self._console.print(Rule(f"turn {turn}", style="dim", align="left"))

    def _say(self, text: str) -> None:
        if text.strip():
            self._console.print(Text(_shown(text)))

    def _observation(self, observation: Observation) -> None:
        outcome = observation.outcome
        color = _COLOR.get(outcome, "red")
        title = f"observation: {outcome.value}"
        if outcome in _MEANING:
            title += f" ({_MEANING[outcome]})"
        text = _shown(observation.text) or "(nothing was printed)"
        self._console.print(
            Panel(
                Text(text),
                title=Text(title, style=f"bold {color}"),
                title_align="left",
                subtitle=Text(self._limits(observation), style="dim"),
                subtitle_align="right",
                border_style=color,
            )
        )
        for artifact in observation.artifacts:
            size = f"{len(artifact.data):,} bytes"
            name = escaped_line(artifact.name)
            self._console.print(Text(f"artifact: {name} ({escaped_line(artifact.media_type)}, {size})", style="green"))

    def _limits(self, observation: Observation) -> str:
        usage, limits = observation.usage, self._policy.limits
        return (
            f"{usage.wall_seconds:.2f} of {limits.wall_seconds:g} s · CPU {usage.cpu_seconds:.2f} of "
            f"{limits.cpu_seconds:g} s · {usage.peak_memory_bytes / 2**20:.0f} of {limits.memory_mb} MB · "
            f"output {usage.output_bytes / 1024:.1f} of {limits.output_kb} KB"
        )

    def _answer(self, event: AnswerReady) -> None:
        if event.stopped_by != "answer":
            turns = f"{event.turn} turn" + ("s" if event.turn > 1 else "")
            self._console.print(Text(f"no answer after {turns} ({_WHY[event.stopped_by]})", style="bold red"))
            return
        self._console.print()
        answer = Text(_shown(str(event.answer)))
        self._console.print(Panel(answer, title="answer", title_align="left", border_style="bold green"))
        usage = event.result.usage
        self._console.print(
            Text(
                f"{event.turn} turns · {usage.requests} requests · {usage.prompt_tokens:,} tokens in, "
                f"{usage.completion_tokens:,} out",
                style="dim",
            )
        )


def _code(source: str) -> Syntax:
    return Syntax(_shown(source), "python", theme="ansi_dark", word_wrap=True, background_color="default")


def _shown(text: str) -> str:
    """Escaped, and short enough to read; how much is missing is said."""
    text = text.strip("\n")
    if len(text) > _MAX_SHOWN_CHARACTERS:
        left_out = len(text) - _MAX_SHOWN_CHARACTERS
        text = f"{text[:_MAX_SHOWN_CHARACTERS]}\n… {left_out:,} characters not shown"
    lines = escaped(text).split("\n")
    if len(lines) > _MAX_SHOWN_LINES:
        left_out = len(lines) - _MAX_SHOWN_LINES
        half = _MAX_SHOWN_LINES // 2
        lines = [*lines[:half], f"… {left_out} lines not shown …", *lines[-half:]]
    return "\n".join(lines)
