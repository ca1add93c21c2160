"""Many items through three steps, in order: threads before and after, whole batches in the middle."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Literal

from .errors import KirieError

__all__ = ["overlap"]


def overlap(
    sources: Iterable[Any],
    before: Callable[[Any], Any],
    middle: Callable[[list[Any]], list[Any]],
    after: Callable[[int, Any], Any],
    *,
    batch_size: int,
    errors: Literal["raise", "return"],
) -> Iterator[Any]:
    """Yield `after(index, middle(before(source)))` for each source, in order.

    `before` and `after` run in a few threads, `middle` on lists of up to `batch_size` items in the calling thread.
    At most one batch is read ahead and one is being finished, whatever the number of sources. A `KirieError` of one
    item is raised, or yielded in its place, and disturbs no other item; in `middle` it counts for its whole batch.
    """
    workers = max(2, min(8, os.cpu_count() or 2))
    rest = iter(sources)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="kirie")
    ahead: deque[Future[Any]] = deque()
    finishing: deque[Any] = deque()  # futures, and errors in their place

    def read_on(count: int) -> None:
        ahead.extend(pool.submit(before, source) for source in islice(rest, count))

    def result(item: Any) -> Any:
        try:
            return item.result() if isinstance(item, Future) else _raise(item)
        except KirieError as error:
            if errors == "raise":
                raise
            return error

    try:
        read_on(batch_size)
        index = 0
        while ahead:
            batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
            read_on(batch_size)  # decoded while the network runs
            finishing.extend(_through(batch, middle, after, pool, index))
            index += len(batch)
            # Hold at most a batch of finished pictures back: what was handed on before it is ready by now.
            while len(finishing) > max(batch_size, workers):
                yield result(finishing.popleft())
        while finishing:
            yield result(finishing.popleft())
    finally:
        for future in (*ahead, *(item for item in finishing if isinstance(item, Future))):
            future.cancel()
        pool.shutdown(wait=True, cancel_futures=True)


def _through(
    batch: list[Future[Any]],
    middle: Callable[[list[Any]], list[Any]],
    after: Callable[[int, Any], Any],
    pool: ThreadPoolExecutor,
    start: int,
) -> list[Any]:
    """Run one batch through the middle and hand it to the pool; errors stand in their item's place."""
    places: list[Any] = []
    items = []
    for future in batch:
        try:
            items.append(future.result())
            places.append(None)
        except KirieError as error:
            places.append(error)
    try:
        answers = iter(middle(items) if items else [])
    except KirieError as error:
        return [error if place is None else place for place in places]
    return [
        pool.submit(after, start + offset, next(answers)) if place is None else place
        for offset, place in enumerate(places)
    ]


def _raise(error: KirieError) -> Any:
    raise error
