"""For programs: one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from safe_codeact.audit.examination import Examination


def document(done: Examination) -> dict[str, Any]:
    """Dicts, lists, strings and numbers only."""
    return {
        "version": 1,
        "files": list(done.files),
        "findings": [finding.to_dict() for finding in done.findings],
        "suppressed": [finding.to_dict() for finding in done.suppressed],
        "broken": [asdict(each) for each in done.broken],
    }
