"""Attempts, one after the other: each task in each format, in a session of its own, through the loop that users have.

An endpoint that fails is not a model that is wrong: such an attempt leaves no record, and is made when the same command is
given again. Where it fails again and again, the rest is not tried.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safe_codeact import ModelUnavailable, Policy, __version__
from safe_codeact.agent import AgentResult, CodeActAgent, Patience
from safe_codeact.evaluation.answers import is_expected
from safe_codeact.evaluation.record import Ledger, Record, shown_answer
from safe_codeact.evaluation.styles import style
from safe_codeact.evaluation.tasks import Task, TaskFile
from safe_codeact.evaluation.workbench import Workbench

MOST_FAILURES = 3  # of the endpoint, in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Whom to ask. `options` go into each request."""

    model: str
    base_url: str | None = None
    api_key: str | None = None
    patience: Patience | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The same for every attempt. `policy` None: `workbench.POLICY`."""

    styles: Sequence[str]
    attempts: int = 1
    max_turns: int = 30
    max_seconds: float = 900.0
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One to be made."""

    file: TaskFile
    task: Task
    style: str
    number: int


@dataclass(frozen=True, slots=True)
class NotMade:
    """The endpoint failed; `reason` is its sentence."""

    attempt: Attempt
    reason: str


class Evaluation:
    """The attempts at the tasks of these files, at one endpoint, on the same terms."""

    def __init__(self, files: Sequence[TaskFile], endpoint: Endpoint, terms: Terms, ledger: Ledger) -> None:
        self._files = files
        self._endpoint = endpoint
        self._terms = terms
        self._ledger = ledger
        self._keys = {task.id: self._key(file, task) for file in files for task in file.tasks}

    def attempts(self) -> list[Attempt]:
        """All of them. The formats of a task come one after the other: a run that is stopped still compares."""
        return [
            Attempt(file, task, name, number)
            for file in self._files
            for number in range(1, self._terms.attempts + 1)
            for task in file.tasks
            for name in self._terms.styles
        ]

    def made(self) -> list[Record]:
        """The records there are of these attempts."""
        found = (self._record_of(attempt) for attempt in self.attempts())
        return [record for record in found if record is not None]

    def run(self) -> Generator[Record | NotMade, None, None]:
        """Makes those that are missing. Raises `InvalidTasks`, and what a runtime raises."""
        failures = 0
        for file in self._files:
            missing = [one for one in self.attempts() if one.file is file and self._record_of(one) is None]
            if not missing or failures >= MOST_FAILURES:
                continue
            with Workbench(file, self._terms.policy) as bench:
                agents = {name: self._agent(name, bench) for name in self._terms.styles}
                try:
                    for attempt in missing:
                        if failures >= MOST_FAILURES:
                            break
                        result = self._try(agents[attempt.style], attempt, bench)
                        failures = failures + 1 if isinstance(result, NotMade) else 0
                        yield result
                finally:
                    for agent in agents.values():
                        agent.close()

    def _try(self, agent: CodeActAgent, attempt: Attempt, bench: Workbench) -> Record | NotMade:
        bench.renew(attempt.task)
        try:
            result = agent.run(attempt.task.instruction, files=attempt.task.files)
        except ModelUnavailable as error:
            return NotMade(attempt, str(error))
        record = self._judged(attempt, result, bench)
        self._ledger.add(record)
        return record

    def _judged(self, attempt: Attempt, result: AgentResult, bench: Workbench) -> Record:
        task, note = attempt.task, ""
        solved = False
        if result.stopped_by == "answer":
            if task.answer.kind == "check":
                solved, note = bench.judge(task, result.answer)
            else:
                solved = is_expected(result.answer, task.answer)
        return Record(
            task=task.id,
            style=attempt.style,
            attempt=attempt.number,
            key=self._keys[task.id],
            model=self._endpoint.model,
            solved=solved,
            answer=shown_answer(result.answer),
            stopped_by=result.stopped_by,
            turns=result.turns,
            tokens=result.spent.tokens,
            prompt_tokens=result.usage.prompt_tokens,
            completion_tokens=result.usage.completion_tokens,
            tokens_estimated=result.spent.tokens_estimated,
            tool_calls=result.spent.tool_calls,
            seconds=round(result.spent.seconds, 3),
            outcomes=dict(Counter(one.outcome.value for one in result.observations)),
            returned=sum(step.kind == "returned" for step in result.steps),
            note=note,
        )

    def _agent(self, name: str, bench: Workbench) -> CodeActAgent:
        return CodeActAgent(
            self._endpoint.model,
            bench.runtime,
            base_url=self._endpoint.base_url,
            api_key=self._endpoint.api_key,
            patience=self._endpoint.patience,
            options=self._endpoint.options,
            max_turns=self._terms.max_turns,
            max_seconds=self._terms.max_seconds,
            style=style(name, bench.names),
        )

    def _record_of(self, attempt: Attempt) -> Record | None:
        return self._ledger.find(attempt.task.id, attempt.style, attempt.number, self._keys[attempt.task.id])

    def _key(self, file: TaskFile, task: Task) -> str:
        policy = self._terms.policy.digest if self._terms.policy else ""
        parts = (
            file.digest(task),
            self._endpoint.model,
            sorted(self._endpoint.options.items()),
            self._terms.max_turns,
            policy,
            __version__,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
