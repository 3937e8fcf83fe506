"""The fields of a policy file: the one truth of names, bounds, defaults and descriptions.

The loader validates against these models, policies/README.md and the JSON Schema are written from them, and
`to_effective` turns them into the frozen dataclasses that are enforced. Defaults are read off those dataclasses, so
that there is one of each. A bound has its reason in `x-why`, which the loader's messages quote. Host, audit and
command line only: the guest never imports this.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from safe_codeact.policy import effective, example_lines
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.fields import (
    AbsolutePath,
    HiddenName,
    ModuleName,
    PolicyName,
    Section,
    ToolName,
    Version,
    Why,
    bounded,
    refuse_second_line,
    wrong_at,
)
from safe_codeact.policy.parts import importable
from safe_codeact.policy.tool_lines import ToolLine

_LIMITS = effective.Limits()
_LANGUAGE = effective.Language()
_ISOLATION = effective.Isolation()
_AGENT = effective.AgentLimits()
_OUTPUT = effective.Output()
_FILESYSTEM = effective.Filesystem()


class ImportLine(Section):
    """One module that actions may import. Its submodules need lines of their own."""

    module: ModuleName = Field(description="The dotted name: `pandas`, `matplotlib.pyplot`.")
    why: Why | None = Field(default=None, description="Who needs it, for the reviewer.")
    facade: bool = Field(
        default=False,
        description="Give actions the curated stand-in for this module (`os` without processes, `sys` without frames) "
        "instead of its own public names. Only for modules that have one.",
    )
    deny: list[HiddenName] = Field(
        default=[],
        description="Public names of the module that stay hidden, on top of the built-in ones. `*` takes away a "
        "module that the policy named by `extends` allows, with all below it.",
    )

    @model_validator(mode="after")
    def _checked(self) -> ImportLine:
        if self.facade and "*" not in self.deny and self.module not in CURATED:
            known = ", ".join(sorted(CURATED))
            wrong_at(
                ("facade",), f"has no stand-in for {self.module}: leave `facade` out. Stand-ins exist for {known}."
            )
        if "*" in self.deny and len(self.deny) > 1:
            wrong_at(
                ("deny",), 'denies the whole module with "*", so the other names say nothing: keep one of the two.'
            )
        return self


class LanguageSection(Section):
    """What the language layer lets through."""

    interpreter: Literal["compiled", "expression"] = Field(
        default=_LANGUAGE.interpreter,
        description="`compiled`: Python, compiled through RestrictedPython. `expression`: formulas, evaluated by asteval "
        "in counted steps; without imports, and without function definitions unless `functions` says so.",
    )
    functions: bool = Field(
        default=_LANGUAGE.functions,
        description="`true` lets formulas define functions (`interpreter: expression`): plain parameters with defaults, 60 calls deep.",
    )
    restricted: bool = Field(
        default=_LANGUAGE.restricted,
        description="`false` switches the gate and its guards off: any Python runs, and the kernel layer alone holds.",
    )
    imports: list[ImportLine] = Field(
        default=[], description="The modules that may be imported. An absent list grants none."
    )

    @model_validator(mode="after")
    def _checked(self) -> LanguageSection:
        if self.interpreter == "expression" and not self.restricted:
            wrong_at(("restricted",), "has no meaning for formulas, which are always judged: leave the line out.")
        if self.interpreter == "expression" and self.imports:
            wrong_at(("imports",), "has no meaning for formulas, which import nothing: delete the lines.")
        refuse_second_line("imports", "module", [line.module for line in self.imports])
        gone = [line.module for line in self.imports if "*" in line.deny]
        granted = importable(line.module for line in self.imports if "*" not in line.deny)
        for index, line in enumerate(self.imports):
            above = next((module for module in gone if line.module.startswith(f"{module}.")), None)
            if above is not None and "*" not in line.deny:
                wrong_at(
                    ("imports", index, "module"),
                    f"is below {above}, which another line denies as a whole: delete one of the two lines.",
                )
            if line.module in gone and line.module in granted:
                wrong_at(
                    ("imports", index, "module"),
                    "comes with a module that another line allows, and cannot be taken away alone: deny that one, too.",
                )
        return self


class LimitsSection(Section):
    """What one action, and the session behind it, may use. There is no value for 'unlimited'."""

    wall_seconds: float = bounded(
        _LIMITS.wall_seconds,
        0.1,
        3600,
        low_why="a busy machine needs that long to hand an action over",
        high_why="an action that runs for more than an hour is a batch job, and holds its memory all that time",
        description="Seconds on the wall clock per action, the waiting for tools included.",
    )
    cpu_seconds: float = bounded(
        _LIMITS.cpu_seconds,
        0.1,
        3600,
        low_why="the first use of a large library takes that long",
        high_why="an action that computes for more than an hour is a batch job",
        description="Seconds of processor time per action.",
    )
    memory_mb: int = bounded(
        _LIMITS.memory_mb,
        32,
        1_048_576,
        low_why="CPython alone needs that much to start",
        high_why="no machine gives one action a tebibyte; the figure is in mebibytes",
        description="MiB of memory that an action may take on top of what its interpreter and libraries already hold.",
    )
    output_kb: int = bounded(
        _LIMITS.output_kb,
        1,
        65_536,
        low_why="an error message needs that much",
        high_why="the host holds all output in memory, and no model reads more; the workspace takes files",
        description="KiB of printed text per action, both streams together.",
    )
    state_mb: int = bounded(
        _LIMITS.state_mb,
        1,
        65_536,
        low_why="the names of one turn need that much",
        high_why="a turn loads the names it touches; keep larger data in a file of the workspace",
        description="MiB of variables that a session may keep between actions.",
    )
    workspace_mb: int = bounded(
        _LIMITS.workspace_mb,
        1,
        1_048_576,
        low_why="a chart and a table need that much; a session without files has `filesystem.workspace: none`",
        high_why="the figure is in mebibytes, and a tebibyte fills the disk of whoever runs this",
        description="MiB of files in a session's workspace.",
    )
    workspace_files: int = bounded(
        _LIMITS.workspace_files,
        1,
        1_000_000,
        low_why="a session without files has `filesystem.workspace: none`",
        high_why="the host lists the workspace after each action",
        description="Files and folders in a session's workspace.",
    )
    source_kb: int = bounded(
        _LIMITS.source_kb,
        1,
        1024,
        low_why="an action of a few lines needs that much",
        high_why="CPython's parser can take 650 times the size of the text",
        description="KiB of source per action.",
    )
    tool_calls: int = bounded(
        _LIMITS.tool_calls,
        1,
        1_000_000,
        low_why="a policy without tools has no lines under `tools`",
        high_why="a call costs the host a thread's turn, and an action with more of them is a program to run elsewhere",
        description="Calls per action, all tools together.",
    )


class ReadableLine(Section):
    """One file or folder that actions may read, with all that is below it."""

    path: AbsolutePath = Field(description="Absolute, without `..`, patterns or variables.")
    why: Why | None = Field(default=None, description="What is there and who needs it, for the reviewer.")


class FilesystemSection(Section):
    """Which files exist for an action."""

    workspace: Literal["none", "ro", "rw"] = Field(
        default=_FILESYSTEM.workspace,
        description="The session's own folder: absent, readable, or readable and writable.",
    )
    read: list[ReadableLine] = Field(default=[], description="Other files and folders, to read only.")

    @model_validator(mode="after")
    def _checked(self) -> FilesystemSection:
        refuse_second_line("read", "path", [line.path for line in self.read])
        return self


class IsolationSection(Section):
    """Which kernel protections must hold. `required` and missing: nothing runs; `preferred`: the receipt says so."""

    seccomp: effective.Requirement = Field(default=_ISOLATION.seccomp, description="The filter on system calls.")
    landlock: effective.Requirement = Field(default=_ISOLATION.landlock, description="The rules on files.")
    namespaces: effective.Requirement = Field(
        default=_ISOLATION.namespaces,
        description="Mounts, processes, a network, IPC, users and a machine name of the workers' own, all or none; not to be "
        "had in every container.",
    )
    cgroup: effective.Requirement = Field(
        default=_ISOLATION.cgroup,
        description="Memory (the runtime's `max_memory_mb`) and process counts of all workers together, by a control group; to "
        "be had where the machine's administrator delegated one.",
    )
    zygote: Literal["shared", "session"] = Field(
        default=_ISOLATION.zygote,
        description="`shared`: all sessions' workers are forked from one process, and so have one memory layout. `session`: "
        "each session starts a process of its own, which costs the imports' time and memory each time.",
    )


class OutputSection(Section):
    """What happens at `limits.output_kb`."""

    on_limit: Literal["truncate", "kill"] = Field(
        default=_OUTPUT.on_limit,
        description="`truncate`: the rest is dropped, and the observation says so. `kill`: the action ends.",
    )


class AgentSection(Section):
    """Bounds on the agent's loop, where `CodeActAgent` runs it."""

    max_turns: int = bounded(
        _AGENT.max_turns,
        1,
        1000,
        low_why="the agent needs a turn to answer in",
        high_why="each turn is a paid call of the model",
        description="Turns until the agent gives up.",
    )
    context_tokens: int = bounded(
        _AGENT.context_tokens,
        1000,
        10_000_000,
        low_why="the instructions alone need that many",
        high_why="no model reads more",
        description="Tokens of conversation that are sent to the model.",
    )


class PolicyFile(Section):
    """A whole policy file, after `extends`."""

    version: Version = Field(default=1, description="The version of this format.")
    name: PolicyName = Field(
        default="",
        description="How the policy is called in messages and records. Default: the file's name without its ending.",
    )
    extends: Annotated[str, Field(max_length=4000)] | None = Field(
        default=None,
        description="A shipped policy's name, or a path relative to this file's folder: what this policy starts from.",
    )
    language: LanguageSection = LanguageSection()
    tools: dict[ToolName, ToolLine] = Field(
        default={}, description="The tools that actions may call, by name. Absent: none exist inside."
    )
    limits: LimitsSection = LimitsSection()
    filesystem: FilesystemSection = FilesystemSection()
    isolation: IsolationSection = IsolationSection()
    output: OutputSection = OutputSection()
    agent: AgentSection = AgentSection()
    examples: list[example_lines.ExampleLine] = Field(
        default=[],
        description="Programs that this policy allows or refuses. Not inherited: they are claims about this file.",
    )

    @model_validator(mode="after")
    def _whole(self) -> PolicyFile:
        if self.extends is None and self.language.functions and self.language.interpreter != "expression":
            wrong_at(
                ("language", "functions"),
                "is about formulas, and Python defines functions anyway: leave the line out.",
            )
        return self


def to_effective(file: PolicyFile) -> effective.Policy:
    """The frozen policy that is enforced. A module or tool that is denied as a whole has no line left."""
    language, filesystem = file.language, file.filesystem
    return effective.Policy(
        version=file.version,
        name=file.name,
        language=effective.Language(
            interpreter=language.interpreter,
            restricted=language.restricted,
            functions=language.functions,
            imports=tuple(
                effective.ImportRule(module=line.module, why=line.why or "", facade=line.facade, deny=tuple(line.deny))
                for line in language.imports
                if "*" not in line.deny
            ),
        ),
        tools=tuple(
            effective.ToolRule(name=name, **{**line.model_dump(), "why": line.why or "", "redact": tuple(line.redact)})
            for name, line in file.tools.items()
            if not (name == "*" and line.deny)
        ),
        limits=effective.Limits(**file.limits.model_dump()),
        filesystem=effective.Filesystem(
            workspace=filesystem.workspace,
            read=tuple(effective.ReadablePath(path=line.path, why=line.why or "") for line in filesystem.read),
        ),
        isolation=effective.Isolation(**file.isolation.model_dump()),
        output=effective.Output(**file.output.model_dump()),
        agent=effective.AgentLimits(**file.agent.model_dump()),
        examples=tuple(example_lines.to_effective(line) for line in file.examples),
    )
