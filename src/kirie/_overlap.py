"""Many items through a line of steps, in order, all cores at work and memory bounded.

`overlap` has threads before and after, and whole batches in the middle, in the calling thread: for networks that are faster in
batches, or that use all cores themselves. `each` takes every item through by itself, several at once.

What runs out of memory is tried again with less: a batch in halves, and smaller batches from then on; a single item once more
when the others have given some back. Only then it fails, by itself.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Condition, Lock
from typing import Any, Literal

from ._machine import cores
from .errors import KirieError, OutOfMemory

__all__ = ["Room", "each", "overlap"]

Errors = Literal["raise", "return"]
MOST_WORKERS = 8  # that decode and encode beside a network
TOO_LITTLE = (
    "There is not enough memory for this: close other programs, or make the picture smaller."
)


class Room:
    """Lets in only so much at a time, but anything that comes alone; safe between threads."""

    def __init__(self, most: float) -> None:
        self._most, self._used = most, 0.0
        self._changed = Condition()

    @contextmanager
    def of(self, amount: float) -> Iterator[None]:
        """Wait until there is room, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + amount <= self._most)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


def each(
    sources: Iterable[Any],
    work: Callable[[int, Any], Any],
    *,
    workers: int,
    errors: Errors,
) -> Iterator[Any]:
    """Yield `work(index, source)` for each source, in order; `workers` of them at once.

    Sources are read only a little ahead. A `KirieError` is raised, or yielded in its item's place.
    """
    rest = enumerate(sources)
    alone = Lock()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="kirie")
    pending: deque[Future[Any]] = deque()
    try:
        while True:
            for index, source in islice(rest, 2 * workers - len(pending)):
                pending.append(pool.submit(_patient, alone, work, index, source))
            if not pending:
                return
            yield _result(pending.popleft(), errors)
    finally:
        _end(pool, pending)


def overlap(
    sources: Iterable[Any],
    before: Callable[[Any], Any],
    middle: Callable[[list[Any]], list[Any]],
    after: Callable[[int, Any], Any],
    *,
    batch_size: int,
    errors: Errors,
) -> Iterator[Any]:
    """Yield `after(index, middle(before(source)))` for each source, in order.

    `before` and `after` run in a few threads, `middle` on lists of up to `batch_size` items in the calling thread. What is
    read ahead and what is being finished is bounded, whatever the number of sources. A `KirieError` of one item is raised, or
    yielded in its place, and disturbs no other item; in `middle` it counts for its whole batch.
    """
    workers = max(2, min(MOST_WORKERS, cores()))
    rest = iter(sources)
    alone = Lock()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="kirie")
    ahead: deque[Future[Any]] = deque()
    finishing: deque[Any] = deque()  # futures, and errors in their place
    most = _Most(batch_size)

    def read_on() -> None:
        wanted = max(most.now, workers) - len(ahead)
        for source in islice(rest, max(0, wanted)):
            ahead.append(pool.submit(_patient, alone, before, source))

    try:
        read_on()
        index = 0
        while ahead:
            batch = [ahead.popleft() for _ in range(min(most.now, len(ahead)))]
            read_on()  # decoded while the network runs
            for offset, answer in enumerate(_through(batch, middle, most)):
                failed = isinstance(answer, KirieError)
                item = (alone, after, index + offset, answer)
                finishing.append(answer if failed else pool.submit(_patient, *item))
            index += len(batch)
            # Hold at most a batch of finished pictures back: what was handed on before it is ready by now.
            while len(finishing) > max(most.now, workers):
                yield _result(finishing.popleft(), errors)
        while finishing:
            yield _result(finishing.popleft(), errors)
    finally:
        _end(pool, (*ahead, *(item for item in finishing if isinstance(item, Future))))


class _Most:
    """How many items a batch may have now: half as many each time that memory ran out."""

    def __init__(self, count: int) -> None:
        self.now = count


def _through(
    batch: list[Future[Any]], middle: Callable[[list[Any]], list[Any]], most: _Most
) -> list[Any]:
    """Run one batch through the middle; errors stand in their item's place."""
    places: list[Any] = []
    items = []
    for future in batch:
        try:
            items.append(future.result())
            places.append(None)
        except KirieError as error:
            places.append(error)
    try:
        answers = iter(_halving(middle, items, most) if items else [])
    except KirieError as error:
        return [error if place is None else place for place in places]
    return [next(answers) if place is None else place for place in places]


def _halving(middle: Callable[[list[Any]], list[Any]], items: list[Any], most: _Most) -> list[Any]:
    """The middle's answers; where memory runs out, in halves; the error for an item that does not even fit alone."""
    try:
        return middle(items)
    except (MemoryError, OutOfMemory) as error:
        failed = error if isinstance(error, OutOfMemory) else OutOfMemory(TOO_LITTLE)
    gc.collect()
    if len(items) == 1:
        return [failed]
    half = len(items) // 2
    most.now = max(1, min(most.now, half))
    return _halving(middle, items[:half], most) + _halving(middle, items[half:], most)


def _patient(alone: Lock, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do some work; where memory runs out, once more, while no other thread does so."""
    try:
        return work(*arguments)
    except (MemoryError, OutOfMemory):
        gc.collect()
    with alone:
        try:
            return work(*arguments)
        except MemoryError as error:
            raise OutOfMemory(TOO_LITTLE) from error


def _result(item: Any, errors: Errors) -> Any:
    try:
        return item.result() if isinstance(item, Future) else _raise(item)
    except KirieError as error:
        if errors == "raise":
            raise
        return error


def _raise(error: KirieError) -> Any:
    raise error


def _end(pool: ThreadPoolExecutor, pending: Iterable[Future[Any]]) -> None:
    for future in pending:
        future.cancel()
    pool.shutdown(wait=True, cancel_futures=True)
