"""A tool as a model reads it, and what its annotations hold an action to."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
import pytest

from safe_codeact import tool
from safe_codeact.host.crew import Crew
from safe_codeact.host.tool import Misused, Tool

if TYPE_CHECKING:
    from nowhere import Absent


class Client:
    """Holds what a model must not read."""

    def __repr__(self) -> str:
        return "Client(key='hunter2')"

    def lookup(self, name: str) -> int:
        """A bound method is a tool like another."""
        return len(name)

    def __call__(self, name: str) -> int:
        return len(name)


@dataclasses.dataclass
class Order:
    number: int


def plain(query: str, limit: int = 5) -> list[dict[str, int]]: ...
def constrained(
    n: Annotated[int, pydantic.Field(ge=1, le=9)], tags: list[Annotated[str, pydantic.Field(max_length=3)]]
) -> None: ...
def optional(
    day: datetime.date | None = None, unit: Literal["eur", "usd"] | None = None
) -> Annotated[float, "EUR"]: ...
def variadic(first, /, *rest: int, key: bool = True, **more: bytes) -> tuple[int, ...]: ...
def with_objects(client: Any = Client(), when: Callable[[], int] = len, pair: tuple[int, int] = (1, 2)) -> None: ...  # noqa: B008
def unresolved_result(n: int) -> Absent: ...
def bare(a, b=1): ...


SHOWN = {
    plain: "(query: str, limit: int = 5) -> list[dict[str, int]]",
    constrained: "(n: int, tags: list[str]) -> None",
    optional: "(day: datetime.date | None = None, unit: Optional[Literal['eur', 'usd']] = None) -> float",
    variadic: "(first, /, *rest: int, key: bool = True, **more: bytes) -> tuple[int, ...]",
    with_objects: "(client: Any = ..., when: collections.abc.Callable[[], int] = ..., pair: tuple[int, int] = ...) -> None",
    unresolved_result: "(n: int) -> Absent",
    bare: "(a, b=1)",
    Client().lookup: "(name: str) -> int",
}  # fmt: skip


@pytest.mark.parametrize(("function", "expected"), SHOWN.items(), ids=[function.__name__ for function in SHOWN])
def test_a_signature_is_shown_as_plain_types_whatever_it_was_written_as(function: Any, expected: str) -> None:
    """No quotes, no constraints, no object of the host: its repr may hold an address, or a key."""
    shown = Tool.of(function).stub().signature
    assert shown.replace("Literal['eur', 'usd'] | None", "Optional[Literal['eur', 'usd']]") == expected


def test_a_partial_and_an_object_that_can_be_called_are_tools_under_a_name() -> None:
    half = tool(functools.partial(plain, "query"), name="half")
    called = tool(Client(), name="called", description="Counts.")
    assert Tool.of(half).stub().signature == "(limit: int = 5) -> list[dict[str, int]]"
    assert (Tool.of(called).stub().signature, Tool.of(called).stub().description) == ("(name: str) -> int", "Counts.")


@pytest.mark.parametrize("arguments", [(0, []), (10, []), ("x", []), (1, ["long"]), (1, "ab")])
def test_constraints_that_are_not_shown_hold_all_the_same(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(Misused, match="Usage: constrained") as raised:
        Tool.of(constrained).bind(arguments, {})
    assert raised.value.kind == "ValueError"
    assert Tool.of(constrained).bind((9, ["abc"]), {}).args == (9, ["abc"])


def test_a_parameter_whose_annotation_names_nothing_is_refused_where_the_tool_is_made() -> None:
    with pytest.raises(TypeError) as raised:

        @tool
        def broken(order: Absent) -> int: ...

    assert str(raised.value) == (
        "broken cannot be a tool: 'Absent' in the annotation of 'order' is not a name of its module, so arguments cannot be "
        "validated against it. Import it there at run time, or define it at the top level"
    )


def test_a_parameter_that_no_plain_value_can_fit_is_refused_where_the_tool_is_made() -> None:
    with pytest.raises(
        TypeError, match=r"broken cannot be a tool: no value of an action can be checked against .*'client'"
    ):

        @tool
        def broken(client: Client) -> int: ...


def test_a_dataclass_is_made_from_what_the_action_sends() -> None:
    @tool
    def ship(order: Order) -> int:
        return order.number

    assert Tool.of(ship).bind(({"number": 7},), {}).args == (Order(number=7),)


def test_the_crew_reuses_its_threads_and_lets_them_go() -> None:
    before = threading.active_count()
    crew = Crew()
    names = {crew.submit(lambda: threading.current_thread().name).result() for _ in range(20)}
    assert all(name.startswith("safe_codeact tool") for name in names)
    assert threading.active_count() <= before + 2
    crew.close()
    with pytest.raises(RuntimeError, match="the runtime is closed"):
        crew.submit(int)
    while threading.active_count() > before:
        pass


def test_a_thread_that_is_waited_for_gives_its_result_its_exception_or_is_left_behind() -> None:
    before = threading.active_count()
    crew, goes_on = Crew(), threading.Event()
    assert [crew.run(lambda n=n: n, 20) for n in range(50)] == list(range(50))  # type: ignore[misc]
    assert threading.active_count() == before + 1
    with pytest.raises(SystemExit):
        crew.run(lambda: exit(3), 20)
    with pytest.raises(TimeoutError):
        crew.run(goes_on.wait, 0.01)
    assert crew.run(lambda: crew.run(int, 20), 20) == 0
    goes_on.set()
    for _ in range(200):  # the end of the job and of the patience, in either order
        with contextlib.suppress(TimeoutError):
            assert crew.run(threading.get_ident, 0.00001)
    crew.close()
    with pytest.raises(RuntimeError, match="the runtime is closed"):
        crew.run(int, 20)
    while threading.active_count() > before:
        pass


def test_a_crew_whose_tools_all_hang_refuses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safe_codeact.host.crew.MOST_THREADS", 3)
    crew, goes_on = Crew(), threading.Event()
    hanging = [crew.submit(goes_on.wait) for _ in range(3)]
    with pytest.raises(RuntimeError, match="3 tool calls are at work already, or hang"):
        crew.submit(int)
    goes_on.set()
    assert [future.result() for future in hanging] == [True] * 3
    crew.close()
