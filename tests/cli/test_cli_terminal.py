"""No text of a guest moves the cursor, hides a line or turns it around."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_codeact.cli import terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, größe, 数, 🙂\tand\nmore", "plain, größe, 数, 🙂\tand\nmore"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"),
        ("\x9b2J", "\\x9b2J"),
        ("\x9d0;title\x9c", "\\x9d0;title\\x9c"),
        ("refused\rallowed", "refused\\x0dallowed"),
        ("refused\x08\x08\x08", "refused\\x08\\x08\\x08"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u200bb\ufeffc", "a\\u200bb\\ufeffc"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("\x00\x7f", "\\x00\\x7f"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_its_escape(text: str, shown: str) -> None:
    assert terminal.escaped(text) == shown


@given(st.text())
def test_no_control_or_format_character_is_left_of_any_text(text: str) -> None:
    left = {unicodedata.category(character) for character in terminal.escaped(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    controls = set(terminal.escaped(text)) - {"\n", "\t"}
    assert all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in controls)
    assert left <= {"Cc", "Cf"}
    assert terminal.escaped(terminal.escaped(text)) == terminal.escaped(text)


def test_every_character_of_unicode_that_turns_or_hides_text_is_escaped() -> None:
    kept = [
        f"U+{number:04X}"
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(chr(number)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and terminal.escaped(chr(number)) == chr(number)
    ]
    visible = {  # signs that span or mark digits in Arabic, Syriac, Kaithi and hieroglyphs: shown, and turning nothing
        "U+0600", "U+0601", "U+0602", "U+0603", "U+0604", "U+0605", "U+06DD", "U+070F", "U+0890", "U+0891", "U+08E2",
        "U+110BD", "U+110CD",
    }  # fmt: skip
    hieroglyphs = {f"U+{number:04X}" for number in range(0x13430, 0x13440)}
    assert set(kept) - visible - hieroglyphs == {"U+0009", "U+000A"}


def test_a_line_stays_one_line() -> None:
    assert terminal.escaped_line("a\nsafe-codeact: all is well\tb") == "a\\nsafe-codeact: all is well\\tb"


def test_json_is_ascii_without_control_characters_and_survives_what_json_has_no_form_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.show_json({"a": "\x1b\x7f\x9b\u202e\ud800", "b": float("nan"), "c": b"\x00", 5: (1, None), "d": {1}})
    out = capsys.readouterr().out
    assert out.isascii()
    assert all(character.isprintable() or character == "\n" for character in out)
    assert json.loads(out) == {
        "a": "\x1b\x7f\x9b\u202e\ud800",
        "b": "nan",
        "c": "b'\\x00'",
        "5": [1, None],
        "d": "{1}",
    }


def test_a_complaint_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.complain("no\nsuch \x1b[2Jfile")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "safe-codeact: no\\nsuch \\x1b[2Jfile\n"
