"""The kinds of values that fields of a policy file hold, and how their validators complain.

A validator ends with `wrong` or `wrong_at`; `complaints` puts the field and the value in front of what it says. One
module grants one line, a path means the same to every reader, and a name is one that an action could write.
"""

from __future__ import annotations

import keyword
import posixpath
import re
import unicodedata
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from safe_codeact.policy import conditions
from safe_codeact.policy.rates import EXPECTED, parse_rate


class Section(BaseModel):
    """What all parts of a policy file are: no field beside the known ones, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


NO_UNLIMITED = "There is no value for 'unlimited'."


def wrong(message: str) -> NoReturn:
    """Ends a validator: `message` continues the sentence that starts with `field=value`."""
    raise PydanticCustomError("policy", "{message}", {"message": message})


def wrong_at(path: tuple[str | int, ...], message: str) -> NoReturn:
    """As `wrong`, from the validator of a section, about one of its fields. `message` is whole sentences."""
    raise PydanticCustomError("policy", "{message}", {"message": message, "path": path})


def refuse_second_line(section: str, key: str, values: list[str]) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value in first:
            wrong_at((section, index, key), f"has a line already, {section}[{first[value]}]: make one line of the two.")
        first[value] = index


def bounded(default: float, low: float, high: float, *, low_why: str, high_why: str, description: str) -> Any:
    """A number from `low` to `high`, each with the reason that the messages quote."""
    return Field(
        default,
        ge=low,
        le=high,
        allow_inf_nan=False if isinstance(default, float) else None,
        description=description,
        json_schema_extra={"x-why": {"low": low_why, "high": high_why}},
    )


def _version(value: object) -> object:
    if type(value) is not int or value != 1:  # true and 1.0 equal 1, too
        wrong("must be 1, the only version of this format so far")
    return value


def _text(value: str) -> str:
    if not value.strip():
        wrong("must say something: leave the line out, or write the reason")
    return value


def _policy_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        wrong("must be 1 to 64 letters, digits, dots, dashes or underscores: it stands in file names and in the trail")
    return value


def _module(value: str) -> str:
    parts = value.split(".")
    if not value.isascii() or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        wrong('must be the dotted name of a module, as "collections.abc": a line grants one module, without patterns')
    if any(part.startswith("_") for part in parts):
        wrong("is private to its package, whatever it grants: allow the public module that you mean")
    return value


def _hidden_name(value: str) -> str:
    if value == "*":
        return value
    if not value.isidentifier() or unicodedata.normalize("NFKC", value) != value:
        wrong('must be a public name of the module, as "read_pickle", or "*" for the whole module')
    if value.startswith("_"):
        wrong("starts with an underscore, and such names are hidden anyway: delete it")
    return value


def _readable(value: str) -> str:
    if not value.startswith("/"):
        wrong("must be absolute, as /srv/data: `~`, `$HOME` and relative paths are not expanded")
    if any(character in value for character in "*?$\n"):
        wrong("must name one file or folder: patterns and variables are not expanded. A folder grants all below it")
    normal = "/" + posixpath.normpath(value).lstrip("/")
    if normal != value:
        wrong(f"must be written without detours, as {normal}: a reviewer must see which folder it is")
    return value


def _tool_name(value: str) -> str:
    if value == "*":
        return value
    if not value.isidentifier() or keyword.iskeyword(value) or unicodedata.normalize("NFKC", value) != value:
        wrong('must be the name of a Python function, or "*" for all tools that have no line of their own')
    if value.startswith("_"):
        wrong("starts with an underscore, and an action cannot call such a name: give the tool another one")
    return value


def _condition(value: str) -> str:
    try:
        conditions.parse(value)
    except conditions.InvalidCondition as error:
        wrong(f'is no condition: {error}. Write comparisons joined by `and`, `or`, `not`, as "amount <= 100"')
    return value


def _rate(value: str) -> str:
    try:
        parse_rate(value)
    except ValueError:
        wrong(f"must be {EXPECTED}")
    return value


def _argument_path(value: str) -> str:
    if value in ("*", "return"):
        return value
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in value.split(".")):
        wrong(
            'must be the name of an argument, as "password", of a field in it, as "card.number", "return" for the result, or '
            '"*" for everything'
        )
    return value


Why: TypeAlias = Annotated[str, Field(max_length=500), AfterValidator(_text)]
ModuleName: TypeAlias = Annotated[str, Field(max_length=200), AfterValidator(_module)]
HiddenName: TypeAlias = Annotated[str, Field(max_length=200), AfterValidator(_hidden_name)]
ToolName: TypeAlias = Annotated[str, Field(max_length=100), AfterValidator(_tool_name)]
Rate: TypeAlias = Annotated[str, Field(max_length=20), AfterValidator(_rate)]
Condition: TypeAlias = Annotated[str, AfterValidator(_condition)]
ArgumentPath: TypeAlias = Annotated[str, Field(max_length=200), AfterValidator(_argument_path)]
AbsolutePath: TypeAlias = Annotated[str, Field(max_length=4000), AfterValidator(_readable)]
Source: TypeAlias = Annotated[str, Field(max_length=10_000), AfterValidator(_text)]
PolicyName: TypeAlias = Annotated[str, AfterValidator(_policy_name)]
Version: TypeAlias = Annotated[Literal[1], BeforeValidator(_version)]
RuleCode: TypeAlias = Annotated[str, Field(pattern=r"^G[0-9]{3}$")]
