"""A failed example as a file: what was tried, under which policy, and what was seen. Anybody can run it again.

The file is one JSON object:

    {"format": "safe-codeact finding", "version": 1,
     "target":  the property that did not hold,
     "claim":   in words,            "seen": what there was to see,
     "example": the example, shrunk: JSON data that the target understands,
     "seed":    of the round that found it,
     "policy":  the effective policy as plain data, or null where the target has nothing to do with one,
     "tools":   "module:attribute" of the host functions it was found with, or "",
     "python":  "3.11", the interpreter it was found on}

A finding that was fixed belongs in the regression corpus (`fuzz/regressions/`), which the tests run: every file in there
must hold. A file is data of an attacker: reading one never imports what it names; `tools` is a hint for people.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from safe_codeact.errors import SafeCodeActError
from safe_codeact.fuzzing import Escape, Setting, targets
from safe_codeact.policy.effective import Policy

FORMAT = "safe-codeact finding"
VERSION = 1
_MOST_BYTES = 4 * 1024 * 1024
_FIELDS = {"target": str, "claim": str, "seen": str, "seed": int, "tools": str, "python": str}


class UnusableFinding(SafeCodeActError):
    """A file that is no finding; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One example for which a property did not hold."""

    target: str
    claim: str
    example: Any
    seen: str = ""
    seed: int = 0
    policy: dict[str, Any] | None = None
    tools: str = ""
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"

    def write(self, folder: Path) -> Path:
        """A file in `folder`, named by target and content; the same finding is the same file."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1, sort_keys=True)
        digest = hashlib.sha256(json.dumps([self.target, self.claim, self.example]).encode()).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{re.sub(r'[^a-z0-9]+', '-', self.target)}-{digest[:10]}.json"
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def with_tools(self, tools: str) -> Finding:
        """The same, and where the host functions came from."""
        return replace(self, tools=tools)

    def recur(self, tools: tuple[Callable[..., Any], ...] = (), policy: Policy | None = None) -> Escape | None:
        """Try it once more, under its own policy or another one. The escape, or None where the property holds now.

        Raises `UnusableFinding` where its example is none that the target could have made.
        """
        if policy is None:
            policy = Policy.load("strict") if self.policy is None else Policy.from_dict(_as_file(self.policy))
        with targets.load(self.target).open(Setting(policy, tools)) as run:
            try:
                run(self.example)
            except Escape as escape:
                return escape
            except (ValueError, KeyError, TypeError) as error:
                raise UnusableFinding(f"its example is none of the target {self.target!r}: {error}.") from error
        return None


def is_finding(value: object) -> bool:
    """Whether parsed JSON says of itself that it is one."""
    return isinstance(value, dict) and value.get("format") == FORMAT


def read(path: Path) -> Finding:
    """A finding from its file. Raises `UnusableFinding`."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnusableFinding(f"{path}: has more than {_MOST_BYTES >> 20} MiB, which is no finding.")
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableFinding(f"{path}: cannot be read as a finding: {error}.") from None
    if not is_finding(values):
        raise UnusableFinding(f'{path}: is no finding: expected a JSON object with "format": "{FORMAT}".')
    if values.get("version") != VERSION:
        raise UnusableFinding(f"{path}: version {values.get('version')!r}; this program reads version {VERSION}.")
    for name, kind in _FIELDS.items():
        if type(values.get(name)) is not kind:
            raise UnusableFinding(f"{path}: {name} must be {kind.__name__}, got {type(values.get(name)).__name__}.")
    if not (values.get("policy") is None or isinstance(values["policy"], dict)):
        raise UnusableFinding(f"{path}: policy must be an object or null.")
    names = ("target", "claim", "example", "seen", "seed", "policy", "tools", "python")
    return Finding(**{name: values.get(name) for name in names})


def _as_file(plain: dict[str, Any]) -> dict[str, Any]:
    """Plain data of an effective policy, with the keys of a policy file: it is validated like any other."""
    language = {**plain.get("language", {})}
    tools = {}
    for line in plain.get("tools", ()):
        tools[line["name"]] = {key: value for key, value in line.items() if key != "name" and value is not None}
    return {**plain, "language": language, "tools": tools, "examples": []}
