"""From a transcript to the `Observation`, and the text that a model is shown."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence

from safe_codeact.gate.report import Finding, GateReport
from safe_codeact.host.exchange import Transcript, ended_by_signal
from safe_codeact.host.outcome import WHY
from safe_codeact.observation import Artifact, ErrorReport, Observation, Outcome, ToolRecord, Usage
from safe_codeact.wire import messages

_TEXT_CHARACTERS = 20_000  # of each part; a model's context is dear, and head and tail say most
_EXTRA_TYPES = {".csv": "text/csv", ".json": "application/json", ".parquet": "application/vnd.apache.parquet"}


def media_type(name: str) -> str:
    """By the name's ending; the content is the guest's and proves nothing."""
    for ending, known in _EXTRA_TYPES.items():
        if name.endswith(ending):
            return known
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def report_of(judged: messages.Judged) -> GateReport:
    """The gate's report as the worker sent it; its shape was checked when it was decoded."""
    report = judged.report
    return GateReport(
        allowed=report["allowed"],
        findings=tuple(Finding(**finding) for finding in report["findings"]),
        imports=tuple(report["imports"]),
        names=tuple(report["names"]),
        tools=tuple(report["tools"]),
    )


def observation_of(
    transcript: Transcript,
    outcome: Outcome,
    *,
    records: Sequence[ToolRecord],
    artifacts: Sequence[Artifact],
    wall_seconds: float,
    queued_seconds: float,
    extra: str = "",
) -> Observation:
    """Everything that one action gave, and its text."""
    answer = transcript.answer if isinstance(transcript.answer, messages.Finished) else None
    stdout, stderr = "".join(transcript.stdout), "".join(transcript.stderr)
    findings = report_of(transcript.judged).findings if transcript.judged is not None else ()
    error = ErrorReport(**answer.error) if answer is not None and answer.error is not None else None
    exited = transcript.exited
    said = extra or _how_it_ended(outcome, transcript)
    not_kept = dict(answer.not_kept) if answer is not None else {}
    value = answer.value if answer is not None else None
    return Observation(
        outcome=outcome,
        stdout=stdout,
        stderr=stderr,
        value=value,
        error=error,
        findings=findings,
        tool_calls=tuple(records),
        artifacts=tuple(artifacts),
        not_kept=not_kept,
        usage=Usage(
            wall_seconds=wall_seconds,
            cpu_seconds=exited.cpu_seconds if exited is not None else 0.0,
            peak_memory_bytes=exited.peak_memory_bytes if exited is not None else 0,
            output_bytes=answer.output_bytes if answer is not None else len((stdout + stderr).encode()),
            queued_seconds=queued_seconds,
        ),
        final_answer=answer.final_answer if answer is not None else None,
        text=_text(stdout, stderr, value, error, findings, artifacts, not_kept, said),
    )


def refused(findings: tuple[Finding, ...]) -> Observation:
    """The observation of a source that never left the host."""
    return Observation(outcome=Outcome.refused, findings=findings, text=_text("", "", None, None, findings, (), {}, ""))


def _how_it_ended(outcome: Outcome, transcript: Transcript) -> str:
    said = WHY.get(outcome, "")
    if outcome is Outcome.broke_protocol:
        return f"{said} ({transcript.violation})"
    if outcome is Outcome.workspace_exceeded:
        return f"{said} (It had {transcript.overfilled}.)"
    if outcome is Outcome.crashed and transcript.exited is not None:
        number = ended_by_signal(transcript.exited)
        return f"{said} ({f'signal {number}' if number else f'status {transcript.exited.status >> 8}'})"
    return said


def _text(
    stdout: str,
    stderr: str,
    value: str | None,
    error: ErrorReport | None,
    findings: tuple[Finding, ...],
    artifacts: Sequence[Artifact],
    not_kept: dict[str, str],
    said: str,
) -> str:
    parts = []
    if findings:
        parts.append("Refused before anything ran:\n" + "\n".join(f"- {finding}" for finding in findings))
    if stdout.strip():
        parts.append(cut(stdout.rstrip("\n")))
    if stderr.strip():
        parts.append("stderr:\n" + cut(stderr.rstrip("\n")))
    if value is not None:
        parts.append(cut(value))
    if error is not None:
        parts.append(cut(error.traceback))
    if said:
        parts.append(said)
    if artifacts:
        parts.append("Files and plots: " + ", ".join(f"{item.name} ({len(item.data):,} bytes)" for item in artifacts))
    if not_kept:
        parts.append(
            "Not kept for the next action:\n" + "\n".join(f"- {name}: {why}" for name, why in not_kept.items())
        )
    return "\n".join(parts) or "(no output)"


def cut(text: str, limit: int = _TEXT_CHARACTERS) -> str:
    """Head and tail of a long text, with what is missing said between them."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
