"""`safe-codeact policy schema`: the JSON Schema of policy files."""

from __future__ import annotations


def policy_schema() -> int:
    """Print the JSON Schema of policy files; an editor takes it by `# yaml-language-server: $schema=…` in the file.

    Exit status: 0.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.policy.published import document

    terminal.show_json(document())
    return 0
