"""Folders that pictures arrive in: which of them are ready.

It looks again and again, rather than having the system report changes: that works on network shares too, needs no other
package, and whether a file has stopped growing can only be seen by looking twice anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import BadInput
from .plan import Job

__all__ = ["Watcher"]

State = tuple[int, int, int]  # bytes, nanoseconds of the last change, the file's number


class Watcher:
    """Remembers what was seen; each call of `ready` is one look.

    Args:
        scan: plans anew what there is; it may fail, and jobs with errors are left for the next look.
        say: told, once for each, what is wrong.
    """

    def __init__(self, scan: Callable[[], list[Job]], say: Callable[[str], None]) -> None:
        self._scan, self._say = scan, say
        self._seen: dict[str, State] = {}  # at the last look
        self._done: dict[str, State] = {}
        self._said: set[str] = set()

    def ready(self) -> list[Job]:
        """The jobs whose file is new or has changed since it was handed out, and is as it was at the last look."""
        try:
            jobs = self._scan()
        except (BadInput, OSError) as error:
            self._tell(str(error))
            return []
        found, seen = [], {}
        for job in jobs:
            if job.error:
                self._tell(job.error)
                continue
            state = _state(job)
            if state is None or not state[0]:  # gone again, or still empty
                continue
            seen[job.source] = state
            if self._done.get(job.source) != state and self._seen.get(job.source) == state:
                found.append(job)
                self._done[job.source] = state
        self._seen = seen
        self._done = {name: state for name, state in self._done.items() if name in seen}
        return found

    def _tell(self, text: str) -> None:
        if text not in self._said and " holds no pictures" not in text:  # there may be some later
            self._said.add(text)
            self._say(text)


def _state(job: Job) -> State | None:
    try:
        facts = os.stat(job.archive or Path(job.source))  # noqa: PTH116  links are followed
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ino
