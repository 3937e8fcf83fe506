"""Is this policy wise: rules over policy files, for reviewers, editors and CI. Pure: no kernel feature, nothing is run.

rules/        one file per rule, with its page
rule, families
              what a rule is, and the checks that several of them share
subject       what the rules are told of a policy: as it is enforced, as it was written, and what it extends
knowledge     what allowing a module hands out, by module, with reasons
places, deeds what paths hold by their names, and what tools do by theirs
catalogue     policies/AUDIT.md, written from the rules
explanation   what a policy grants, in plain words
changes       what a change of a policy widens and narrows, with witnesses
reasons       the lines that carry a `why`
suppressions  `# audit: allow A120: why`
examination   files under all rules
finding       what comes out
reports/      as text, JSON, SARIF and GitHub's annotations

The gate, which the examples of a policy need, is handed in (`policy.rehearsal.Judge`).
"""

from __future__ import annotations
