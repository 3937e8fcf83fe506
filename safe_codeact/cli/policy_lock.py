"""`safe-codeact policy lock FILE…`: pins the digest of policy files."""

from __future__ import annotations

from typing import Annotated

import typer


def policy_lock(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Policy files; the lock is written beside each.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare with the locks that are there.")
    ] = False,
) -> int:
    """Pin what was reviewed: `support.lock` beside `support.yaml` holds its digest, and with another one it does not load.

    Exit status: 0 locked (or, with --check, as locked), 1 --check found another digest or no lock, 2 usage.
    """
    import os  # start-up time, as below

    from safe_codeact.cli import terminal
    from safe_codeact.errors import InvalidPolicy
    from safe_codeact.policy import lock as locks
    from safe_codeact.policy.origins import trace

    policies = [(file, trace(file if "/" in file else os.path.join(".", file)).policy) for file in files]
    status = 0
    for file, policy in policies:
        target = locks.path_of(os.path.realpath(file))
        if not check:
            with open(target, "w", encoding="utf-8") as written:
                written.write(locks.text_of(policy))
            terminal.show(f"{terminal.escaped_line(target)}: {policy.digest}")
            continue
        try:
            locks.compare(os.path.realpath(file), policy)
            complaint = (
                None if os.path.lexists(target) else f"{file}: there is no lock: `safe-codeact policy lock` writes it."
            )
        except InvalidPolicy as drift:
            complaint = str(drift)
        if complaint is not None:
            terminal.complain(complaint)
            status = 1
    return status
