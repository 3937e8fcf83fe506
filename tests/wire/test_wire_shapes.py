"""The table of shapes: total over the messages, unambiguous on the wire, and finite."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from safe_codeact.wire import messages
from safe_codeact.wire.format import HEAD_BYTES, MAX_FIELDS, MIB
from safe_codeact.wire.kinds import Instance, ListOf
from safe_codeact.wire.shapes import BY_TAG, BY_TYPE, SHAPES, Direction

_UNIONS = {
    Direction.HOST_TO_ZYGOTE: messages.HostMessage,
    Direction.HOST_TO_WORKER: messages.HostMessage,
    Direction.ZYGOTE_TO_HOST: messages.ZygoteMessage,
    Direction.WORKER_TO_HOST: messages.WorkerMessage,
}


def _dataclasses() -> set[type]:
    return {
        item
        for item in vars(messages).values()
        if isinstance(item, type) and dataclasses.is_dataclass(item) and item.__module__ == messages.__name__
    }


def test_every_dataclass_of_messages_has_a_shape_or_stands_inside_one() -> None:
    inside = {
        kind.type
        for shape in SHAPES
        for field in shape.fields
        for kind in [field.kind.kind if isinstance(field.kind, ListOf) else field.kind]
        if isinstance(kind, Instance)
    }
    assert inside == {messages.ToolStub, messages.VariableLine}
    assert set(BY_TYPE) | inside == _dataclasses()
    assert not set(BY_TYPE) & inside


def test_the_shapes_fields_are_the_dataclasses_fields_in_order() -> None:
    for shape in SHAPES:
        assert [field.name for field in shape.fields] == [spec.name for spec in dataclasses.fields(shape.type)]
        for field in shape.fields:
            kind = field.kind.kind if isinstance(field.kind, ListOf) else field.kind
            if isinstance(kind, Instance):
                assert list(kind.fields) == [spec.name for spec in dataclasses.fields(kind.type)]


def test_a_shape_names_the_direction_that_its_union_in_messages_says() -> None:
    for shape in SHAPES:
        assert shape.type in typing.get_args(_UNIONS[shape.direction]), shape.type
    assert {shape.type for shape in SHAPES} == set(typing.get_args(messages.Message))


def test_tags_are_single_bytes_and_belong_to_one_message() -> None:
    assert len({shape.tag for shape in SHAPES}) == len(SHAPES)
    assert all(0 <= shape.tag < 0x80 for shape in SHAPES)
    assert all(0 < len(shape.fields) < MAX_FIELDS for shape in SHAPES)
    assert sum(len(by_tag) for by_tag in BY_TAG.values()) == len(SHAPES)


def test_a_frame_is_bounded_by_the_sum_of_its_fields() -> None:
    for shape in SHAPES:
        assert shape.max_bytes == HEAD_BYTES + sum(field.kind.bounds.max_bytes for field in shape.fields)


@pytest.mark.parametrize("shape", BY_TAG[Direction.WORKER_TO_HOST].values(), ids=lambda shape: shape.type.__name__)
def test_no_message_of_a_worker_can_cost_more_than_a_fetch_may(shape: typing.Any) -> None:
    assert shape.max_bytes <= 65 * MIB
    assert sum(field.bounds.max_nodes for field in shape.fields) <= 1_000_100
    assert all(field.bounds.max_depth <= 65 for field in shape.fields)
