"""`safe-codeact policy show P`: the effective policy, each line with where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer


def policy_show(
    policy: Annotated[str, typer.Argument(metavar="P", help="A shipped policy's name, or a path.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, with the digest.")] = False,
) -> int:
    """Print the effective policy with `extends` resolved, each line with the file and line that it comes from.

    What is printed is a policy file itself, of the same digest. Exit status: 0, or 2 where it does not load.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.policy.origins import render, shown_lines, trace

    traced = trace(policy)
    if as_json:
        lines = [{"text": line.text, "origins": list(line.origins)} for line in shown_lines(traced)]
        effective = traced.policy.to_plain()
        terminal.show_json({"digest": traced.policy.digest, "policy": effective, "lines": lines})
    else:
        terminal.show(f"# {traced.policy.name}: digest {traced.policy.digest}\n{render(traced)}")
    return 0
