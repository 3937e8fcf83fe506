"""Records for a person: a line of ours for each, and foreign text below it behind a bar, so that none of it reads as a line of ours.

What a terminal obeys is not escaped here, but where it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from safe_codeact.trail.forms import value_of

_MOST_LINES = 40  # of one text; a trail is looked through, and `--json` has all of it


def readable(record: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one record."""
    kind = str(record["kind"])
    tell = _TELLING.get(kind, _other)
    head, *rest = tell(record)
    yield f"#{record['n']} {str(record['at'])[:19].replace('T', ' ')}  {kind}  {head}".rstrip()
    yield from rest


def shown(value: Any) -> str:
    """A form in one line."""
    if isinstance(value, dict):
        for name, held in value.items():
            if name == "$large":
                return f"[{held['bytes']:,} bytes, sha256 {held['sha256'][:16]}…]"
            if name == "$other":
                return f"[{held}]"
    try:
        return repr(value_of(value))
    except ValueError:
        return repr(value)


def barred(text: Any, mark: str = "|", most: int | None = _MOST_LINES) -> Iterator[str]:
    """Foreign text, each line behind a bar; of a long one its beginning."""
    cut = ""
    if isinstance(text, dict) and "$cut" in text:
        about = text["$cut"]
        text, cut = about["begins"], f"[… {about['characters']:,} characters in all, sha256 {about['sha256'][:16]}…]"
    found = str(text).splitlines()
    for line in found[:most]:
        yield f"    {mark} {line}"
    if most is not None and len(found) > most:
        yield f"    {mark} [… {len(found) - most} more lines]"
    if cut:
        yield f"    {mark} {cut}"


def _opened(record: Mapping[str, Any]) -> Iterator[str]:
    signed = ", signed" if "signature" in record else ""
    yield f"trail {record.get('trail')} by safe-codeact {record.get('version')}, Python {record.get('python')}{signed}"
    torn = record.get("torn")
    if torn:
        yield f"    An unfinished line of {torn['bytes']:,} bytes stood here; it is in {torn['kept_in']}."


def _runtime(record: Mapping[str, Any]) -> Iterator[str]:
    policy = record["policy"]
    tools = ", ".join(tool["name"] for tool in record["tools"]) or "none"
    yield f"{record['runtime'][:6]}  policy {policy['name']} {policy['digest'][:16]}  tools: {tools}"


def _session(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_place(record)}{'  resumed from the store' if record['resumed'] else ''}"


def _action(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_place(record)}  {record['bytes']:,} bytes, sha256 {record['sha256'][:16]}…"
    yield from barred(record["source"])


def _call(record: Mapping[str, Any]) -> Iterator[str]:
    approved = "  (approved by a person)" if record["approved"] else ""
    gone = f"  redacted: {', '.join(record['redacted'])}" if record["redacted"] else ""
    yield f"of #{record['action']}: {record['tool']}{approved}{gone}"
    yield from barred(shown(record["arguments"]), "(")
    if "sent" in record:
        yield from barred(f"as it was sent: {shown(record['sent'])}", "(")


def _reply(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"of #{record['action']}: {record['outcome']} after {record['seconds']:.3f} s"
    error = record.get("error")
    if error is not None:
        said = "[redacted]" if error["message"] is None else shown(error["message"])
        yield from barred(f"{error['type']}: {said}", ")")
    elif "redacted" in record:
        yield "    ) [redacted]"
    else:
        yield from barred(shown(record.get("result")), ")")


def _observation(record: Mapping[str, Any]) -> Iterator[str]:
    usage = record["usage"]
    yield (
        f"of #{record['action']}: {record['outcome']}  {usage['wall_seconds']:.2f} s, CPU {usage['cpu_seconds']:.2f} s, "
        f"{usage['peak_memory_bytes'] / 2**20:.0f} MiB, {record['calls']} calls"
    )
    for each in record["findings"]:
        yield from barred(f"{each['line']}:{each['column']}: {each['code']} {each['name']}: {each['message']}", "!")
    for name, mark in (("stdout", "|"), ("stderr", "!")):
        if record[name]:
            yield from barred(record[name], mark)
    if record["value"] is not None:
        yield from barred(record["value"], "=")
    if record["error"] is not None:
        yield from barred(record["error"]["traceback"], "!")
    for each in record["artifacts"]:
        yield from barred(
            f"{each['name']} ({each['media_type']}, {each['bytes']:,} bytes, sha256 {each['sha256'][:16]}…)", "+"
        )
    if record["rollback"]:
        yield from barred(record["rollback"], "!")


def _change(record: Mapping[str, Any]) -> Iterator[str]:
    own = {name: value for name, value in record.items() if name not in _COMMON}
    said = "  ".join(f"{name}: {shown(value)}" for name, value in own.items())
    yield f"{_place(record)}  {record['what']} by the host"
    yield from barred(said)


def _signed(record: Mapping[str, Any]) -> Iterator[str]:
    yield "signed" if "signature" in record else ""


def _gap(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"{record['lost']} records could not be written here"


def _other(record: Mapping[str, Any]) -> Iterator[str]:
    yield ""


def _place(record: Mapping[str, Any]) -> str:
    return f"{str(record['runtime'])[:6]}/{record['session']}"


_COMMON = ("n", "at", "kind", "runtime", "session", "what", "previous", "hash", "signature")
_TELLING = {
    "opened": _opened,
    "runtime": _runtime,
    "session": _session,
    "action": _action,
    "call": _call,
    "reply": _reply,
    "observation": _observation,
    "change": _change,
    "checkpoint": _signed,
    "closed": _signed,
    "gap": _gap,
}
