"""What an action leaves for its user: the files that it wrote, and output that is longer than anybody is shown.

A model is shown the head and the tail of a long output. Where the session has a workspace to write to, all of it goes to a
file there, so that the next action can read what was left out instead of computing it again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

from safe_codeact.host import observe
from safe_codeact.host.exchange import Transcript
from safe_codeact.host.workspace import Item, Workspace, shown
from safe_codeact.observation import Artifact
from safe_codeact.wire import messages

_ARTIFACT_BYTES = 16 * 1024 * 1024  # of one file; larger ones stay in the workspace
_FOLDER = "whole-output"
_KEPT = 5  # files of each part: a session that prints much must not fill its workspace with it
_ARTIFACTS_BYTES = 64 * 1024 * 1024


def written(workspace: Workspace | None, before: Mapping[str, Item], now: Mapping[str, Item]) -> Iterator[Artifact]:
    """The files that are new or changed, up to a size of each and of all."""
    if workspace is None or now is before:
        return
    left = _ARTIFACTS_BYTES
    for path, item in sorted(now.items()):
        is_new = path not in before or before[path].stamp != item.stamp
        if item.is_file and is_new and item.size <= min(left, _ARTIFACT_BYTES):
            left -= item.size
            with contextlib.suppress(OSError, ValueError):  # it was removed, or is no file any more
                yield Artifact(
                    name=shown(path), media_type=observe.media_type(path), data=workspace.read(path, item.size)
                )


def keep_whole(workspace: Workspace, now: Mapping[str, Item], transcript: Transcript) -> dict[str, str]:
    """Write what is too long to be shown into files of a folder of its own, the last few of each part; their names by
    "stdout", "stderr" and "value". What does not fit into the workspace is shown cut, as it would be without one."""
    answer = transcript.answer if isinstance(transcript.answer, messages.Finished) else None
    texts = {
        "stdout": "".join(transcript.stdout),
        "stderr": "".join(transcript.stderr),
        "value": (answer.value or "") if answer is not None else "",
    }
    kept: dict[str, str] = {}
    for part, text in texts.items():
        if len(text) > observe.TEXT_CHARACTERS:
            with contextlib.suppress(OSError, ValueError):
                kept[part] = _write(workspace, part, text)
    return kept


def _write(workspace: Workspace, part: str, text: str) -> str:
    there = workspace.listing()
    ours = re.compile(rf"{_FOLDER}/{part}-([0-9]{{1,9}})\.txt")
    numbers = sorted(int(match[1]) for path in there if (match := ours.fullmatch(path)))
    for number in numbers[: max(len(numbers) - _KEPT + 1, 0)]:
        workspace.delete(f"{_FOLDER}/{part}-{number}.txt")
    name = f"{_FOLDER}/{part}-{numbers[-1] + 1 if numbers else 1}.txt"
    workspace.write(name, text.encode("utf-8", "backslashreplace"))
    return name
