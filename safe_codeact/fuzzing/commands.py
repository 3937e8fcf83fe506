"""Commands on files of any name and content: how they end, and what reaches the terminal.

A reviewer runs `safe-codeact audit` on the branch of somebody else, so names and contents of files are an attacker's. Whatever
they are: an exit status that the verb documents, never the one for a mistake of ours; no traceback; one JSON document where
JSON was asked for; and nothing on either stream that a terminal would obey. Commands run in this process, through the same
entry as the installed program, with streams of their own: a hundred a second instead of three.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from safe_codeact import cli
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.policies_examples import texts

_USAGE: Final = 2
_OBEYED: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, invisible formats, surrogates, separators of lines
# Exit statuses as the README says them, besides 2 for usage. `run` starts processes: it is tried now and then.
STATUSES: Final[Mapping[str, frozenset[int]]] = {
    "check": frozenset({0, 3}),
    "run": frozenset({0, 1, 3, 4}),
    "explain": frozenset({0}),
    "audit": frozenset({0, 1}),
    "policy show": frozenset({0}),
    "policy explain": frozenset({0, 1}),
    "policy test": frozenset({0, 1}),
    "policy diff": frozenset({0, 1}),
    "policy lock": frozenset({0, 1}),
    "policy schema": frozenset({0}),
}
_OPTIONS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "check": ((), (), ("--json",), ("--policy", "analysis"), ("--tool", "search"), ("--policy", "{0}")),
    "run": ((), ("--json",)),
    "explain": ((),),
    "audit": (
        (),
        ("--format", "json"),
        ("--format", "sarif"),
        ("--format", "github"),
        ("--fail-on", "low"),
        ("--fail-on", "x"),
    ),
    "policy show": ((), ("--json",)),
    "policy explain": ((), ("--markdown",), ("--why", "import os"), ("--json",)),
    "policy test": ((), ("--coverage",), ("--json",)),
    "policy diff": ((), ("--json",)),
    "policy lock": ((), ("--check",)),
    "policy schema": ((),),
}
_VERBS: Final = ("check", "check", "audit", "audit", "policy show", "policy explain", "policy test", "policy diff", "policy lock",
                 "explain", "policy schema")  # fmt: skip
_HOSTILE: Final = (
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\u202e",
    "\x9b2J",
    "\r",
    "\b\b",
    "\u2066",
    "\u200b",
    "\x7f",
    "\udcff",
    "\n::error::",
    "%0A",
)
_names = st.lists(
    st.sampled_from(["a", "policy", "x.py", ".yaml", ".yml", " ", "-", "--json", "'", "é", ":", "%s", "{0}", *_HOSTILE]),
    min_size=1, max_size=3,
).map("".join).filter(lambda name: name not in (".", "..") and "/" not in name and "\0" not in name)  # fmt: skip
_programs = st.lists(
    st.sampled_from(
        ["import os\n", "x = 1\n", "print(x)\n", "def f(:\n", "'", '"""', "len.__globals__\n", "(" * 90, "\0", "\ufeff"]
        + [f"{mark}\n" for mark in _HOSTILE]
        + [f"x = '{mark}'\n" for mark in _HOSTILE]
        + [f"import {mark}\n" for mark in ("os", "é", "\u202e", "a.b")]
    ),
    max_size=5,
).map("".join)  # fmt: skip


@st.composite
def _examples(draw: DrawFn) -> dict[str, Any]:
    """{"verb", "options", "files": [[name, hex]], "named": how many files are given, "stdin": hex}."""
    verb = draw(st.sampled_from(_VERBS)) if draw(st.integers(0, 60)) else "run"
    options = list(draw(st.sampled_from(_OPTIONS[verb])))
    text: SearchStrategy[str] = _programs if verb in ("check", "run") else texts() | texts() | _programs
    contents = text.map(lambda content: content.encode("utf-8", "surrogatepass")) | st.binary(max_size=40)
    files = draw(
        st.lists(
            st.tuples(_names, contents.map(bytes.hex)).map(list),
            min_size=1,
            max_size=2,
            unique_by=lambda each: str(each[0]),
        )
    )
    given = draw(st.sampled_from([1, 1, 1, 2, 0]))
    hidden = draw(st.booleans())  # given as ./name, or as a name that may look like an option
    return {
        "verb": verb,
        "options": options,
        "files": files,
        "given": given,
        "dotted": hidden,
        "stdin": draw(contents.map(bytes.hex)),
    }


class _Terminal:
    """The streams of one command, and the folder that it runs in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, example: dict[str, Any]) -> Course:
        """Raises `Escape`, and `ValueError` for what no example of ours is: a finding may come from a stranger, and names
        neither another command nor a place outside the folder."""
        if tuple(example["options"]) not in _OPTIONS.get(example["verb"], ()):
            raise ValueError(f"{example['verb']!r} with {example['options']!r} is no example of this target")
        if any("/" in name or name in (".", "..") for name, _content in example["files"]):
            raise ValueError("a file of an example lies in its folder")
        with tempfile.TemporaryDirectory(dir=self._folder) as here:
            given = [self._made(Path(here), name, content) for name, content in example["files"]]
            names = [f"./{name}" if example["dotted"] else name for name in given][: example["given"]]
            first = names[0] if names else "strict"
            options = [first if option == "{0}" else option for option in example["options"]]
            arguments = [*example["verb"].split(), *options, *names]
            with contextlib.chdir(here):
                status, stdout, stderr = called(arguments, bytes.fromhex(example["stdin"]))
        self._judge(example["verb"], arguments, status, stdout, stderr)
        return Course(alive=status != _USAGE, classes=("parsers", "policy"))

    def _made(self, here: Path, name: str, content: str) -> str:
        path = os.fsencode(here) + b"/" + name.encode("utf-8", "surrogateescape")[:200]
        with open(path, "wb") as file:
            file.write(bytes.fromhex(content))
        return os.fsdecode(path[len(os.fsencode(here)) + 1 :])

    def _judge(self, verb: str, arguments: Sequence[str], status: int, stdout: str, stderr: str) -> None:
        said = f"{arguments!r:.200} → {status}: {stderr[-300:]!r}"
        if "Traceback (most recent call last)" in stdout + stderr:
            raise Escape("a command shows a traceback", said)
        if status not in STATUSES[verb] | {_USAGE}:
            raise Escape("a command ends with a status that it does not document", said)
        for name, text in (("stdout", stdout), ("stderr", stderr)):
            if unshown(text):
                raise Escape("what a terminal obeys reaches it", f"{arguments!r:.200}: {name} {text[:300]!r}")
        is_json = "--json" in arguments[1:] or (
            "--format" in arguments and ("json" in arguments or "sarif" in arguments)
        )
        if is_json and status != _USAGE and verb != "policy lock":
            self._require_json(stdout, said)
        if status == _USAGE and not stderr.strip() and not stdout.strip():
            raise Escape("a command refuses without a word", said)

    def _require_json(self, stdout: str, said: str) -> None:
        try:
            json.loads(stdout)
        except ValueError as error:
            raise Escape("what should be JSON is none", f"{said}: {error}: {stdout[:200]!r}") from None
        if not stdout.isascii():
            raise Escape("JSON for a terminal is not ASCII", said)


def unshown(text: str) -> str:
    """The first character that a terminal would obey or not show, or "". By Unicode's categories, not by our own table."""
    return next((each for each in text if each not in "\n\t" and unicodedata.category(each) in _OBEYED), "")


def called(arguments: Sequence[str], stdin: bytes = b"") -> tuple[int, str, str]:
    """One command line, as `safe-codeact` in a terminal: (exit status, stdout, stderr)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams: dict[str, io.TextIOWrapper] = {
            "stdin": io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"),
            "stdout": io.TextIOWrapper(os.fdopen(os.dup(out.fileno()), "wb"), encoding="utf-8"),
            "stderr": io.TextIOWrapper(os.fdopen(os.dup(err.fileno()), "wb"), encoding="utf-8"),
        }  # fmt: skip
        before = {name: getattr(sys, name) for name in (*streams, "argv")}
        try:
            for name, stream in streams.items():
                setattr(sys, name, stream)
            sys.argv = ["safe-codeact", *arguments]
            status = _ended()
        finally:
            for name, value in before.items():
                setattr(sys, name, value)
            for stream in streams.values():
                with contextlib.suppress(OSError, ValueError):
                    stream.close()
        out.seek(0)
        err.seek(0)
        return status, out.read().decode("utf-8", "surrogateescape"), err.read().decode("utf-8", "surrogateescape")


def _ended() -> int:
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except Exception as error:
        raise Escape(
            "a command lets an exception out", f"{sys.argv!r:.200}: {type(error).__name__}: {error}"
        ) from error
    return 0


@contextlib.contextmanager
def _open(_setting: Setting) -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        yield _Terminal(Path(folder)).run


COMMANDS: Final = Target(
    name="commands",
    layer="cli",
    classes=("parsers", "policy"),
    claim="a command on any file ends with a status that it documents, and shows nothing that a terminal obeys",
    examples=lambda _setting: _examples(),
    open=_open,
)
