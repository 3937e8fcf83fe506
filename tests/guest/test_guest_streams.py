"""Output is sent as it comes, cut at the source by head and tail, and what is missing is said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.guest.streams import Budget, Stream
from safe_codeact.wire.encode import frame
from safe_codeact.wire.messages import Output


def _written(texts: list[str], limit: int, *, truncate: bool = True) -> tuple[str, int, list[str]]:
    sent: list[str] = []
    budget = Budget(limit, truncate=truncate)
    stream = Stream("stdout", lambda _name, text: sent.append(text), budget)
    for text in texts:
        stream.write(text)
    stream.finish()
    return "".join(sent), budget.written, sent


def test_what_fits_arrives_as_it_was_written() -> None:
    assert _written(["a", "b\n", "é"], 100)[0] == "ab\né"


def test_a_long_output_keeps_its_head_and_its_tail_and_says_how_much_is_missing() -> None:
    shown, written, _ = _written([f"line {n}\n" for n in range(10_000)], 2_000)
    assert shown.startswith("line 0\n")
    assert shown.endswith("line 9999\n")
    assert "bytes of stdout left out: the limit is 2,000" in shown
    assert written == sum(len(f"line {n}\n") for n in range(10_000))


def test_one_write_larger_than_the_limit_is_cut_as_well() -> None:
    shown, _, _ = _written(["a" * 5_000 + "z"], 1_000)
    assert shown.startswith("aaa")
    assert shown.endswith("az")
    assert len(shown) < 1_200


@pytest.mark.parametrize("text", ["a" * 5_000, "é" * 5_000, "😀" * 5_000])
def test_where_the_host_is_to_end_the_action_it_is_sent_just_enough_to_see_why(text: str) -> None:
    """All of it could arrive in one piece, and far more than the limit is no output to the host, but an attack."""
    sent, written, _ = _written([text, text], 1_000, truncate=False)
    assert 1_000 < len(sent.encode()) <= 1_008
    assert written == 2 * len(text.encode())
    assert _written(["a" * 1_000], 1_000, truncate=False)[0] == "a" * 1_000


def test_half_a_character_is_written_as_an_escape() -> None:
    assert _written(["a\ud800"], 100)[0] == "a\\ud800"


def test_only_text_is_written() -> None:
    stream = Stream("stderr", lambda _name, _text: None, Budget(10, truncate=True))
    with pytest.raises(TypeError, match="must be str, not bytes"):
        stream.write(b"x")  # type: ignore[arg-type]
    assert (stream.isatty(), stream.encoding, stream.writable(), stream.name) == (False, "utf-8", True, "<stderr>")


@given(st.lists(st.text(max_size=60) | st.integers(0, 3_000).map("é".__mul__), max_size=30), st.integers(1, 4_000))
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_each_piece_fits_a_frame_and_all_of_it_the_limit(texts: list[str], limit: int) -> None:
    shown, written, pieces = _written(texts, limit)
    for piece in pieces:
        frame(Output("stdout", piece))
    whole = "".join(texts)
    assert written == len(whole.encode("utf-8"))
    if written <= limit // 2:
        assert shown == whole
    notice = 120  # the line that says what is missing
    assert len(shown.encode("utf-8")) <= limit + notice
