"""What a task is, and how it is read from a file.

    version: 1
    domain: shop                      # names the tasks: shop/refund-total
    about: a shop with a cart         # for people
    tools: shop.py                    # a Python module beside this file: its TOOLS is a list of functions
    tasks:
      - id: refund-total
        instruction: How much do the open refunds come to, in EUR?
        needs: [loop, filter]         # what makes it more than one call
        files: [orders.csv]           # beside this file; put into the working directory under their names
        answer: {number: 412.5, tolerance: 0.005}
        solution: |
          final_answer(sum(refund(o)["amount"] for o in orders() if o["state"] == "open"))

`answer` is one of `number`, `text` (with `others`: texts that make a prose answer wrong), `list` (in order), `set` (in any
order), `check` (a function of the tools' module, called with the answer). A solution may be a list of actions, which run
one after the other in one session. Instructions must be unlike each other: the reference player finds its task by them.

The module of tools runs in your process with your rights: evaluate task files that you would run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from safe_codeact.evaluation.answers import Expected, Kind
from safe_codeact.evaluation.document import InvalidTasks, Value, parse

NEEDS = {
    "loop": "the same call for each of several things",
    "filter": "some of many results",
    "join": "results of two tools put together",
    "state": "later calls depend on what earlier ones changed",
    "pages": "links followed from page to page",
    "units": "arithmetic between units",
    "table": "a question about a table",
}
_SHIPPED = Path(__file__).parent / "domains"
_MAX_FILE_BYTES = 16 * 1024 * 1024
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task. `id` is "domain/name", `place` is "file:line", `files` are contents by name."""

    id: str
    instruction: str
    needs: tuple[str, ...]
    answer: Expected
    solution: tuple[str, ...]
    files: dict[str, bytes]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """The tasks of one file; they share its module of tools (None: no tools)."""

    path: Path
    domain: str
    tools: Path | None
    tasks: tuple[Task, ...]

    def digest(self, task: Task) -> str:
        """Of all that a task's result depends on, as far as it lies in files: a changed task is run anew."""
        code = self.tools.read_bytes() if self.tools is not None else b""
        parts = [repr((task.id, task.instruction, task.answer)).encode(), code]
        parts += [part for name in sorted(task.files) for part in (name.encode(), task.files[name])]
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def shipped() -> list[Path]:
    """The task files that come with the package."""
    return sorted(_SHIPPED.glob("*.yaml"))


def load(paths: Sequence[Path]) -> list[TaskFile]:
    """The task files, and those in folders that are named. Raises `InvalidTasks`."""
    files = [_read(path) for named in paths for path in (sorted(named.glob("*.yaml")) if named.is_dir() else [named])]
    if not any(file.tasks for file in files):
        raise InvalidTasks(f"{', '.join(map(str, paths)) or 'no path'}: no task file (*.yaml) is there.")
    seen: dict[str, Task] = {}
    for task in (task for file in files for task in file.tasks):
        for key in (task.id, task.instruction):
            if key in seen:
                raise InvalidTasks(f"{task.place}: its id or its instruction is that of {seen[key].place}: change one.")
            seen[key] = task
    return files


def _read(path: Path) -> TaskFile:
    root = parse(_bytes(path, str(path)), str(path))
    fields = root.fields(("version", "domain", "tasks"), ("about", "tools"))
    if fields["version"].plain() != 1:
        raise fields["version"].wrong("must be 1: there is no other version of this format.")
    domain = _name(fields["domain"])
    tools = _beside(path, fields["tools"]) if "tools" in fields else None
    tasks = tuple(_task(item, domain, path) for item in fields["tasks"].items())
    for task in tasks:
        if task.answer.kind == "check" and tools is None:
            raise fields["tasks"].wrong(
                f"{task.place}: `check` names a function of the tools' module: give `tools` too."
            )
    return TaskFile(path=path, domain=domain, tools=tools, tasks=tasks)


def _task(item: Value, domain: str, path: Path) -> Task:
    fields = item.fields(("id", "instruction", "answer", "solution"), ("needs", "files"))
    line = item.node.start_mark.line + 1
    solution = fields["solution"]
    return Task(
        id=f"{domain}/{_name(fields['id'])}",
        instruction=" ".join(fields["instruction"].text().split()),
        needs=tuple(_need(value) for value in (fields["needs"].items() if "needs" in fields else [])),
        answer=_expected(fields["answer"]),
        solution=tuple(value.text() for value in solution.items())
        if isinstance(solution.node.value, list)
        else (solution.text(),),
        files=_files(path, fields["files"].items() if "files" in fields else []),
        place=f"{path}:{line}",
    )


def _name(value: Value) -> str:
    text = value.text()
    if not text.replace("-", "").isalnum() or not text.isascii() or len(text) > 60:
        raise value.wrong(f"{text[:60]!r} must be 1 to 60 letters, digits or '-'.")
    return text


def _need(value: Value) -> str:
    text = value.text()
    if text not in NEEDS:
        raise value.wrong(f"{text[:60]!r} is none of {', '.join(NEEDS)}.")
    return text


def _expected(value: Value) -> Expected:
    fields = value.fields((), (*_KINDS, "tolerance", "others"))
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        raise value.wrong(f"needs exactly one of {', '.join(_KINDS)}; {len(kinds)} are given.")
    kind = kinds[0]
    for option, allowed in (("tolerance", ("number", "list", "set")), ("others", ("text",))):
        if option in fields and kind not in allowed:
            raise fields[option].wrong(f"goes with {' or '.join(allowed)}, not with {kind}.")
    tolerance = fields["tolerance"].number() if "tolerance" in fields else 0.0
    if tolerance < 0:
        raise fields["tolerance"].wrong(f"{tolerance} must not be negative.")
    given = fields[kind]
    wanted: Any
    if kind == "number":
        wanted = given.number()
    elif kind in ("list", "set"):
        given.items()
        wanted = given.plain()
    else:
        wanted = given.text()
    others = tuple(other.text() for other in fields["others"].items()) if "others" in fields else ()
    return Expected(kind=kind, value=wanted, tolerance=float(tolerance), others=others)


def _files(path: Path, values: Sequence[Value]) -> dict[str, bytes]:
    return {place.name: _bytes(place, str(place)) for place in (_beside(path, value) for value in values)}


def _beside(path: Path, value: Value) -> Path:
    """A file that is named in the task file, in the same folder."""
    name = value.text()
    place = path.parent / name
    if Path(name).name != name:
        raise value.wrong(f"{name[:60]!r} must be the name of a file in the same folder, without a path.")
    if not place.is_file():
        raise value.wrong(f"there is no file {name[:60]!r} in {path.parent}.")
    return place


def _bytes(path: Path, name: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InvalidTasks(f"{name}: is not a file; name a file or a folder.")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidTasks(f"{name}: cannot be read: {error.strerror or error}.") from None
    if len(data) > _MAX_FILE_BYTES:
        raise InvalidTasks(f"{name}: has more than {_MAX_FILE_BYTES // 2**20} MiB.")
    return data
