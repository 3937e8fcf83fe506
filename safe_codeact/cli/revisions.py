"""Policies of other revisions: `main:policies/support.yaml` is the file as git has it there.

The parents of that file are taken from the same revision, so its folder is read into a temporary one. Nothing is checked
out, and the working tree is left alone.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile

from safe_codeact import Policy
from safe_codeact.cli.sources import UnusableInput
from safe_codeact.policy.origins import trace

_SECONDS = 60


def policy_of(text: str) -> Policy:
    """The policy of a shipped name, a path, or `REVISION:PATH`. Locks are not asked: a changed policy is to be compared.

    Raises `InvalidPolicy` and `UnusableInput`.
    """
    revision, colon, path = text.partition(":")
    if not colon or os.path.exists(text):
        return trace(text).policy
    if not revision or revision.startswith("-") or not path:
        raise UnusableInput(f"{text}: is no REVISION:PATH; write it as main:policies/support.yaml.")
    top = _git("rev-parse", "--show-toplevel", about=text).decode().rstrip("\n")
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
    if inside.startswith(".."):
        raise UnusableInput(f"{text}: the path is outside of the repository {top}: name one inside.")
    archive = _git("-C", top, "archive", "--format=tar", revision, "--", os.path.dirname(inside) or ".", about=text)
    with tempfile.TemporaryDirectory(prefix="safe-codeact-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return trace(os.path.join(folder, inside)).policy


def _git(*arguments: str, about: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603, S607 - the user's own git
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnusableInput(f"{about}: git cannot be asked: {error}.") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["git does not say why"]
        raise UnusableInput(f"{about}: {said[0]}.")
    return done.stdout
