"""The stand-in for `asyncio`: tasks, waiting and synchronisation on the loop of `guest.modules.event_loop`."""

from __future__ import annotations

import asyncio
from typing import Any

from safe_codeact.guest.modules.event_loop import ActionTask

_ASYNCIO = (
    "run Runner gather sleep wait wait_for as_completed create_task ensure_future shield timeout timeout_at Timeout TaskGroup "
    "current_task all_tasks iscoroutine iscoroutinefunction isfuture Future Lock Event Condition Semaphore BoundedSemaphore Barrier "
    "BrokenBarrierError Queue LifoQueue PriorityQueue QueueEmpty QueueFull QueueShutDown CancelledError InvalidStateError TimeoutError "
    "FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED to_thread wrap_future new_event_loop get_event_loop get_running_loop "
    "set_event_loop AbstractEventLoop coroutine"
)


def asyncio_facade() -> dict[str, Any]:
    return {name: getattr(asyncio, name) for name in _ASYNCIO.split() if hasattr(asyncio, name)} | {"Task": ActionTask}
