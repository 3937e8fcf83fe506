"""A drop-in executor for smolagents' `CodeAgent`: `CodeAgent(tools, model, executor=ConfinedExecutor("analysis"))`.

The agent's tools stay in your process, as tools of a runtime: under the policy's lines, called with plain data. The agent hands them
over when it runs; where they have changed, a new runtime goes on with the session's names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from smolagents import PythonExecutor
from smolagents.local_python_executor import CodeOutput, InterpreterError

from safe_codeact import MemoryStore, Observation, Outcome, Policy, Runtime, Session, tool
from safe_codeact.schemas import NOT_GIVEN, describe

_SESSION = "smolagents"
_ANSWERED = (Outcome.completed, Outcome.raised)
# What smolagents calls a type, where JSON Schema calls it otherwise. Images and sounds are no plain data: their tools say so when called.
_TYPES: dict[str, Any] = {"any": {}, "image": {}, "audio": {}}


class ConfinedExecutor(PythonExecutor):  # type: ignore[misc]
    """Runs each code action of a `CodeAgent` in one session, judged and confined by `policy`. A context manager.

    `runtime_options` go to `Runtime` (`approve=…`). `last` is the last action's `Observation`, with its plots and files;
    `files` the workspace (after the agent has run once). `agent.cleanup()`, `cleanup()` or leaving the context ends it.
    """

    def __init__(self, policy: Policy | str | os.PathLike[str] = "strict", **runtime_options: Any) -> None:
        self._policy = policy if isinstance(policy, Policy) else Policy.load(policy)
        self._options = runtime_options
        self._store = MemoryStore()
        self._given: dict[str, Any] = {}
        self._final: Any = None
        self._variables: dict[str, Any] = {}
        self._runtime: Runtime | None = None
        self._session: Session | None = None
        self.last: Observation | None = None
        self.state: dict[str, Any] = {}  # where the agent looks for what a failed action had printed

    @property
    def authorized_imports(self) -> list[str]:
        """What the policy lets actions import, for `CodeAgent(additional_authorized_imports=…)`, which tells the model."""
        return [rule.module for rule in self._policy.language.imports]

    @property
    def session(self) -> Session:
        """The session that actions run in."""
        if self._session is None:
            self._runtime = Runtime(
                self._policy,
                tools=[_function(name, given) for name, given in self._given.items()],
                store=self._store,
                **self._options,
            )
            self._session = self._runtime.session(_SESSION)
        return self._session

    def send_tools(self, tools: Mapping[str, Any]) -> None:
        """The agent's tools and managed agents, by name. Called by the agent."""
        self._final = tools.get("final_answer")
        given = {name: given for name, given in tools.items() if name != "final_answer"}
        if self._given.keys() != given.keys() or any(self._given[name] is not tool for name, tool in given.items()):
            self._close()
            self._given = given

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Variables for the next action: what `session.set` takes. Called by the agent."""
        self._variables.update(variables)

    def __call__(self, code_action: str) -> CodeOutput:
        """Run one action. What it raises, and why it was refused or ended, is raised for the agent to show its model."""
        self.state["_print_outputs"] = ""
        session = self.session
        while self._variables:
            name, value = self._variables.popitem()
            session.set(name, value)
        self.last = observation = session.run(code_action)
        logs = observation.stdout + (f"\nstderr:\n{observation.stderr}" if observation.stderr.strip() else "")
        if observation.final_answer is not None and observation.outcome in _ANSWERED:
            return CodeOutput(output=self._answer(observation.final_answer), logs=logs, is_final_answer=True)
        if observation.outcome is not Outcome.completed:
            self.state["_print_outputs"] = logs
            raise InterpreterError(_problem(observation))
        return CodeOutput(output=observation.value, logs=logs, is_final_answer=False)

    def cleanup(self) -> None:
        """End the session and its processes. Idempotent."""
        self._close()
        self._store.forget(_SESSION)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.cleanup()

    def _answer(self, value: Any) -> Any:
        """As the agent's own `final_answer` tool makes it: one of yours may check or change it, in your process."""
        return value if self._final is None else self._final(value)

    def _close(self) -> None:
        if self._runtime is not None:
            if self._session is not None:
                self._session.close(keep=True)
            self._runtime.close()
        self._runtime = self._session = None


def _problem(observation: Observation) -> str:
    if observation.error is not None:
        return observation.error.traceback
    return observation.text


def _function(name: str, given: Any) -> Callable[..., Any]:
    """A tool of smolagents, or a managed agent, as a function with a signature. Raises `ValueError` where it describes none."""
    inputs = {key: _input(about) for key, about in given.inputs.items()}
    required = [key for key, about in given.inputs.items() if not about.get("nullable")]
    described = describe({"type": "object", "properties": inputs, "required": required})

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = described.signature.bind(*args, **kwargs).arguments
        value = given(**{described.names[key]: item for key, item in bound.items() if item is not NOT_GIVEN})
        return str(value) if isinstance(value, str) else value

    call.__name__ = call.__qualname__ = name
    call.__signature__ = described.signature  # type: ignore[attr-defined]
    notes = "\n".join(described.notes)
    return tool(call, name=name, description=f"{given.description}\n{notes}".strip())


def _input(about: Mapping[str, Any]) -> dict[str, Any]:
    kinds = about.get("type", "any")
    schema: dict[str, Any] = {"description": str(about.get("description", ""))}
    parts = [_TYPES.get(kind, {"type": kind}) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    if about.get("nullable"):
        return {**schema, "anyOf": [*parts, {"type": "null"}], "default": None}
    return {**schema, **parts[0]} if len(parts) == 1 else {**schema, "anyOf": parts}
