"""What an MCP server answered to a call, as plain data.

Threat: the answer is a stranger's. Its size was bounded where its bytes came in (`pipes`, `web`), and is bounded again by the
tool's line in the policy; its text reaches the model as data, a failure's as one printable line, since the host's log has it too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from safe_codeact.schemas import one_line

_MOST_BLOCKS = 1_000
_MOST_FAILURE = 1_000


class ToolFailed(Exception):
    """A call that the MCP server did not answer with a result; the message is one line, and may be shown to the model."""


def plain(answer: Mapping[str, Any], *, is_wrapped: bool) -> Any:
    """The value of a `tools/call` result: its structured content, else its text, else a list of its parts.

    `is_wrapped`: the output schema is an object with `result` alone, which is how servers carry what is no object.
    Raises `ToolFailed` for a result that says it is an error.
    """
    content = answer.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    if len(blocks) > _MOST_BLOCKS:
        raise ToolFailed(f"the server answered with {len(blocks)} parts; at most {_MOST_BLOCKS} are taken")
    if answer.get("isError"):
        raise ToolFailed(failure(" ".join(str(block.get("text", "")) for block in blocks)))
    structured = answer.get("structuredContent")
    if structured is not None:
        if is_wrapped and isinstance(structured, dict) and structured.keys() == {"result"}:
            return structured["result"]
        return structured
    parts = [_part(block) for block in blocks]
    return parts[0] if len(parts) == 1 else parts or None


def failure(text: str) -> str:
    """A stranger's words for what went wrong."""
    return one_line(text, _MOST_FAILURE) or "the server did not say why"


def _part(block: Mapping[str, Any]) -> Any:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    if kind in ("image", "audio"):
        return {"type": kind, "media_type": str(block.get("mimeType", "")), "data": _bytes(block.get("data"))}
    if kind == "resource" and isinstance(resource := block.get("resource"), dict):
        held = resource["text"] if isinstance(resource.get("text"), str) else _bytes(resource.get("blob"))
        return {"type": "resource", "uri": str(resource.get("uri", "")), "data": held}
    if kind == "resource_link":
        return {"type": "resource_link", "uri": str(block.get("uri", "")), "name": str(block.get("name", ""))}
    return {"type": one_line(str(kind), 60)}


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise ToolFailed("the server sent data that is not base64") from None


def says_result_alone(schema: Any) -> bool:
    """Whether an output schema is an object with `result` and nothing else."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return False
    required: Any = schema.get("required")
    return schema["properties"].keys() == {"result"} and isinstance(required, Sequence) and list(required) == ["result"]
