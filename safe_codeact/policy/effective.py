"""The effective policy: what gate, confine, guest and host read. Frozen, plain, standard library only.

A policy file becomes this through `policy.schema` (validation) and `policy.load` (YAML, `extends`). The guest receives
it as plain data (`to_plain`) and rebuilds it (`from_plain`), so nothing that parses YAML or validates is ever loaded in
there. An absent list grants nothing; zero never means unlimited.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from safe_codeact.frozen import dataclass

if TYPE_CHECKING:
    import os

Requirement = Literal["required", "preferred", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRule:
    """One importable module. Submodules are importable, and visible as attributes, only with a line of their own."""

    module: str  # dotted name: "pandas", "matplotlib.pyplot"
    why: str = ""
    facade: bool = False  # True: our curated stand-in (`policy.facades.CURATED`), not the module's own public names
    deny: tuple[str, ...] = ()  # public names of the module that stay hidden, on top of the built-in deny list


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    interpreter: Literal["compiled", "expression"] = "compiled"
    restricted: bool = True  # False: any Python, the kernel layer alone holds
    imports: tuple[ImportRule, ...] = ()
    functions: bool = False  # whether formulas may define functions


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRule:
    """One line under `tools:`. A named line beats `"*"`; `deny` beats both."""

    name: str  # a tool's name, or "*"
    why: str = ""
    deny: bool = False
    max_calls: int = 50  # per action
    timeout_seconds: float = 30.0  # per call
    max_result_kb: int = 256
    max_argument_kb: int = 2048
    max_session_calls: int | None = None  # over all actions of a session; None: only max_calls counts
    rate: str | None = None  # "10/minute", per session
    approval: Literal["never", "ask"] = "never"
    approval_seconds: float = 300.0  # that a person may take over one call; the action's clock stands still
    when: str | None = None  # a condition over the arguments; only calls that meet it go through
    redact: tuple[str, ...] = ()  # arguments, fields of them, or "return", that the trail does not keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    wall_seconds: float = 30.0
    cpu_seconds: float = 20.0
    memory_mb: int = 1024
    output_kb: int = 256
    state_mb: int = 512
    workspace_mb: int = 256
    workspace_files: int = 1000
    source_kb: int = 256
    tool_calls: int = 100  # per action, all tools together


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadablePath:
    path: str  # absolute
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    workspace: Literal["none", "ro", "rw"] = "none"
    read: tuple[ReadablePath, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    seccomp: Requirement = "required"
    landlock: Requirement = "required"
    namespaces: Requirement = "preferred"
    cgroup: Requirement = "preferred"
    zygote: Literal["shared", "session"] = "shared"  # which process a session's workers are forked from


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    on_limit: Literal["truncate", "kill"] = "truncate"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    max_turns: int = 12
    context_tokens: int = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A line of `examples:`: exactly one of `allow` and `deny` is source text; `rule` is the code a denial must name."""

    allow: str | None = None
    deny: str | None = None
    rule: str | None = None
    value: str | None = None  # what the last expression shows
    raises: str | None = None  # the name of an exception
    tools: str | None = None  # what they return, as JSON: {name: result}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a session may do. Made by `Policy.load` or `Policy.from_dict`; never by hand."""

    version: int = 1
    name: str = ""
    language: Language = field(default_factory=Language)
    tools: tuple[ToolRule, ...] = ()
    limits: Limits = field(default_factory=Limits)
    filesystem: Filesystem = field(default_factory=Filesystem)
    isolation: Isolation = field(default_factory=Isolation)
    output: Output = field(default_factory=Output)
    agent: AgentLimits = field(default_factory=AgentLimits)
    examples: tuple[Example, ...] = ()

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> Policy:
        """The policy of a shipped name (`"strict"`) or of a YAML file. Raises `InvalidPolicy`."""
        from safe_codeact.policy.load import load_policy  # host only: YAML and pydantic never reach the guest

        return load_policy(source)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Policy:
        """The policy of a mapping with the keys of the YAML file. Raises `InvalidPolicy`."""
        from safe_codeact.policy.load import policy_from_dict  # host only: as above

        return policy_from_dict(values)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the effective policy, in hex (64 characters)."""
        canonical = json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_yaml(self) -> str:
        """The effective policy as a YAML file that loads back to the same digest."""
        from safe_codeact.policy.load import policy_to_yaml  # host only: as above

        return policy_to_yaml(self)

    def to_plain(self) -> dict[str, Any]:
        """Dicts, lists, strings, numbers and None only: what crosses to the zygote."""
        plain: dict[str, Any] = _plain(self)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Policy:
        """The inverse of `to_plain`. Trusts its input: only the zygote calls it, on the host's own frame."""
        language = plain["language"]
        filesystem = plain["filesystem"]
        return cls(
            version=plain["version"],
            name=plain["name"],
            language=Language(
                interpreter=language["interpreter"],
                restricted=language["restricted"],
                functions=language["functions"],
                imports=tuple(ImportRule(**{**rule, "deny": tuple(rule["deny"])}) for rule in language["imports"]),
            ),
            tools=tuple(ToolRule(**{**rule, "redact": tuple(rule["redact"])}) for rule in plain["tools"]),
            limits=Limits(**plain["limits"]),
            filesystem=Filesystem(
                workspace=filesystem["workspace"],
                read=tuple(ReadablePath(**path) for path in filesystem["read"]),
            ),
            isolation=Isolation(**plain["isolation"]),
            output=Output(**plain["output"]),
            agent=AgentLimits(**plain["agent"]),
            examples=tuple(Example(**example) for example in plain["examples"]),
        )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {spec.name: _plain(getattr(value, spec.name)) for spec in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
