"""YAML text to a tree of nodes, with everything refused that two readers could take for two things.

Threat: a policy is reviewed by eye and enforced by machine, so whoever can make the two differ grants himself what
the reviewer did not see. YAML offers many ways: a key given twice (the last one counts), an alias that repeats a
block from elsewhere, a merge key, a tag, `no` for false, `017` for 15, `1:30` for 90, line breaks that editors do not
show, text that runs right to left. Nothing here decides which reading is right; each is refused with the way to write
it plainly.

What doesn't work: `yaml.safe_load` (drops positions and duplicate keys, resolves all of the above) and PyYAML's
composer (one Python frame per level of nesting: a file of brackets ends in a RecursionError). We take the parser's
events, which come one at a time from its own stack, and build the tree with a stack of ours: bounded in size before
the first event and in depth at every event. What still gets through: look-alike letters inside a `why`, which changes
no rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.tree import Entry, Mark, Node, Scalar

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
_SHOWN = 60  # characters of a value that a message repeats; a message must not have the size of the file

# Every one of these changes what a reader sees without changing what a parser reads, or the reverse.
_DECEPTIVE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters; \x85 is a line break to YAML and to few editors
    "\u2028\u2029"  # line breaks to YAML: the rest of a comment becomes a rule
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # writing direction: shown in another order (CVE-2021-42574)
    "\u200b\u2060\ufeff\u00ad\u180e\U000e0000-\U000e007f"  # invisible
    "\ud800-\udfff]"  # halves of surrogate pairs: no text at all
)
_LONE_RETURN = re.compile(r"\r(?!\n)")

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_WORDS: dict[str, Scalar] = {"true": True, "false": False}

# Plain scalars that YAML 1.1, YAML 1.2 and people read differently: (what matches, what is said about it).
# No pattern may be able to match one text in two ways: a file of digits would take its square in steps.
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?i:y|n|yes|no|on|off)|True|TRUE|False|FALSE"),
        'is a truth value to some YAML readers and text to others: write true or false, or put it in quotes ("{text}")',
    ),
    (
        re.compile(r"~|(?i:null)|"),
        "has no value: leave the line out, or write the value",
    ),
    (
        re.compile(r"[-+]?\.(?i:inf|nan)"),
        "is not a number: write the bound you mean. There is no value for 'unlimited'",
    ),
    (
        re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"),
        'is a count to base 60 to some YAML readers: write the number, or put the text in quotes ("{text}")',
    ),
    (
        re.compile(r"[-+]?(0[0-9_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|[0-9]+_[0-9_]*)"),
        "is one number to some YAML readers and another to others: write it in plain decimal digits",
    ),
    (
        re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"),
        "is a number to some YAML readers and text to others: write it as plain digits (300, 0.5), "
        'or put the text in quotes ("{text}")',
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"),
        'is a date to some YAML readers and text to others: put it in quotes ("{text}")',
    ),
    (
        re.compile(r"<<|="),
        "is a YAML merge: a line that brings in others unseen. Write the lines out, or use `extends`",
    ),
)


def resolve(text: str) -> Scalar:
    """What a plain scalar means: true, false, a number in plain decimal, or text. Raises ValueError for a trap."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    for pattern, complaint in _TRAPS:
        if pattern.fullmatch(text):
            raise ValueError(complaint.format(text=text[:_SHOWN]))
    return text


def deceptive(text: str) -> bool:
    """Whether a value holds characters that a terminal or an editor would not show for what they are."""
    return "\r" in text or _DECEPTIVE.search(text) is not None


def decode(raw: bytes, file: str | None) -> str:
    """The text of a policy file: at most 256 KiB of UTF-8, without NUL bytes. Raises `InvalidPolicy`."""
    if len(raw) > MAX_BYTES:
        raise InvalidPolicy(
            f"the file has more than {MAX_BYTES} bytes: nobody can review such a policy. Split it with `extends`.",
            file=file,
        )
    if b"\x00" in raw:
        raise InvalidPolicy(
            "the file holds a NUL byte: a policy is plain UTF-8 text. Is this the right file?", file=file
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise InvalidPolicy(
            f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8.", file=file, line=line, column=column
        ) from None


def parse(text: str, file: str | None) -> Node:
    """The tree of one policy file. Raises `InvalidPolicy` with the place of the first thing that is wrong."""
    _refuse_deceptive(text, file)
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax_error(error, file) from None
    return builder.finished()


def _refuse_deceptive(text: str, file: str | None) -> None:
    found = _DECEPTIVE.search(text) or _LONE_RETURN.search(text)
    if found is None:
        return
    at = found.start()
    raise InvalidPolicy(
        f"the character U+{ord(found.group()):04X} shows a reader something else than what is read: delete it.",
        file=file,
        line=text.count("\n", 0, at) + 1,
        column=at - (text.rfind("\n", 0, at) + 1) + 1,
    )


# What PyYAML says, and what to do about it. Its own words alone send a reader to the YAML specification.
_SYNTAX_HINTS: tuple[tuple[str, str], ...] = (
    (
        "cannot start any token",
        "a value that starts with this character needs quotes, and indentation is spaces, not tabs",
    ),
    ("mapping values are not allowed here", 'text with ": " in it needs quotes'),
    ("but did not find expected alphabetic", 'a name or text that starts with "*" or "&" needs quotes, as in "*"'),
    ("expected alphabetic or numeric character", 'a name or text that starts with "*" or "&" needs quotes, as in "*"'),
    ("<stream end>", "a quote or a bracket is not closed"),
    ("unexpected end of stream", "a quote or a bracket is not closed"),
    ("found unexpected end", "a quote or a bracket is not closed"),
    ("could not find expected ':'", "a key needs a colon and a value after it"),
    ("expected <block end>", "the line is indented otherwise than those it belongs to, or an item lacks its dash"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing"),
)


def _syntax_error(error: yaml.YAMLError, file: str | None) -> InvalidPolicy:
    if not isinstance(error, yaml.MarkedYAMLError):
        return InvalidPolicy(f"this is not YAML: {error}.", file=file)
    problem = error.problem or error.context or "it cannot be read"
    hint = next(
        (hint for start, hint in _SYNTAX_HINTS if start in problem), "the policy reference is policies/README.md"
    )
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
    return InvalidPolicy(
        f"this is not YAML ({problem}): {hint}.",
        file=file,
        line=line,
        column=column,
    )


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet; `key` and `key_mark` wait for their value."""

    node: Node
    path: str
    key: str | None = None
    key_mark: Mark | None = None


@dataclass(slots=True)
class _Builder:
    file: str | None
    root: Node | None = None
    open: list[_Open] = field(default_factory=list)
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.AliasEvent):
            raise self._wrong(
                event,
                f"`*{str(event.anchor)[:_SHOWN]}` repeats a block from elsewhere: write the lines out, "
                "or use `extends`",
            )
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._refuse_decorations(event)
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            else:
                self._opened(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()

    def finished(self) -> Node:
        if self.root is None:
            raise InvalidPolicy("the file is empty: the smallest policy is `version: 1`.", file=self.file)
        return self.root

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if event.version or event.tags:
            raise self._wrong(event, "a policy file has no %YAML or %TAG line: delete it")
        if self.documents > 1:
            raise self._wrong(event, "a second document starts here, which would grant nothing: one policy per file")

    def _refuse_decorations(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise self._wrong(
                event, f"`&{event.anchor[:_SHOWN]}` marks a block to be repeated: delete the mark, or use `extends`"
            )
        if event.tag is not None:
            raise self._wrong(
                event, f"the tag `{event.tag[:_SHOWN]}` changes what a value is: write the value without it"
            )

    def _opened(self, event: yaml.CollectionStartEvent) -> None:
        mark = self._mark(event)
        if len(self.open) >= MAX_DEPTH:
            raise self._wrong(
                event, f"lists and mappings are nested deeper than {MAX_DEPTH}: no policy field is that deep"
            )
        if self.open and self._awaits_key():
            raise self._wrong(event, "a list or mapping stands where the name of a field is expected")
        node = Node(mark, {} if isinstance(event, yaml.MappingStartEvent) else [])
        path = self._path_of_next()
        self._place(node)
        self.open.append(_Open(node, path))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if deceptive(event.value):  # from an escape in double quotes: "\e[8m" hides what follows in a terminal
            raise self._wrong(event, "the text holds an escaped control or invisible character: delete it")
        is_key = bool(self.open) and self._awaits_key()
        if event.style is not None:
            value: Scalar = event.value
        else:
            try:
                value = resolve(event.value)
            except ValueError as trap:
                field_ = self._path_of_next()
                text = event.value[:_SHOWN]
                shown = field_ if not text else f"`{text}`" if is_key else f"{field_}={text}"
                raise self._wrong(event, f"{shown} {trap}") from None
        if is_key:
            self._key(event, value)
        else:
            self._place(Node(self._mark(event), value))

    def _key(self, event: yaml.ScalarEvent, value: Scalar) -> None:
        parent = self.open[-1]
        if not isinstance(value, str):
            raise self._wrong(
                event, f"`{event.value[:_SHOWN]}` is not a name: names of fields are text, in quotes if need be"
            )
        assert isinstance(parent.node.content, dict)
        if value in parent.node.content:
            first = parent.node.content[value].mark
            raise self._wrong(
                event,
                f"{self._join(parent.path, value)} is given twice, first in line {first.line}: keep one of the two",
            )
        parent.key, parent.key_mark = value, self._mark(event)

    def _place(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent.node.content, list):
            parent.node.content.append(node)
            return
        assert isinstance(parent.node.content, dict)
        assert parent.key is not None
        assert parent.key_mark is not None
        parent.node.content[parent.key] = Entry(parent.key_mark, node)
        parent.key = parent.key_mark = None

    def _awaits_key(self) -> bool:
        parent = self.open[-1]
        return isinstance(parent.node.content, dict) and parent.key is None

    def _path_of_next(self) -> str:
        if not self.open:
            return "the file"
        parent = self.open[-1]
        if isinstance(parent.node.content, list):
            return f"{parent.path}[{len(parent.node.content)}]"
        return self._join(parent.path, parent.key) if parent.key is not None else parent.path

    @staticmethod
    def _join(path: str, key: str) -> str:
        return key[:_SHOWN] if path == "the file" else f"{path}.{key[:_SHOWN]}"

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        assert start is not None
        return Mark(self.file, start.line + 1, start.column + 1)

    def _wrong(self, event: yaml.Event, message: str) -> InvalidPolicy:
        mark = self._mark(event)
        where = self._path_of_next()
        return InvalidPolicy(
            f"{message}.",
            file=self.file,
            line=mark.line,
            column=mark.column,
            field=None if where == "the file" else where,
        )
