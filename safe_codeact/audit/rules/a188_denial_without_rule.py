"""A188 denial-without-rule: a denied example that any mistake satisfies.

What        A `deny` without `rule`.
Why         A spelling mistake in the program is refused, too, and the example holds for that reason for ever.
Example     - {deny: "import os"}
Better      - {deny: "import os", rule: G401}
"""

from __future__ import annotations

from collections.abc import Iterator

from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.subject import Subject
from safe_codeact.policy.rehearsal import source_of


def check(subject: Subject) -> Iterator[Found]:
    for number, example in enumerate(subject.policy.examples):
        if example.deny is not None and example.rule is None:
            codes = sorted({each.code for each in subject.judge(source_of(example), subject.policy, ()).findings})
            which = f": today that is {', '.join(codes)}" if codes else ""
            yield Found(
                path=("examples", number, "deny"),
                own=True,
                message=f"the example does not say by which rule it is refused{which}.",
            )


RULE = Rule("A188", "denial-without-rule", Severity.LOW, Confidence.HIGH, check)
