"""policies/schema.json, written from the schema: `python -m safe_codeact.policy.published > policies/schema.json`.

For editors, which complete and underline by it: a file says so in its `# yaml-language-server: $schema=…` line. It is JSON
Schema 2020-12 and says what pydantic says; what only a validator of ours knows (two lines for one module, a condition that
cannot be parsed) an editor does not see, and the loader does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from safe_codeact.policy.schema import PolicyFile


def document() -> dict[str, Any]:
    """The JSON Schema of a policy file, as plain data."""
    schema: dict[str, Any] = _tidy(PolicyFile.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A policy of safe_codeact",
        "description": "What an action may do. What is not granted here does not exist for the action.",
    }


def render() -> str:
    """The published file."""
    return f"{json.dumps(document(), indent=2, ensure_ascii=False)}\n"


def _tidy(value: Any) -> Any:
    """Without pydantic's generated titles, and without `null`, which the loader refuses: a field is left out instead."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: {name: _tidy(item) for name, item in inner.items()} if key in ("properties", "$defs") else _tidy(inner)
        for key, inner in value.items()
        if not (key == "title" and isinstance(inner, str)) and not (key == "default" and inner is None)
    }
    if "anyOf" in kept:
        choices = [choice for choice in kept["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            return {**choices[0], **{key: inner for key, inner in kept.items() if key != "anyOf"}}
    return kept


if __name__ == "__main__":
    sys.stdout.write(render())
