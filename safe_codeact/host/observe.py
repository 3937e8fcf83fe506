"""From a transcript to the `Observation`, and the text that a model is shown."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from safe_codeact.confine.names import words_for
from safe_codeact.escaping import escaped_line, tamed
from safe_codeact.gate.report import Finding, GateReport
from safe_codeact.host import journal
from safe_codeact.host.exchange import Transcript, ended_by_signal
from safe_codeact.host.outcome import WHY
from safe_codeact.observation import Artifact, ErrorReport, Observation, Outcome, ToolRecord, Usage
from safe_codeact.wire import messages

TEXT_CHARACTERS = 20_000  # of each part; a model's context is dear, and head and tail say most
_NAMES_SHOWN = 20
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
    whole: Mapping[str, str] = MappingProxyType({}),
) -> Observation:
    """Everything that one action gave, and its text. `whole`: files that hold all of what the text has only parts of."""
    answer = transcript.answer if isinstance(transcript.answer, messages.Finished) else None
    stdout, stderr = "".join(transcript.stdout), "".join(transcript.stderr)
    findings = report_of(transcript.judged).findings if transcript.judged is not None else ()
    error = ErrorReport(**answer.error) if answer is not None and answer.error is not None else None
    exited = transcript.exited
    said = extra or _how_it_ended(outcome, transcript)
    not_kept = dict(answer.not_kept) if answer is not None else {}
    value = answer.value if answer is not None else None
    defined = report_of(transcript.judged).names if transcript.judged is not None and answer is not None else ()
    return Observation(
        outcome=outcome,
        stdout=stdout,
        stderr=stderr,
        value=value,
        error=_forbidden(outcome, said) or error,
        findings=findings,
        tool_calls=tuple(records),
        artifacts=tuple(artifacts),
        not_kept=not_kept,
        rollback=extra,
        usage=Usage(
            wall_seconds=wall_seconds,
            cpu_seconds=exited.cpu_seconds if exited is not None else 0.0,
            peak_memory_bytes=exited.peak_memory_bytes if exited is not None else 0,
            output_bytes=answer.output_bytes if answer is not None else len((stdout + stderr).encode()),
            queued_seconds=queued_seconds,
        ),
        final_answer=answer.final_answer if answer is not None else None,
        text=_text(stdout, stderr, value, error, findings, artifacts, not_kept, said, whole) or _quiet(defined),
    )


def refused(findings: tuple[Finding, ...]) -> Observation:
    """The observation of a source that never left the host."""
    return Observation(outcome=Outcome.refused, findings=findings, text=_text("", "", None, None, findings, (), {}, ""))


def refused_by_size(source: str, limit: int) -> Observation | None:
    """The refusal of a source that is too long (in bytes of UTF-8), or is no text; None for any other."""
    try:
        size = len(source.encode("utf-8"))
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        return refused((_source_finding(line, "the source holds half a surrogate pair, which is no character"),))
    if size > limit:
        return refused((_source_finding(1, f"the source has {size:,} bytes; the policy allows {limit:,}"),))
    return None


def _source_finding(line: int, message: str) -> Finding:
    return Finding(
        code="G101", name="source-size", line=line, column=1, message=message,
        hint="Send less at once: define what you need in one action and use it in the next.",
    )  # fmt: skip


def _how_it_ended(outcome: Outcome, transcript: Transcript) -> str:
    said = WHY.get(outcome, "")
    if outcome is Outcome.broke_protocol:
        return f"{said} ({transcript.violation})"
    if outcome is Outcome.suspended and transcript.waiting is not None:
        return said.format(
            call=journal.shown(transcript.waiting.name, transcript.waiting.args, transcript.waiting.kwargs)
        )
    if outcome is Outcome.diverged:
        return said.format(where=transcript.diverged)
    if outcome is Outcome.workspace_exceeded:
        return f"{said} (It had {transcript.overfilled}.)"
    if outcome is Outcome.forbidden_syscall:
        return said.format(call=_call(transcript.forbidden))
    if outcome is Outcome.crashed and transcript.exited is not None:
        number = ended_by_signal(transcript.exited)
        return f"{said} ({f'signal {number}' if number else f'status {transcript.exited.status >> 8}'})"
    return said


def _call(forbidden: messages.Forbidden | None) -> str:
    """A death by SIGSYS carries no number: where nobody could listen, or the call was another architecture's."""
    if forbidden is None or forbidden.number is None:
        return "a system call (the kernel does not tell which)"
    return words_for(forbidden.number, forbidden.architecture)


def _forbidden(outcome: Outcome, said: str) -> ErrorReport | None:
    """What a program reads where the kernel, and no exception, ended the action."""
    if outcome is not Outcome.forbidden_syscall:
        return None
    return ErrorReport(type="ForbiddenSystemCall", message=said, traceback=said)


def _text(
    stdout: str,
    stderr: str,
    value: str | None,
    error: ErrorReport | None,
    findings: tuple[Finding, ...],
    artifacts: Sequence[Artifact],
    not_kept: dict[str, str],
    said: str,
    whole: Mapping[str, str] = MappingProxyType({}),
) -> str:
    parts = []
    if findings:
        parts.append("Refused before anything ran:\n" + "\n".join(f"- {finding}" for finding in findings))
    if stdout.strip():
        parts.append(cut(stdout.rstrip("\n"), whole.get("stdout")))
    if stderr.strip():
        parts.append("stderr:\n" + cut(stderr.rstrip("\n"), whole.get("stderr")))
    if value is not None:
        parts.append(cut(value, whole.get("value")))
    if error is not None:
        parts.append(cut(error.traceback))
    if said:
        parts.append(said)
    if artifacts:
        parts.append(
            "Files and plots: "
            + ", ".join(f"{escaped_line(item.name)} ({len(item.data):,} bytes)" for item in artifacts)
        )
    if not_kept:
        parts.append(
            "Not kept for the next action:\n" + "\n".join(f"- {name}: {why}" for name, why in not_kept.items())
        )
    return tamed("\n".join(parts))


def _quiet(names: Sequence[str]) -> str:
    """An action that shows nothing has still done something, where it bound names."""
    shown = ", ".join(name[:100] for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"(no output) defined: {shown}{more}" if shown else "(no output)"


def cut(text: str, whole: str | None = None) -> str:
    """Head and tail of a long text, with what is missing said between them, and the file that has all of it."""
    if len(text) <= TEXT_CHARACTERS:
        return text
    half = TEXT_CHARACTERS // 2
    where = f": all of it is in {whole}" if whole is not None else ""
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out{where} …]\n{text[-half:]}"
