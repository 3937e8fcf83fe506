"""Which message may follow which: every message in every phase, and the caps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from wire_samples import ERROR, EXPECTED, FINDING, FINISHED, HOST_MESSAGES, REFUSED, REPORT, REQUESTS, WORKER_MESSAGES

from safe_codeact.wire import messages as m
from safe_codeact.wire.conversation import FREE_OUTPUTS, MAX_DISPLAYS, MAX_OUTSTANDING, Conversation, Phase
from safe_codeact.wire.encode import frame
from safe_codeact.wire.format import KIB, MIB
from safe_codeact.wire.shapes import BY_TAG, READINGS, Direction
from safe_codeact.wire.violation import ProtocolViolation


def at(phase: Phase, **limits: int) -> Conversation:
    """A conversation that honest messages brought to `phase`."""
    conversation = Conversation(**({"output_limit": MIB} | limits))
    if phase is Phase.STARTING:
        return conversation
    conversation.receive(frame(m.Ready({})))
    if phase is Phase.STANDING_BY:
        return conversation
    conversation.send(HOST_MESSAGES[REQUESTS.get(phase, m.Execute)])
    if phase in (Phase.RUNNING, Phase.DONE):
        conversation.receive(frame(m.Judged(REPORT, [])))
    if phase is Phase.DONE:
        conversation.receive(frame(FINISHED))
    assert conversation.phase is phase
    return conversation


def refuses(conversation: Conversation, *messages: Any) -> str:
    """The reason for which the last of `messages` is refused; the ones before it are taken."""
    for message in messages[:-1]:
        conversation.receive(frame(message))
    with pytest.raises(ProtocolViolation) as refused:
        conversation.receive(frame(messages[-1]))
    return refused.value.reason


def test_the_tables_of_this_test_are_total() -> None:
    assert set(WORKER_MESSAGES) == {shape.type for shape in BY_TAG[Direction.WORKER_TO_HOST].values()}
    assert set(EXPECTED) == set(Phase)


@pytest.mark.parametrize("kind", WORKER_MESSAGES)
@pytest.mark.parametrize("phase", Phase)
def test_a_phase_takes_its_own_messages_and_refuses_every_other(phase: Phase, kind: type) -> None:
    conversation = at(phase)
    if kind in EXPECTED[phase]:
        assert conversation.receive(frame(WORKER_MESSAGES[kind])) == [WORKER_MESSAGES[kind]]
    else:
        assert refuses(conversation, WORKER_MESSAGES[kind]) == f"{kind.__name__} while {phase.value}"


@pytest.mark.parametrize("phase", Phase)
def test_a_message_out_of_turn_is_refused_by_its_head_before_its_body_comes(phase: Phase) -> None:
    if m.Fetched in EXPECTED[phase]:
        return
    head = frame(m.Fetched("", "bytes", bytes(MIB)))[:6]
    with pytest.raises(ProtocolViolation, match=f"^Fetched while {phase.value}$"):
        at(phase).receive(head)


@pytest.mark.parametrize("kind", HOST_MESSAGES)
@pytest.mark.parametrize("phase", Phase)
def test_the_host_sends_a_request_only_to_a_worker_that_stands_by(phase: Phase, kind: type) -> None:
    conversation = at(phase)
    if phase is Phase.STANDING_BY and kind in REQUESTS.values():
        assert conversation.send(HOST_MESSAGES[kind]) == frame(HOST_MESSAGES[kind])
    else:
        with pytest.raises(RuntimeError):
            conversation.send(HOST_MESSAGES[kind])
        assert conversation.phase is phase


def test_a_message_pipelined_behind_the_one_that_ends_a_phase_is_judged_by_the_next_phase() -> None:
    conversation = at(Phase.JUDGING)
    both = frame(m.Judged(REPORT, [])) + frame(m.Output("stdout", "x")) + frame(FINISHED)
    assert len(conversation.receive(both)) == 3
    assert conversation.finished
    with pytest.raises(ProtocolViolation, match=r"^Judged while running$"):
        at(Phase.JUDGING).receive(frame(m.Judged(REPORT, [])) * 2)


@pytest.mark.parametrize("judged", [m.Judged(REFUSED, []), m.Judged(REPORT, ["pandas"]), m.Judged(REFUSED, ["pandas"])])
def test_after_a_refusal_or_a_lack_of_modules_only_the_end_follows(judged: m.Judged) -> None:
    conversation = at(Phase.JUDGING)
    assert conversation.receive(frame(judged)) == [judged]
    assert conversation.finished
    assert refuses(conversation, FINISHED) == "Finished while done"


@pytest.mark.parametrize(
    "report", [REPORT | {"allowed": False}, REPORT | {"findings": [FINDING]}], ids=["no finding", "a finding"]
)
def test_a_verdict_must_agree_with_its_findings(report: dict[str, Any]) -> None:
    assert refuses(at(Phase.JUDGING), m.Judged(report, [])) == "a verdict that its own findings contradict"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ended": "completed", "error": ERROR}, "an ending that its own error contradicts"),
        ({"ended": "raised", "error": None}, "an ending that its own error contradicts"),
        ({"final_answer": 42}, "a final answer that is said not to be there"),
        ({"ended": "raised", "error": ERROR}, None),
        ({"ended": "timed_out", "error": ERROR}, None),
        ({"ended": "memory_exceeded"}, None),
        ({"has_final_answer": True}, None),
        ({"has_final_answer": True, "final_answer": {"growth": 0.1}}, None),
    ],
)
def test_an_ending_must_agree_with_itself(changed: dict[str, Any], reason: str | None) -> None:
    message = dataclasses.replace(FINISHED, **changed)
    if reason is None:
        assert at(Phase.RUNNING).receive(frame(message)) == [message]
    else:
        assert refuses(at(Phase.RUNNING), message) == reason


def test_a_fetched_problem_comes_without_a_value() -> None:
    reason = refuses(at(Phase.FETCHING), m.Fetched("missing", "", 1))
    assert reason == "a value beside the reason why there is none"


def call(number: int, name: str = "search", *args: Any) -> m.ToolCall:
    return m.ToolCall(number, name, list(args), {})


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 3), (1, 2, 1), (10**9,)])
def test_call_ids_count_up_from_1(numbers: tuple[int, ...]) -> None:
    reason = refuses(at(Phase.RUNNING), *map(call, numbers))
    assert reason == "a tool call whose id does not count up"


def test_an_id_is_not_used_again_after_its_reply() -> None:
    conversation = at(Phase.RUNNING)
    conversation.receive(frame(call(1)))
    conversation.send(m.ToolReply(1, "x"))
    assert refuses(conversation, call(1)) == "a tool call whose id does not count up"


@pytest.mark.parametrize("name", ["refund", "Search", "search ", "ｓｅａｒｃｈ", "seаrch", "__class__"])
def test_only_offered_tools_are_called_by_exactly_their_names(name: str) -> None:
    assert refuses(at(Phase.RUNNING), call(1, name)) == "a call of a tool that was not offered"


def test_no_more_than_the_bounded_number_of_calls_wait_at_once() -> None:
    conversation = at(Phase.RUNNING)
    for number in range(1, MAX_OUTSTANDING + 1):
        conversation.receive(frame(call(number)))
    assert len(conversation.outstanding) == MAX_OUTSTANDING
    conversation.send(m.ToolReply(3, "x"))
    conversation.receive(frame(call(MAX_OUTSTANDING + 1)))
    assert refuses(conversation, call(MAX_OUTSTANDING + 2)) == f"more than {MAX_OUTSTANDING} tool calls at once"


def test_each_call_has_exactly_one_reply() -> None:
    conversation = at(Phase.RUNNING)
    conversation.receive(frame(call(1)) + frame(call(2)))
    conversation.send(m.ToolReply(2, "x"))
    for number in (2, 3):
        with pytest.raises(RuntimeError, match=f"^ToolReply to call {number}, which is not outstanding$"):
            conversation.send(m.ToolReply(number, "x"))
    conversation.send(m.ToolReply(1, "x"))
    assert not conversation.outstanding


def test_a_reply_that_cannot_be_sent_leaves_its_call_outstanding() -> None:
    conversation = at(Phase.RUNNING)
    conversation.receive(frame(call(1)))
    with pytest.raises(Exception, match=r"ToolReply.value: set is not plain data"):
        conversation.send(m.ToolReply(1, {1}))
    assert conversation.send(m.ToolReply(1, None, "ToolError", "no plain result"))


def test_a_worker_does_not_finish_while_a_call_is_outstanding() -> None:
    assert refuses(at(Phase.RUNNING), call(1), FINISHED) == "Finished while tool calls are outstanding"


def test_calls_are_counted() -> None:
    conversation = at(Phase.RUNNING, call_limit=3)
    for number in (1, 2, 3):
        conversation.receive(frame(call(number)))
        conversation.send(m.ToolReply(number, None))
    assert refuses(conversation, call(4)) == "more than 3 tool calls"


def test_a_thousand_calls_in_one_action_are_ordinary() -> None:
    conversation = at(Phase.RUNNING)
    for number in range(1, 1_001):
        conversation.receive(frame(call(number, "rate", {"row": number, "text": "x" * 1_000})))
        conversation.send(m.ToolReply(number, {"score": 0.5}))
    assert conversation.receive(frame(FINISHED))


@pytest.mark.parametrize("argument", ["x" * 100_000, [{}] * 4_000])
def test_arguments_are_bounded_over_all_calls_by_what_they_weigh(argument: Any) -> None:
    conversation = at(Phase.RUNNING, call_weight_limit=MIB)
    assert conversation.receive(frame(call(1, "rate", argument)))
    conversation.send(m.ToolReply(1, None))
    conversation.receive(frame(call(2, "rate", argument)))
    assert refuses(conversation, call(3, "rate", argument)) == "more tool arguments than their hard cap"


def test_readings_are_bounded_and_only_a_recorded_action_has_some() -> None:
    full = m.Readings([0.5] * READINGS, True)
    assert (
        refuses(at(Phase.RUNNING), full, m.Readings([], False), m.Readings([1], True)) == "readings that nobody records"
    )
    assert refuses(at(Phase.RUNNING), *[m.Readings([], False)] * (READINGS + 2)) == "readings that nobody records"
    conversation = Conversation(output_limit=MIB)
    conversation.receive(frame(m.Ready({})))
    conversation.send(m.Execute("1", [], 0, 1.0, ""))
    conversation.receive(frame(m.Judged(REPORT, [])))
    assert refuses(conversation, m.Readings([1.5], True)) == "readings that nobody records"


def test_output_is_bounded_in_bytes_of_utf_8_over_both_streams() -> None:
    conversation = at(Phase.RUNNING, output_limit=100 * KIB)
    conversation.receive(frame(m.Output("stdout", "é" * 30 * KIB)))
    conversation.receive(frame(m.Output("stderr", "x" * 40 * KIB)))
    assert conversation.output_bytes == 100 * KIB
    assert refuses(conversation, m.Output("stdout", "x")) == "more output than its hard cap"


def test_output_is_bounded_in_pieces() -> None:
    conversation = at(Phase.RUNNING, output_limit=8_000)
    conversation.receive(frame(m.Output("stdout", "x")) * (FREE_OUTPUTS + 1_000))
    assert refuses(conversation, m.Output("stdout", "x")) == "output in too many pieces"


def test_displays_are_bounded_in_bytes_and_in_number() -> None:
    conversation = at(Phase.RUNNING, display_limit=10_000)
    image = m.Display("plot-1.png", "image/png", bytes(6_000))
    assert refuses(conversation, image, image) == "more displays than their hard cap"
    many = at(Phase.RUNNING)
    many.receive(frame(m.Display("p.png", "image/png", b"")) * MAX_DISPLAYS)
    assert refuses(many, m.Display("p.png", "image/png", b"")) == "more displays than their hard cap"


def test_nothing_before_a_violation_in_the_same_data_is_handed_on() -> None:
    conversation = at(Phase.RUNNING)
    with pytest.raises(ProtocolViolation):
        conversation.receive(frame(call(1)) + frame(m.Ready({})))


def test_a_violation_of_turns_is_final() -> None:
    conversation = at(Phase.RUNNING)
    refuses(conversation, call(7))
    assert refuses(conversation, m.Output("stdout", "x")) == "a tool call whose id does not count up"


def test_the_end_of_the_stream_keeps_the_phase_and_closes_both_ways() -> None:
    conversation = at(Phase.RUNNING)
    conversation.receive(frame(m.Output("stdout", "half"))[:-2])
    conversation.closed()
    assert conversation.phase is Phase.RUNNING
    assert not conversation.finished
    with pytest.raises(RuntimeError):
        conversation.receive(b"x")
    with pytest.raises(RuntimeError):
        conversation.send(m.Describe(0))


def test_what_was_received_is_counted() -> None:
    conversation = at(Phase.RUNNING)
    before = conversation.received_bytes
    data = frame(m.Output("stdout", "x")) * 3
    conversation.receive(data[:-1])
    assert conversation.received_bytes == before + len(data) - 1
    assert conversation.received_messages == 2 + 2
