"""policies/README.md, written from the schema: `python -m safe_codeact.policy.reference > policies/README.md`.

A reference that is written by hand is wrong after the next change of the schema; a test compares the file with
`render()`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safe_codeact.policy import document, shipped
from safe_codeact.policy.complaints import shown
from safe_codeact.policy.load import MAX_EXTENDS, load_policy
from safe_codeact.policy.schema import PolicyFile

_OPENING = """\
# Policies

A policy says what an action may do: which modules it imports, which tools it calls, how much it uses, which files it
sees and which kernel protections must hold. What is not granted here does not exist for the action.

<!-- Written by `python -m safe_codeact.policy.reference > policies/README.md`; a test keeps it in step. -->

| file | language | imports | tools | workspace | for |
|---|---|---|---|---|---|
"""

_RULES = f"""
Use one by name (`Runtime("analysis")`), or write a file that extends one:

```yaml
version: 1
name: support
extends: tools-only
language:
  imports:
    - {{module: random, why: "drawing the winner of a raffle"}}
tools:
  refund: {{why: "support may refund", max_calls: 1, when: "amount <= 100"}}
limits: {{wall_seconds: 20}}
```

Editors that know YAML complete and underline such a file by [schema.json](schema.json): put
`# yaml-language-server: $schema=` and its path into a comment. `safe-codeact policy schema` prints it. `safe-codeact audit`
says what is unwise in a file, `policy show` what it comes to, `policy explain` what that means, and `policy lock` pins it.

## How a file is read

* An absent list grants nothing. Zero never means unlimited, and there is no value for 'unlimited'.
* Nothing is expanded: no environment variables, no `~`, no patterns.
* Every mistake is refused with file, line and column, so that what is enforced is what was reviewed. Refused, too, is
  all of YAML that two readers could take for two things: keys given twice, anchors, aliases, merge keys, tags,
  `yes`/`no`/`on`/`off`, octal and base-60 numbers, invisible characters and line breaks that editors do not show.
* A file has at most {document.MAX_BYTES // 1024} KiB and {document.MAX_DEPTH} levels.

## `when`

A condition over a tool's validated arguments, by parameter name; a call goes through when it holds:
`0 < amount <= 100 and currency in ['EUR', 'USD'] and not (note == '' or len(note) > 200)`. It knows `and`, `or`, `not`,
`== != < <= > >=`, `in`, `not in`, numbers, texts, `true`, `false`, `none`, lists, `len(…)` and fields (`order.total`), and
nothing else. Numbers compare with numbers and texts with texts. Where a condition makes no sense for the arguments (a text
compared with a number, NaN, a field that is not there) the call is refused, also under `not` and `or`.

## `extends`

A shipped policy's name, or a path relative to the folder of the file. At most {MAX_EXTENDS} steps, and no circle.

* The child's values win, field by field.
* Lines of `language.imports`, `tools` and `filesystem.read` are matched by module, name and path. A child's line for
  the same one changes the fields that it gives and leaves the others: `{{module: os, deny: [remove]}}` keeps the
  parent's `facade: true`.
* What is denied stays denied, and a child that allows it again is refused. Names under `deny` add up; `deny: ["*"]`
  takes a module away with all below it; `deny: true` takes a tool away. `"*": {{deny: true}}` under `tools` takes the
  parent's `"*"` line away, so that only tools with a line of their own exist.
* `name` and `examples` are about one file and are not inherited.

## Fields
"""


def render() -> str:
    """The whole file."""
    rows = "".join(_shipped_row(name) for name in shipped.names())
    return f"{_OPENING}{rows}{_RULES}{''.join(_section('', PolicyFile))}"


def _shipped_row(name: str) -> str:
    policy = load_policy(name)
    first = shipped.folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    names = [rule.name for rule in policy.tools]
    tools = "all that are given" if "*" in names else ", ".join(f"`{tool}`" for tool in names) or "none"
    language = "gated Python" if policy.language.restricted else "**any Python**"
    imports = f"{len(policy.language.imports)} modules" if policy.language.restricted else "any"
    summary = first.removeprefix("#").strip()
    return f"| [{name}]({name}.yaml) | {language} | {imports} | {tools} | {policy.filesystem.workspace} | {summary} |\n"


def _section(path: str, model: type[BaseModel]) -> Iterator[str]:
    title = f"`{path}`" if path else "The file"
    yield f"\n### {title}\n\n{model.__doc__}\n\n| field | value | default | meaning |\n|---|---|---|---|\n"
    below: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        inner, suffix = _model_below(field.annotation)
        if inner is not None:
            below.append((f"{path}.{name}{suffix}" if path else f"{name}{suffix}", inner))
            summary = field.description or f"See `{below[-1][0]}`."
            yield f"| `{name}` | {_KINDS[suffix]} | | {summary} |\n"
        else:
            yield f"| `{name}` | {_value(field)} | {_default(field)} | {_meaning(field)} |\n"
    for inner_path, inner_model in below:
        yield from _section(inner_path, inner_model)


_KINDS = {"": "mapping", "[]": "list of mappings", ".NAME": "mapping by name"}


def _model_below(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    suffix = {list: "[]", dict: ".NAME"}.get(get_origin(annotation), "")
    inner = get_args(annotation)[-1] if suffix else annotation
    return (inner, suffix) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, "")


def _value(field: FieldInfo) -> str:
    bounds = [getattr(item, name) for name in ("ge", "le") for item in field.metadata if hasattr(item, name)]
    noun = _noun(field.annotation)
    return f"{noun}, {bounds[0]:g} to {bounds[1]:.10g}" if len(bounds) == 2 else noun


def _noun(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _noun(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return "list of names"
    if get_origin(annotation) is dict:
        return "mapping"
    optional = [part for part in get_args(annotation) if part is not type(None)]
    if optional:
        return _noun(optional[0])
    return {str: "text", bool: "`true`, `false`", int: "whole number", float: "number"}[annotation]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "(required)"
    return "" if field.default in (None, "", [], {}) else f"`{shown(field.default).strip(chr(39))}`"


def _meaning(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    reasons: Any = extra.get("x-why", {}) if isinstance(extra, dict) else {}
    why = f" Not less: {reasons['low']}. Not more: {reasons['high']}." if reasons else ""
    return f"{field.description}{why}"


if __name__ == "__main__":
    sys.stdout.write(render())
