"""The lock of a policy file: `support.lock` beside `support.yaml`, with the digest that was reviewed.

Threat: a policy changes without its file being touched, because one that it extends did, or because a release of this
package changed a shipped one. What doesn't work: comparing files, since none of them need differ. What we do: pin the digest
of the effective policy; a file with a lock beside it is loaded only as it was locked. What still gets through: whoever may
write the folder can write the lock, too; it belongs into version control, where a change of it is seen. The lock of a
parent is not asked for when a child is loaded: the child's own digest covers what it takes from there.
"""

from __future__ import annotations

import json
import os

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.effective import Policy

_MOST_BYTES = 16 * 1024


def path_of(file: str) -> str:
    """Where the lock of a policy file lies."""
    return f"{os.path.splitext(file)[0]}.lock"


def text_of(policy: Policy) -> str:
    """What the lock of a policy says."""
    return f"{json.dumps({'version': 1, 'policy': policy.name, 'digest': policy.digest}, indent=2)}\n"


def compare(file: str | None, policy: Policy) -> None:
    """Raises `InvalidPolicy` where a lock lies beside the file that is not this policy's; nothing where there is none."""
    lock = path_of(file) if file is not None else None
    if lock is None or not os.path.lexists(lock):
        return
    pinned = _digest(lock)
    if pinned != policy.digest:
        raise InvalidPolicy(
            f"the policy {policy.name!r} has the digest {policy.digest[:16]}…, and {os.path.basename(lock)} pins "
            f"{pinned[:16]}…: something that it is made of has changed. Review it (`safe-codeact policy show`), then lock it "
            "again (`safe-codeact policy lock`).",
            file=file,
        )


def _digest(lock: str) -> str:
    try:
        with open(lock, "rb") as file:
            pinned = json.loads(file.read(_MOST_BYTES))["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidPolicy(
            f"the lock cannot be read ({type(error).__name__}): write it again with `safe-codeact policy lock`.",
            file=lock,
        ) from None
    if not isinstance(pinned, str):
        raise InvalidPolicy("the lock pins no digest: write it again with `safe-codeact policy lock`.", file=lock)
    return pinned
