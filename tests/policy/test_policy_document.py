"""YAML that two readers could take for two things is refused, at its place and with the way to write it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.document import MAX_BYTES, decode, parse, resolve
from safe_codeact.policy.load import policy_from_dict
from safe_codeact.policy.tree import plain

_TRUTH = "is a truth value to some YAML readers and text to others: write true or false, or put it in quotes"
_DECIMAL = "is one number to some YAML readers and another to others: write it in plain decimal digits."
_ALIAS_HINT = 'a name or text that starts with "*" or "&" needs quotes, as in "*".'
_DECEPTIVE = "shows a reader something else than what is read: delete it."

# (the file, the whole message, the field that the exception names)
REFUSED = [
    ("a: {b: 1, b: 2}", "p.yaml:1:11: a.b is given twice, first in line 1: keep one of the two.", "a"),
    ("b: 1\nc: 2\nb: 1", "p.yaml:3:1: b is given twice, first in line 1: keep one of the two.", None),
    ("name: no", f'p.yaml:1:7: name=no {_TRUTH} ("no").', "name"),
    ("name: Yes", f'p.yaml:1:7: name=Yes {_TRUTH} ("Yes").', "name"),
    ("a: {b: on}", f'p.yaml:1:8: a.b=on {_TRUTH} ("on").', "a.b"),
    ("a: [x, off]", f'p.yaml:1:8: a[1]=off {_TRUTH} ("off").', "a[1]"),
    ("a: True", f'p.yaml:1:4: a=True {_TRUTH} ("True").', "a"),
    ("no: 1", f'p.yaml:1:1: `no` {_TRUTH} ("no").', None),
    ("a: 017", f"p.yaml:1:4: a=017 {_DECIMAL}", "a"),
    ("a: 0o17", f"p.yaml:1:4: a=0o17 {_DECIMAL}", "a"),
    ("a: 0x1F", f"p.yaml:1:4: a=0x1F {_DECIMAL}", "a"),
    ("a: 0b11", f"p.yaml:1:4: a=0b11 {_DECIMAL}", "a"),
    ("a: 1_000", f"p.yaml:1:4: a=1_000 {_DECIMAL}", "a"),
    (
        "a: 1:30",
        "p.yaml:1:4: a=1:30 is a count to base 60 to some YAML readers: write the number, "
        'or put the text in quotes ("1:30").',
        "a",
    ),
    (
        "a: 1e3",
        "p.yaml:1:4: a=1e3 is a number to some YAML readers and text to others: write it as plain digits (300, 0.5), "
        'or put the text in quotes ("1e3").',
        "a",
    ),
    (
        "a: 2026-01-02",
        'p.yaml:1:4: a=2026-01-02 is a date to some YAML readers and text to others: put it in quotes ("2026-01-02").',
        "a",
    ),
    (
        "a: .inf",
        "p.yaml:1:4: a=.inf is not a number: write the bound you mean. There is no value for 'unlimited'.",
        "a",
    ),
    (
        "a: -.NaN",
        "p.yaml:1:4: a=-.NaN is not a number: write the bound you mean. There is no value for 'unlimited'.",
        "a",
    ),
    ("a:\nb: 1", "p.yaml:1:3: a has no value: leave the line out, or write the value.", "a"),
    ("a: ~", "p.yaml:1:4: a=~ has no value: leave the line out, or write the value.", "a"),
    ("a: null", "p.yaml:1:4: a=null has no value: leave the line out, or write the value.", "a"),
    (
        "a: &x 1",
        "p.yaml:1:4: `&x` marks a block to be repeated: delete the mark, or use `extends`.",
        "a",
    ),
    ("a: *x", "p.yaml:1:4: `*x` repeats a block from elsewhere: write the lines out, or use `extends`.", "a"),
    (
        "a: !!str 1",
        "p.yaml:1:4: the tag `tag:yaml.org,2002:str` changes what a value is: write the value without it.",
        "a",
    ),
    (
        "a: !!python/object/apply:os.system [id]",
        "p.yaml:1:4: the tag `tag:yaml.org,2002:python/object/apply:os.system` changes what a value is: "
        "write the value without it.",
        "a",
    ),
    ("a: ! b", "p.yaml:1:4: the tag `!` changes what a value is: write the value without it.", "a"),
    (
        "<<: {a: 1}",
        "p.yaml:1:1: `<<` is a YAML merge: a line that brings in others unseen. Write the lines out, or use `extends`.",
        None,
    ),
    ("1: a", "p.yaml:1:1: `1` is not a name: names of fields are text, in quotes if need be.", None),
    ("? [a]\n: 1", "p.yaml:1:3: a list or mapping stands where the name of a field is expected.", None),
    (
        "a: 1\n---\na: 2",
        "p.yaml:2:1: a second document starts here, which would grant nothing: one policy per file.",
        None,
    ),
    ("%YAML 1.1\n---\na: 1", "p.yaml:1:1: a policy file has no %YAML or %TAG line: delete it.", None),
    ("", "p.yaml: the file is empty: the smallest policy is `version: 1`.", None),
    ("# only a comment\n", "p.yaml: the file is empty: the smallest policy is `version: 1`.", None),
    ("---\n", "p.yaml:2:1: the file has no value: leave the line out, or write the value.", None),
    (
        "a: " + "[" * 100_000,
        "p.yaml:1:15: lists and mappings are nested deeper than 12: no policy field is that deep.",
        "a[0][0][0][0][0][0][0][0][0][0][0]",
    ),
    ("a: x\n  # \u202e tcirts\n", f"p.yaml:2:5: the character U+202E {_DECEPTIVE}", None),
    ("# harmless\u2028restricted: false", f"p.yaml:1:11: the character U+2028 {_DECEPTIVE}", None),
    ("# harmless\x85restricted: false", f"p.yaml:1:11: the character U+0085 {_DECEPTIVE}", None),
    ("# harmless\rrestricted: false", f"p.yaml:1:11: the character U+000D {_DECEPTIVE}", None),
    ("a: b\u200bc", f"p.yaml:1:5: the character U+200B {_DECEPTIVE}", None),
    ("a: \x1b[8m", f"p.yaml:1:4: the character U+001B {_DECEPTIVE}", None),
    ('a: "\\e[8m"', "p.yaml:1:4: the text holds an escaped control or invisible character: delete it.", "a"),
    ('a: "\\u202e"', "p.yaml:1:4: the text holds an escaped control or invisible character: delete it.", "a"),
    ('a: "\\ud800"', "p.yaml:1:4: the text holds an escaped control or invisible character: delete it.", "a"),
    ('a: "x\\ry"', "p.yaml:1:4: the text holds an escaped control or invisible character: delete it.", "a"),
    (
        "tools: {*: {}}",
        "p.yaml:1:10: this is not YAML (expected alphabetic or numeric character, but found ':'): " + _ALIAS_HINT,
        None,
    ),
    (
        "why: a: b",
        'p.yaml:1:7: this is not YAML (mapping values are not allowed here): text with ": " in it needs quotes.',
        None,
    ),
    (
        "\ta: 1",
        "p.yaml:1:1: this is not YAML (found character '\\t' that cannot start any token): a value that starts with "
        "this character needs quotes, and indentation is spaces, not tabs.",
        None,
    ),
    (
        'a: "b',
        "p.yaml:1:6: this is not YAML (found unexpected end of stream): a quote or a bracket is not closed.",
        None,
    ),
    (
        "a: [b,\n",
        "p.yaml:2:1: this is not YAML (expected the node content, but found '<stream end>'): "
        "a quote or a bracket is not closed.",
        None,
    ),
]


@pytest.mark.parametrize(("text", "message", "field"), REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_with_its_place(text: str, message: str, field: str | None) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse(text, "p.yaml")
    assert str(caught.value) == message
    assert caught.value.field == field
    assert caught.value.file == "p.yaml"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("0", 0),
        ("30", 30),
        ("-1", -1),
        ("0.5", 0.5),
        ("pandas.api.types", "pandas.api.types"),
        ("notes", "notes"),
        ("G401", "G401"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        ("nan", "nan"),
    ],
)
def test_plain_text_means_what_it_looks_like(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "1" * (MAX_BYTES - 20) + "e",
        "a: " + "1:3" * (MAX_BYTES // 3 - 2),
        "a: " + "1_" * (MAX_BYTES // 2 - 9) + "x",
        "a: " + "0" * (MAX_BYTES - 20) + "8",
        "- " * (MAX_BYTES // 2),
        "'" * MAX_BYTES,
        "k" * 500 + "0" * 500 + ": &" + "x" * 1000 + " 1",
    ],
    ids=["digits", "base 60", "underscores", "zeros", "dashes", "quotes", "long names"],
)
def test_a_file_of_full_size_is_answered_and_the_message_stays_short(text: str) -> None:
    message = ""
    try:
        parse(text, "p.yaml")
    except InvalidPolicy as error:
        message = str(error)
    assert len(message) < 500


def test_quotes_make_text_of_anything() -> None:
    tree = parse("""a: ["no", 'on', "1:30", "017", "true", "5", "<<", "~"]""", "p.yaml")
    assert plain(tree) == {"a": ["no", "on", "1:30", "017", "true", "5", "<<", "~"]}


def test_windows_line_ends_and_a_byte_order_mark_are_not_held_against_a_file() -> None:
    text = decode(b"\xef\xbb\xbfversion: 1\r\nname: x\r\n", "p.yaml")
    assert plain(parse(text, "p.yaml")) == {"version": 1, "name": "x"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            b"a" * (MAX_BYTES + 1),
            "p.yaml: the file has more than 262144 bytes: nobody can review such a policy. Split it with `extends`.",
        ),
        (
            b"a: b\x00c",
            "p.yaml: the file holds a NUL byte: a policy is plain UTF-8 text. Is this the right file?",
        ),
        (b"version: 1\nname: caf\xe9\n", "p.yaml:2:10: byte 0xe9 is not UTF-8: save the file as UTF-8."),
    ],
)
def test_bytes_that_are_no_policy_text_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        decode(raw, "p.yaml")
    assert str(caught.value) == message


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:-#&*!|>{}[],'\"%@` \n\t0129.~yn?<=")), max_size=60))
def test_no_text_gets_anything_but_a_tree_or_invalid_policy(text: str) -> None:
    message = ""
    try:
        plain(parse(text, "p.yaml"))
    except InvalidPolicy as error:
        message = str(error)
    assert message == "" or (message.startswith("p.yaml:") and message.endswith((".", "?")))


@pytest.mark.parametrize("value", ["\x1b[8m", "\u202e", "a\rb", "\ud800", "\x00"])
def test_a_mapping_cannot_bring_in_characters_that_a_file_cannot(value: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        policy_from_dict({"examples": [{"allow": value}]})
    assert str(caught.value) == "examples[0].allow holds a control or invisible character: delete it."
