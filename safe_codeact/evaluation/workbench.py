"""A runtime with the tools of one task file, in which each run finds the tools as if nobody had used them.

Tools of tasks keep state in their module (a cart, a page that was visited). A runtime has its tools for life, and starting
one for each run would take longer than the runs: so the runtime is given stand-ins, and the module behind them is loaded
anew for each run.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from safe_codeact import Policy, Runtime, ToolWithheld
from safe_codeact.evaluation.document import InvalidTasks
from safe_codeact.evaluation.tasks import Task, TaskFile

POLICY = Path(__file__).parent / "policy.yaml"
_MOST_LINES = 200
_NUMBERS = itertools.count(1)

Function = Callable[..., Any]


class Workbench:
    """A context manager. Raises `InvalidTasks` where the tools cannot be loaded, and what `Runtime` raises."""

    def __init__(self, file: TaskFile, policy: Policy | None = None) -> None:
        self.file = file
        self._files: dict[str, bytes] = {}
        self._functions = self._loaded()
        tools = [_stand_in(function, self._call(name)) for name, function in self._functions.items()]
        self.names = tuple(self._functions)
        policy = policy or Policy.load(POLICY)
        if policy.filesystem.workspace == "none" and any(task.files for task in file.tasks):
            raise InvalidTasks(
                f"{file.path}: its tasks have files, and policy {policy.name!r} has no workspace to put them."
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ToolWithheld)  # said below, as an error
                self.runtime = Runtime(policy, tools=tools, standby=1)
        except (TypeError, ValueError) as error:
            raise InvalidTasks(f"{file.tools}: {error}.") from None
        if self.runtime.withheld:
            self.runtime.close()
            withheld = ", ".join(self.runtime.withheld)
            raise InvalidTasks(f"{file.path}: policy {self.runtime.policy.name!r} does not allow the tools {withheld}.")

    def renew(self, task: Task) -> None:
        """Before each run: the tools as they are at first, the files of this task."""
        self._files = task.files
        self._functions = self._loaded()

    def judge(self, task: Task, answer: Any) -> tuple[bool, str]:
        """What the task's own function says of an answer, and the exception that it raised, as text."""
        try:
            return bool(self._check(task)(answer)), ""
        except InvalidTasks:
            raise
        except Exception as error:  # an answer of a shape that its author did not think of is a wrong one
            return False, f"{type(error).__name__}: {error}"

    def signatures(self) -> dict[str, Function]:
        """The functions by name, for who needs their signatures."""
        return dict(self._functions)

    def close(self) -> None:
        """Ends the runtime."""
        self.runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, name: str) -> Function:
        return lambda *args, **kwargs: self._functions[name](*args, **kwargs)

    def _loaded(self) -> dict[str, Function]:
        self._module = _module(self.file.tools) if self.file.tools else None
        functions = _tools_of(self._module, self.file.tools)
        if any(task.files for task in self.file.tasks):
            functions.append(self._read_lines())
        return {function.__name__: function for function in functions}

    def _read_lines(self) -> Function:
        def read_lines(name: str, start: int = 1, count: int = 50) -> list[str]:
            """Lines of a file in the working directory, from line `start` (1 is the first), at most 200 at a time."""
            if name not in self._files:
                raise ValueError(f"there is no file {name!r}; there are {', '.join(self._files) or 'none'}")
            first = max(start, 1) - 1
            return self._files[name].decode("utf-8", "replace").splitlines()[first : first + min(count, _MOST_LINES)]

        return read_lines

    def _check(self, task: Task) -> Function:
        function = getattr(self._module, task.answer.value, None)
        if not callable(function):
            raise InvalidTasks(f"{task.place}: {self.file.tools} has no function {task.answer.value!r} to check with.")
        return function  # type: ignore[no-any-return]


def _stand_in(function: Function, call: Function) -> Function:
    # The signature stays the original's: `inspect.signature` follows `__wrapped__`.
    return functools.wraps(function)(call)


def _module(path: Path) -> ModuleType:
    name = f"safe_codeact_tasks_{path.stem}_{next(_NUMBERS)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidTasks(f"{path}: is no Python module: its name must end with .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidTasks(f"{path}{_line(error, path)}: cannot be loaded: {type(error).__name__}: {error}.") from error
    finally:
        del sys.modules[name]
    return module


def _line(error: BaseException, path: Path) -> str:
    """ ":7", the innermost line of the module that an exception came through."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f":{error.lineno}"
    lines = (
        [frame.lineno for frame in inspect.getinnerframes(error.__traceback__) if frame.filename == str(path)]
        if (error.__traceback__ is not None)
        else []
    )
    return f":{lines[-1]}" if lines else ""


def _tools_of(module: ModuleType | None, path: Path | None) -> list[Function]:
    if module is None:
        return []
    given = getattr(module, "TOOLS", None)
    if not isinstance(given, Sequence) or not given or not all(map(inspect.isfunction, given)):
        raise InvalidTasks(f"{path}: TOOLS must be a list of the functions that a model may call.")
    bad = [function.__name__ for function in given if inspect.iscoroutinefunction(function)]
    if bad:
        raise InvalidTasks(f"{path}: {bad[0]} is asynchronous: one call a turn has nothing to await; use `def`.")
    return list(given)
