"""Tools of every kind of signature, called by actions: what reaches the host, and what the action has in its hands."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import logging
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union

import pydantic
import pytest
import typing_extensions

from safe_codeact import Policy, Runtime, Session, tool
from safe_codeact.host.results import NotPlainResult, plain_result
from safe_codeact.host.tool import Tool


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Seller:
    name: str
    since: datetime.date


@dataclasses.dataclass
class Product:
    name: str
    price: float
    seller: Seller
    items: list[str] = dataclasses.field(default_factory=list)


class Address(TypedDict):
    street: str
    number: int


class ModernAddress(typing_extensions.TypedDict):
    street: str
    number: int


class Parcel(TypedDict, total=False):
    to: Address
    weight: Annotated[int, pydantic.Field(gt=0)]


class Customer(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(min_length=2, pattern=r"^[A-Z]")]
    address: ModernAddress
    tags: list[str] = []
    password: pydantic.SecretStr = pydantic.SecretStr("hunter2")


class Point(NamedTuple):
    x: int
    y: int


# Each says what it was given, by type and value: that is what reached the host.
def _seen(*values: Any) -> str:
    return ", ".join(f"{type(value).__name__} {value!r}" for value in values)


@tool
def positional(a: int, b: int, /, c: int = 3) -> str:
    return _seen(a, b, c)


@tool
def several(first: int, *rest: int) -> str:
    return _seen(first, rest)


@tool
def named(*, width: float, height: float = 2.0, **more: int) -> str:
    return _seen(width, height, more)


@tool
def perhaps(text: Optional[str] = None, number: Union[int, list[int]] = 0) -> str:  # noqa: UP007, UP045 - as people write
    return _seen(text, number)


@tool
def chosen(color: Color, mode: Literal["fast", "slow"] = "fast") -> str:
    return _seen(color, mode)


@tool
def moment(at: datetime.datetime, day: datetime.date, how_long: datetime.timedelta) -> str:
    return _seen(at, day, how_long)


@tool
def raw(data: bytes) -> bytes:
    return data[::-1]


@tool
def bought(product: Product) -> str:
    return _seen(product)


@tool
def moved(address: Address) -> str:
    return _seen(address)


@tool
def sent(parcels: list[Parcel] | None = None) -> str:
    return _seen(parcels)


@tool
def greeted(customer: Customer) -> str:
    return _seen(customer.name, customer.address["number"])


@tool
def nested(table: dict[str, list[dict[str, int]]]) -> str:
    return _seen(table)


@tool
def exact(amount: decimal.Decimal, key: uuid.UUID) -> str:
    return _seen(amount, key)


@tool
def bounded(
    n: Annotated[int, pydantic.Field(ge=1, le=100)] = 1,
    code: Annotated[str, pydantic.Field(pattern=r"^[A-Z]{2}$", max_length=2)] = "AB",
    many: Annotated[list[int], pydantic.Field(max_length=3)] = [],  # noqa: B006 - never changed
) -> str:
    return _seen(n, code, many)


@tool
def anything(value: Any) -> str:
    return _seen(value)


@tool
def untyped(a, b=1):  # type: ignore[no-untyped-def]
    return a * 10 + b


@tool
def find(name: str) -> Product:
    """A product of the catalogue."""
    return Product(name, 3.5, Seller("Ada", datetime.date(2026, 1, 2)), ["leaf"])


@tool
def find_all(count: int) -> list[Product]:
    return [find(f"p{n}") for n in range(count)]


@tool
def customer() -> Customer:
    return Customer(name="Ada", address={"street": "Main", "number": 7})


@tool
def corner() -> Point:
    return Point(1, 2)


@tool
def mixed() -> dict[str, Any]:
    return {
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC), "color": Color.RED, "set": {1}, "bytes": b"\xff\x00",
        "decimal": decimal.Decimal("1.50"), Color.BLUE: (1, (2, 3)), "ordered": collections.OrderedDict(a=1), "secret": pydantic.SecretStr("x"),
    }  # fmt: skip


@tool
def lies() -> int:
    return "not a number at all"  # type: ignore[return-value]


@tool(name="max")
def greatest(values: list[int]) -> str:
    return f"mine: {sorted(values)[-1]}"


@tool(name="sum")
def total(a: int, b: int) -> str:
    return f"mine: {a + b}"


@tool
def score(word: str) -> int:
    return len(word)


@tool
async def later(n: int) -> int:
    return n + 1


@tool
def breaks(how: str) -> None:
    """Raises."""
    errors = {
        "value": ValueError("no order with this number"),
        "key": KeyError("id"),
        "group": ExceptionGroup("two", [OSError("x")]),
    }
    raise errors[how]


TOOLS = [
    positional, several, named, perhaps, chosen, moment, raw, bought, moved, sent, greeted, nested, exact, bounded, anything, untyped, find,
    find_all, customer, corner, mixed, lies, greatest, total, score, later, breaks,
]  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    policy = Policy.from_dict(
        {
            "version": 1, "extends": "strict", "tools": {"*": {"why": "a test"}},
            "language": {"imports": [{"module": "asyncio", "why": "a test"}]},
        }
    )  # fmt: skip
    with Runtime(policy, tools=TOOLS) as runtime:
        session = runtime.session()
        assert session.run(DEFINITIONS).outcome == "completed"
        yield session


DEFINITIONS = """
from collections import defaultdict, namedtuple
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
class Suit(Enum):
    HEART, CLUB, RED = 'heart', 'club', 'red'
@dataclass
class Card:
    suit: Suit
    rank: int
Pair = namedtuple('Pair', 'a b')
"""
REACHES = {
    "positional(1, 2)": "int 1, int 2, int 3",
    "positional(1, 2, c=4)": "int 1, int 2, int 4",
    "positional(*[1, 2, 3])": "int 1, int 2, int 3",
    "several(1)": "int 1, tuple ()",
    "several(1, 2, 3)": "int 1, tuple (2, 3)",
    "named(width=1)": "float 1.0, float 2.0, dict {}",
    "named(width=1, depth=3, **{'height': 4})": "float 1.0, float 4.0, dict {'depth': 3}",
    "perhaps()": "NoneType None, int 0",
    "perhaps('x', [1, 2])": "str 'x', list [1, 2]",
    "perhaps(None, number=7)": "NoneType None, int 7",
    "chosen('red')": "Color <Color.RED: 'red'>, str 'fast'",
    "chosen(color='blue', mode='slow')": "Color <Color.BLUE: 'blue'>, str 'slow'",
    "moment('2026-01-02T03:04:05', '2026-01-02', 90)": (
        "datetime datetime.datetime(2026, 1, 2, 3, 4, 5), date datetime.date(2026, 1, 2), timedelta datetime.timedelta(seconds=90)"
    ),
    "bought({'name': 'tea', 'price': 3, 'seller': {'name': 'Ada', 'since': '2026-01-02'}})": (
        "Product Product(name='tea', price=3.0, seller=Seller(name='Ada', since=datetime.date(2026, 1, 2)), items=[])"
    ),
    "bought(find('tea'))": (
        "Product Product(name='tea', price=3.5, seller=Seller(name='Ada', since=datetime.date(2026, 1, 2)), items=['leaf'])"
    ),
    "moved({'street': 'Main', 'number': '7'})": "dict {'street': 'Main', 'number': 7}",
    "sent([{'to': {'street': 'x', 'number': 1}}, {'weight': 2}, {}])": (
        "list [{'to': {'street': 'x', 'number': 1}}, {'weight': 2}, {}]"
    ),
    "greeted({'name': 'Ada', 'address': {'street': 'x', 'number': 1}})": "str 'Ada', int 1",
    "greeted(customer())": "str 'Ada', int 7",
    "nested({'a': [{'b': 1}, {}]})": "dict {'a': [{'b': 1}, {}]}",
    "exact('1.50', '12345678123456781234567812345678')": (
        "Decimal Decimal('1.50'), UUID UUID('12345678-1234-5678-1234-567812345678')"
    ),
    "bounded()": "int 1, str 'AB', list []",
    "bounded(100, 'XY', [1, 2, 3])": "int 100, str 'XY', list [1, 2, 3]",
    "anything((1, [2.5, None, True], {'a': b'x'}))": "tuple (1, [2.5, None, True], {'a': b'x'})",
    "anything(2**70)": f"int {2**70}",
    "anything([Suit.HEART, Card(Suit.CLUB, 7), {3}, Pair(1, Decimal('1.5'))])": (
        "list ['heart', {'suit': 'club', 'rank': 7}, [3], (1, '1.5')]"
    ),
    "moment(datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2), timedelta(minutes=1.5))": (
        "datetime datetime.datetime(2026, 1, 2, 3, 4, 5), date datetime.date(2026, 1, 2), timedelta datetime.timedelta(seconds=90)"
    ),
    "chosen(Suit.RED)": "Color <Color.RED: 'red'>, str 'fast'",
    "anything(defaultdict(list, a=[1]))": "dict {'a': [1]}",
}  # fmt: skip
GIVES = {
    "raw(b'abc')": "b'cba'",
    "untyped(4)": "41",
    "find('tea').price * 2": "7.0",
    "find('tea')['price'] * 2": "7.0",
    "find('tea').seller.since, find('tea')['seller']['name']": "('2026-01-02', 'Ada')",
    "[p.name for p in find_all(3)]": "['p0', 'p1', 'p2']",
    "isinstance(find('tea'), dict), sorted(find('tea'))": "(True, ['items', 'name', 'price', 'seller'])",
    "find('tea')": "{'name': 'tea', 'price': 3.5, 'seller': {'name': 'Ada', 'since': '2026-01-02'}, 'items': ['leaf']}",
    "find('tea')['items']": "['leaf']",
    "customer().address.street, customer().password": "('Main', '**********')",
    "corner().x + corner()['y']": "3",
    "mixed()": (
        "{'when': '2026-01-02T03:04:00+00:00', 'color': 'red', 'set': [1], 'bytes': b'\\xff\\x00', 'decimal': '1.50', "
        "'blue': (1, (2, 3)), 'ordered': {'a': 1}, 'secret': '**********'}"
    ),
    "type(mixed()) is dict": "True",
    "max([3, 9, 2])": "'mine: 9'",
    "sum(1, 2)": "'mine: 3'",
    "list(map(score, ['a', 'bb']))": "[1, 2]",
    "sorted(['ccc', 'a', 'bb'], key=score)": "['a', 'bb', 'ccc']",
    "(lambda f, *a: f(*a))(score, 'four')": "4",
    "{'f': score}['f']('abc')": "3",
    "later(1)": "2",
}  # fmt: skip


@pytest.mark.parametrize(("call", "seen"), REACHES.items(), ids=REACHES.keys())
def test_what_an_action_sends_reaches_the_tool_as_its_annotation_says(session: Session, call: str, seen: str) -> None:
    observation = session.run(f"print({call}, end='')")
    assert observation.stdout == seen, observation.text


@pytest.mark.parametrize(("expression", "value"), GIVES.items(), ids=GIVES.keys())
def test_what_a_tool_gives_is_an_ordinary_value(session: Session, expression: str, value: str) -> None:
    observation = session.run(expression)
    assert observation.value == value, observation.text


MISUSED = {
    "positional(1)": ("TypeError", "positional: missing a required argument: 'b'. Usage: positional(a: int, b: int, /, c: int = 3) -> str"),
    "positional(1, b=2)": ("TypeError", "positional: 'b' parameter is positional only, but was passed as a keyword"),
    "positional(1, 2, 3, 4)": ("TypeError", "positional: too many positional arguments"),
    "positional('x', 2)": ("ValueError", "positional: a: Input should be a valid integer, unable to parse string as an integer"),
    "several(1, 2, 'x')": ("ValueError", "several: rest"),
    "named(width=1, depth='deep')": ("ValueError", "named: more"),
    "named(1)": ("TypeError", "named: too many positional arguments"),
    "chosen('green')": ("ValueError", "chosen: color: Input should be 'red' or 'blue'"),
    "chosen('red', 'sideways')": ("ValueError", "chosen: mode: Input should be 'fast' or 'slow'"),
    "moment('yesterday', '2026-01-02', 1)": ("ValueError", "moment: at: Input should be a valid datetime"),
    "bought({'name': 'tea'})": ("ValueError", "bought: product['price']: Field required"),
    "moved({'street': 'x', 'number': 'y'})": ("ValueError", "moved: address['number']: Input should be a valid integer"),
    "greeted({'name': 'ada', 'address': {'street': 'x', 'number': 1}})": ("ValueError", "greeted: customer['name']: String should match"),
    "sent([{'weight': 0}])": ("ValueError", "sent: parcels[0]['weight']: Input should be greater than 0"),
    "nested({'a': [{'b': 'c'}]})": ("ValueError", "nested: table['a'][0]['b']: Input should be a valid integer"),
    "bounded(0)": ("ValueError", "bounded: n: Input should be greater than or equal to 1. Usage: bounded(n: int = 1, "),
    "bounded(101)": ("ValueError", "bounded: n: Input should be less than or equal to 100"),
    "bounded(1, 'ABC')": ("ValueError", "bounded: code: String should"),
    "bounded(1, 'AB', [1, 2, 3, 4])": ("ValueError", "bounded: many: List should have at most 3 items after validation, not 4"),
    "bounded(float('nan'))": ("ValueError", "bounded: n: Input should be a finite number"),
    "anything(len)": ("TypeError", "anything: a tool takes plain data (None, bool, int, float, str, bytes, list, tuple, dict): "),
    "anything([lambda: 1])": ("TypeError", "anything: a tool takes plain data"),
    "anything({'f': print})": ("TypeError", "anything: a tool takes plain data"),
    "anything(object())": ("TypeError", "anything: a tool takes plain data"),
    "anything({1: [score]})": ("TypeError", "anything: a tool takes plain data"),
    "anything(type('C', (), {})())": ("TypeError", "anything: a tool takes plain data"),
    "anything(x for x in 'ab')": ("TypeError", "anything: a tool takes plain data"),
    "anything('\\ud800')": ("TypeError", "anything: a tool takes plain data"),
    "anything(score)": ("TypeError", "anything: a tool takes plain data"),
    "anything('x' * 2_000_000)": ("ValueError", "anything: the arguments are too large for one call"),
    "find('tea').colour": ("AttributeError", "no field 'colour' here; there are name, price, seller, items"),
    "lies()": ("ToolError", "lies returned something that its own signature does not allow"),
    "breaks('value')": ("ToolError", "ValueError: no order with this number"),
    "breaks('key')": ("ToolError", "KeyError: 'id'"),
    "breaks('group')": ("ToolError", "ExceptionGroup: two (1 sub-exception)"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error"), MISUSED.items(), ids=MISUSED.keys())
def test_what_does_not_fit_is_an_exception_of_the_action_that_says_how_it_is_used(
    session: Session, call: str, error: tuple[str, str]
) -> None:
    observation = session.run(call)
    assert observation.outcome == "raised", observation.text
    assert observation.error is not None
    assert observation.error.type.rpartition(".")[2] == error[0]
    assert observation.error.message.startswith(error[1]), observation.error.message
    assert "test_host_typed_tools.py" not in observation.text
    assert 'File "/' not in observation.text
    assert all(record.outcome != "returned" for record in observation.tool_calls if "find" not in call)


def test_a_tool_is_a_value_that_a_session_keeps(session: Session) -> None:
    assert session.run("by = score\nkept = find('tea')\ntable = {'s': score, 'm': max}").outcome == "completed"
    observation = session.run(
        "by('abc'), table['s']('x'), table['m']([1]), kept.price, kept.seller['name'], type(kept) is type(find('x'))"
    )
    assert observation.value == "(3, 1, 'mine: 1', 3.5, 'Ada', True)", observation.text
    assert "not_kept" not in session.run("kept.price = 4.0\nkept").text
    assert session.run("kept['price'], kept.copy().price").value == "(4.0, 4.0)"


def test_an_async_tool_blocks_without_a_loop_and_is_awaited_in_one(session: Session) -> None:
    program = "import asyncio\nasync def main():\n    return await asyncio.gather(later(1), later(2)), await later(3)\n"
    assert session.run(program + "asyncio.run(main()), later(9)").value == "(([2, 3], 4), 10)"
    assert session.run("[type(later(1)).__name__ for _ in 'a'] if False else type(later(1))").value == "<class 'int'>"


def test_the_host_s_log_has_what_the_action_is_not_told(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "safe_codeact.tools"):
        observation = session.run("breaks('value')")
        said = session.run("lies()")
    assert "Traceback" not in (observation.error.message if observation.error else "Traceback")
    assert "raise errors[how]" not in observation.text
    assert "raise errors[how]" in caplog.text
    assert "valid integer" in caplog.text
    assert "valid integer" not in said.text


def test_stubs_say_what_a_model_needs() -> None:
    shown = {made.name: (made.shown, made.description) for made in map(Tool.of, TOOLS)}
    assert shown["find"] == ("(name: str) -> test_host_typed_tools.Product", "A product of the catalogue.")
    assert shown["bounded"][0] == "(n: int = 1, code: str = 'AB', many: list[int] = ...) -> str"
    assert shown["named"][0] == "(*, width: float, height: float = 2.0, **more: int) -> str"


@pytest.mark.parametrize("value", [object(), lambda: 1, open, {"a": {"b": print}}])
def test_a_live_object_is_no_result(value: Any) -> None:
    with pytest.raises(NotPlainResult, match="which is not plain data"):
        plain_result(value)


def test_a_result_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotPlainResult, match="more than 64 deep"):
        plain_result(endless)
