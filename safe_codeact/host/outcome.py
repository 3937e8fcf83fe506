"""What the end of an action means: one ordered table from the evidence to an `Outcome`.

The host's own observations come first (it saw a violation; it ended the action), then the kernel's (the wait status),
and the worker's word last: it is believed only about what it may freely choose anyway.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from safe_codeact.host.exchange import Transcript, ended_by_signal
from safe_codeact.observation import Outcome
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages

# A worker may call itself any of these; each leaves it no more than it had.
_WORDS = {
    "completed": Outcome.completed,
    "raised": Outcome.raised,
    "timed_out": Outcome.timed_out,
    "memory_exceeded": Outcome.memory_exceeded,
}
_KEPT = frozenset(_WORDS.values())


def _signal(transcript: Transcript) -> int:
    return ended_by_signal(transcript.exited) if transcript.exited is not None else 0


def _cpu_spent(transcript: Transcript, policy: Policy) -> bool:
    return transcript.exited is not None and transcript.exited.cpu_seconds >= policy.limits.cpu_seconds


_RULES: tuple[tuple[Callable[[Transcript, Policy], bool], Outcome], ...] = (
    (lambda seen, _: bool(seen.overfilled), Outcome.workspace_exceeded),
    (lambda seen, _: bool(seen.violation), Outcome.broke_protocol),
    (lambda seen, _: bool(seen.diverged), Outcome.diverged),
    (lambda seen, _: seen.waiting is not None, Outcome.suspended),
    (lambda seen, _: seen.too_much, Outcome.output_exceeded),
    (lambda seen, _: seen.judged is not None and not seen.judged.report["allowed"], Outcome.refused),
    (lambda seen, _: seen.overran, Outcome.timed_out),
    (lambda seen, _: seen.answer is None and (seen.forbidden is not None or _signal(seen) == signal.SIGSYS),
     Outcome.forbidden_syscall),
    (lambda seen, _: seen.answer is None and _signal(seen) == signal.SIGXCPU, Outcome.timed_out),
    (lambda seen, policy: seen.answer is None and _signal(seen) == signal.SIGKILL and _cpu_spent(seen, policy),
     Outcome.timed_out),
    # Nobody of ours sent it: the machine's memory pressure did.
    (lambda seen, _: seen.answer is None and _signal(seen) == signal.SIGKILL, Outcome.memory_exceeded),
    (lambda seen, _: seen.answer is None, Outcome.crashed),
)  # fmt: skip


def outcome_of(transcript: Transcript, policy: Policy) -> Outcome:
    """How the action ended."""
    for holds, outcome in _RULES:
        if holds(transcript, policy):
            return outcome
    if isinstance(transcript.answer, messages.Finished):
        return _WORDS[transcript.answer.ended]
    return Outcome.completed


def keeps_state(transcript: Transcript, outcome: Outcome) -> bool:
    """Whether the session goes on from what the worker saved."""
    answer = transcript.answer
    return outcome in _KEPT and isinstance(answer, messages.Finished) and answer.saved_bytes >= 0


WHY = {
    Outcome.timed_out: "The action was ended by its time limit.",
    Outcome.memory_exceeded: "The action was ended by its memory limit.",
    Outcome.output_exceeded: "The action was ended by its output limit.",
    Outcome.workspace_exceeded: "The action left more in the workspace than it may hold; its files are as they were before.",
    Outcome.forbidden_syscall: "The kernel's filter ended the action: it made {call}, which no policy allows.",
    Outcome.crashed: "The action's process died.",
    Outcome.suspended: "The action was put aside: {call} waits for a person's answer. The session is as it was before.",
    Outcome.diverged: "The action was run again and did not come to the same place ({where}); the session is as it was before.",
    Outcome.broke_protocol: "The action's process sent what the conversation does not allow and was killed.",
}
