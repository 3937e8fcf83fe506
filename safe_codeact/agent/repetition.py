"""A model that does the same again, and again: told once, then stopped.

What counts is what came back. An action that failed as the one before did has changed nothing that matters, however it
was worded; one that ran to its end and showed the same for the same source neither. A counter that grows or another
page of results is no repetition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safe_codeact import Observation

HINT_AT = 3  # the third time in a row brings the hint, the fourth ends the run
HINT = (
    "This is the third time in a row that this came back. The same again will bring the same: try another way, or answer "
    "with what is known and say what is missing."
)


class Repetition:
    """How often the last observation has come back in a row."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()
        self.times = 0

    def note(self, source: str, observation: Observation) -> None:
        """Take the next action and its observation into account."""
        seen = _signature(source, observation)
        self.times = self.times + 1 if seen == self._last else 1
        self._last = seen

    @property
    def hint(self) -> str:
        """What the model is to be told with this observation, or ""."""
        return HINT if self.times == HINT_AT else ""

    @property
    def is_over(self) -> bool:
        """Whether the model was told, and did it once more."""
        return self.times > HINT_AT


def _signature(source: str, observation: Observation) -> tuple[str, ...]:
    if observation.error is not None:
        return (observation.outcome.value, observation.error.type, observation.error.message)
    if observation.findings:
        return (observation.outcome.value, *(f"{finding.code} {finding.message}" for finding in observation.findings))
    return (observation.outcome.value, source.strip(), observation.text)
