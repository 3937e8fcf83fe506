"""`session.get` and `session.set` carry plain data, arrays and frames, and say of everything else why not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from safe_codeact import AsyncRuntime, NotPlain, Runtime, Session, StoreError
from safe_codeact.errors import SafeCodeActError
from safe_codeact.host.values import value_of
from safe_codeact.wire.messages import Fetched


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Runtime("analysis") as runtime:
        yield runtime.session()


def test_a_frame_of_the_host_is_worked_on_and_read_back(session: Session) -> None:
    frame = pd.DataFrame(
        {"city": ["Oslo", "Bern"], "at": pd.date_range("2024", periods=2, tz="Asia/Tokyo"), "n": [1, 2]}
    )
    session.set("frame", frame)
    assert (
        session.run("frame['n'] = frame['n'] * 2\nframe['at'].dt.tz_convert('UTC').dt.day.tolist()").value == "[31, 1]"
    )
    pd.testing.assert_frame_equal(session.get("frame"), frame.assign(n=[2, 4]), check_freq=False)


def test_an_array_is_carried_both_ways(session: Session) -> None:
    session.set("a", np.arange(6).reshape(2, 3))
    session.run("b = a.T * 1.5")
    np.testing.assert_array_equal(session.get("b"), np.arange(6).reshape(2, 3).T * 1.5)


def test_numbers_of_numpy_come_as_numbers(session: Session) -> None:
    session.run("import numpy as np\nx = {'k': [np.int64(3), np.float64(2.5)]}")
    assert session.get("x") == {"k": [3, 2.5]}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = lambda: 1", "function"),
        ("import pandas as pd\nclass Own(pd.DataFrame):\n    pass\nx = Own()", "Own"),
        ("import pandas as pd\nx = pd.Series([{1}])", "astype"),
        ("x = bytes(70_000_000)", "session.files.read"),
        ("import numpy as np\nx = np.zeros(9_000_000)", "session.files.read"),
        ("x = []\nx.append(x)", "nested"),
    ],
)
def test_what_cannot_be_carried_is_said(session: Session, source: str, said: str) -> None:
    assert session.run(source).outcome == "completed"
    with pytest.raises(NotPlain, match=said):
        session.get("x")
    assert session.run("x is not None").value == "True"


def test_a_value_that_the_host_cannot_send_is_refused_before_anything_is_asked(session: Session) -> None:
    for value in (object(), {1: {2}}, pd.Series([pd.Period("2024", "Y")])):
        with pytest.raises(NotPlain, match="'x' cannot be carried"):
            session.set("x", value)


def test_an_array_for_a_policy_without_numpy_is_refused() -> None:
    with Runtime("strict") as runtime, pytest.raises(StoreError, match="does not import numpy"):
        runtime.session().set("x", np.arange(3))


@pytest.mark.parametrize(
    "fetched",
    [
        Fetched("", "numpy.ndarray", ["|O", [1], bytes(8)]),
        Fetched("", "pandas.DataFrame", 3),
        Fetched("", "os.system", "id"),
        Fetched("not_plain", "a\x1b[2Jname\nof two lines", None),
    ],
)
def test_a_worker_that_lies_about_a_value_gets_an_error_in_one_printable_line(fetched: Any) -> None:
    with pytest.raises(SafeCodeActError) as raised:
        value_of("x", fetched)
    assert str(raised.value).isprintable()


def test_an_async_session_carries_the_same() -> None:
    async def main() -> Any:
        async with AsyncRuntime("analysis") as runtime:
            session = await runtime.session()
            await session.set("a", np.arange(3))
            await session.run("a = a + 1")
            return await session.get("a")

    np.testing.assert_array_equal(asyncio.run(main()), [1, 2, 3])
