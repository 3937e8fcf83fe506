"""The blocks of a reply: one pass over its text, from left to right.

Threat: the text is the model's, so it may be built to make its reader slow (regular expressions that backtrack, a
thousand openers that each search to the end for a closer) or to hide one block in another. Searching with `re` and
re-scanning after each miss are both quadratic here. What we do: `str.find` and line tests only; a scanned stretch is
either consumed or remembered as having no closer. What still gets through: a block that ends early because its own
text holds a closing fence, as in any Markdown; the action then fails its gate and the model writes it otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from safe_codeact.agent.marks import END_TOKENS, IMAGINED, PYTHON_NAMES, TAGS, Kind, Tag

# Longer runs of backticks count as this long; it bounds how many kinds of closer there are to remember.
_LONGEST_MARKER = 8
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block. `language` is a fence's first info word in lower case ("" for none); `closed` is its end was seen."""

    kind: Kind
    language: str
    body: str
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """What a text holds. `prose` is all outside the blocks; `imagined` says that an "Observation:" that the model
    made up after its own block ended the reading there."""

    prose: str
    blocks: tuple[Block, ...]
    imagined: bool = False


def scan(text: str, *, tags: bool = True) -> Blocks:
    """All blocks of `text`, in order; without `tags`, the fenced ones only. Time is linear in its length."""
    return _Scanner(text.replace("\r\n", "\n").replace("\r", "\n"), tags=tags).scan()


class _Scanner:
    def __init__(self, text: str, *, tags: bool) -> None:
        self._text = text
        self._lower = text.translate(_ASCII_LOWER)  # same length as the text, unlike `lower()`
        self._prose: list[str] = []
        self._blocks: list[Block] = []
        self._no_closer: set[str] = set()
        # Where each tag that counts anywhere comes next; a line of a million tags is then still read once.
        self._next_tag = {tag: -1 for tag in TAGS if tags and tag.anywhere}
        self._line_tags = tuple(tag for tag in TAGS if tags and not tag.anywhere)

    def scan(self) -> Blocks:
        position = 0
        imagined = False
        while position < len(self._text) and not imagined:
            end = self._line_end(position)
            after = self._fence_block(position, end)
            if after is None:
                imagined = bool(self._blocks) and self._is_imagined(position, end)
                after = end + 1 if imagined else self._line_with_tags(position, end)
            position = after
        return Blocks(prose="\n".join(self._prose).strip(), blocks=tuple(self._blocks), imagined=imagined)

    def _line_end(self, position: int) -> int:
        end = self._text.find("\n", position)
        return len(self._text) if end < 0 else end

    def _is_imagined(self, start: int, end: int) -> bool:
        return self._lower[start:end].lstrip(" \t*#_>").startswith(IMAGINED)

    def _line_with_tags(self, start: int, end: int) -> int:
        """Takes a line that opens no fence, with every tag block that starts in it. Gives where reading goes on."""
        position = start
        indent = len(self._lower[start:end]) - len(self._lower[start:end].lstrip(" \t>"))
        found = next(
            (
                (start + indent, tag)
                for tag in self._line_tags
                if self._lower.startswith(tag.opener, start + indent, end)
            ),
            None,
        )
        while True:
            found = found or self._tag_before(position, end)
            if found is None:
                self._prose.append(self._text[position:end])
                return end + 1
            place, tag = found
            self._prose.append(self._text[position:place])
            position = self._take_tag(tag, place + len(tag.opener))
            found = None
            if position >= end:
                # The block ended on a later line; what follows it there is a line of its own.
                return position + (self._text[position : position + 1] == "\n")

    def _tag_before(self, start: int, end: int) -> tuple[int, Tag] | None:
        found: tuple[int, Tag] | None = None
        for tag, place in self._next_tag.items():
            if place < start:
                place = self._lower.find(tag.opener, start)
                self._next_tag[tag] = place = len(self._text) if place < 0 else place
            if place < end and (found is None or place < found[0]):
                found = (place, tag)
        return found

    def _take_tag(self, tag: Tag, body_start: int) -> int:
        body_end, after, closed = self._tag_end(tag, body_start)
        # Code on the opener's own line has no indentation of its own.
        body = self._text[body_start:body_end].lstrip(" \t")
        kind = tag.kind
        inner = _first_inner_fence(body) if kind in (Kind.execute, Kind.tag) else None
        if inner is not None:
            body, closed = inner[0], closed or inner[1]
        self._blocks.append(Block(kind=kind, language="python", body=_trimmed(body), closed=closed))
        return after

    def _tag_end(self, tag: Tag, body_start: int) -> tuple[int, int, bool]:
        """Where the body ends, where reading goes on, and whether the closer was there."""
        closer = tag.closer
        if not closer:
            return len(self._text), len(self._text), False
        place = -1 if closer in self._no_closer else self._lower.find(closer, body_start)
        if place < 0:
            self._no_closer.add(closer)
            return len(self._text), len(self._text), False
        return place, place + len(closer), True

    def _fence_block(self, start: int, end: int) -> int | None:
        line = self._text[start:end]
        opening = _opening(line)
        if opening is None:
            return None
        if opening.single is not None:
            self._add_fence(opening, opening.single, closed=True)
            return end + 1
        if opening.before:
            self._prose.append(opening.before)
        again = self._line_end(end + 1)
        if self._text[end + 1 : again].strip() == line.strip() != opening.marker:
            end = again  # the opener is written twice
        body_end, after, closed = self._fence_end(opening, end + 1)
        self._add_fence(opening, self._text[end + 1 : body_end], closed=closed)
        return after

    def _add_fence(self, opening: _Opening, body: str, *, closed: bool) -> None:
        body = _outdented(body, opening.indent)
        self._blocks.append(Block(kind=Kind.fence, language=opening.language, body=_trimmed(body), closed=closed))

    def _fence_end(self, opening: _Opening, body_start: int) -> tuple[int, int, bool]:
        """As `_tag_end`. A closer glued to the last line of code (`x = 1` and three backticks) counts where another
        block opens before any proper closer, or where there is none. A line that opens Python ends the block before it:
        the model began anew and forgot to close (in a string of the code it would end the block soon after anyhow)."""
        marker = opening.marker
        begins_anew = opening.language in PYTHON_NAMES or not opening.language
        length = len(self._text)
        if body_start >= length:
            return length, length, False
        glued = -1
        position = body_start
        searching = marker not in self._no_closer
        while position < length:
            end = self._line_end(position)
            line = self._text[position:end].strip(" \t>")
            if searching and line.startswith(marker) and _is_closer(self._text[position:end], marker):
                return position, end + 1, True
            if glued >= 0 and line.startswith(marker[:3]):
                break
            if begins_anew and line.startswith(marker) and _language(line.lstrip(marker[0])) in PYTHON_NAMES:
                return position, position, True
            if glued < 0 and line.endswith(marker) and line.strip(marker[0]):
                glued = position
                if not searching:
                    break
            position = end + 1
        else:
            self._no_closer.add(marker)
        if glued < 0:
            return length, length, False
        end = self._line_end(glued)
        return glued + len(self._text[glued:end].rstrip().rstrip(marker[0])), end + 1, True


def _is_closer(line: str, marker: str) -> bool:
    """A line of marks alone, or followed by the token that a framework stops at."""
    line = line.strip()
    for token in END_TOKENS:
        line = line.removesuffix(token)
    return not line.strip(" \t>").strip(marker[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    marker: str
    language: str
    indent: int = 0
    before: str = ""  # prose on the same line
    single: str | None = None  # the code, where opener and closer share the line


def _opening(line: str) -> _Opening | None:
    bare = line.lstrip(" \t>")
    for character in "`~":
        if not bare.startswith(character * 3):
            continue
        rest = bare.lstrip(character)
        marker = character * min(len(bare) - len(rest), _LONGEST_MARKER)
        if character == "`" and "`" in rest:
            return _single_line(rest, marker)
        return _Opening(marker=marker, language=_language(rest), indent=len(line) - len(bare))
    return _opening_after_prose(line)


def _single_line(rest: str, marker: str) -> _Opening | None:
    code = rest.rstrip()
    if not code.endswith(marker) or "```" in code[: -len(marker)]:
        return None
    word, _, body = code[: -len(marker)].strip().partition(" ")
    # Without a language it is an inline quotation in prose.
    return _Opening(marker=marker, language=word.lower(), single=body.strip()) if word.lower() in PYTHON_NAMES else None


def _opening_after_prose(line: str) -> _Opening | None:
    place = line.rfind("```")
    if place <= 0:
        return None
    language = line[place + 3 :].strip().lower()
    if language not in PYTHON_NAMES and language != "json":
        return None
    before = line[:place].rstrip("`")
    return None if "```" in before else _Opening(marker="```", language=language, before=before)


def _language(info: str) -> str:
    """The first word of an info string: `python title="x"`, `{python}`, `.python` and `Python3` are all Python."""
    words = info.replace(",", " ").split(None, 1)
    return words[0].strip("{}.:").lower() if words else ""


def _first_inner_fence(body: str) -> tuple[str, bool] | None:
    """The body of the fence that a tag wraps, and whether it was closed; None where the tag holds the code itself."""
    if not body.lstrip().startswith(("```", "~~~")):
        return None
    fences = scan(body, tags=False).blocks
    if not fences:
        return None
    return "\n\n".join(fence.body for fence in fences), all(fence.closed for fence in fences)


def _outdented(body: str, indent: int) -> str:
    if indent == 0:
        return body
    lines = body.split("\n")
    return "\n".join(line[min(indent, len(line) - len(line.lstrip(" \t>"))) :] for line in lines)


def _trimmed(body: str) -> str:
    """Without blank lines around it; the first line's own indentation stays."""
    lines = body.rstrip().split("\n")
    first = 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    return "\n".join(lines[first:])
