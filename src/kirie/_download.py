"""One address → one file on disk, over an unreliable network.

What has come is kept in a `.part` file, so that a transfer that broke off, in this run or an earlier one, goes on where it
stopped (HTTP `Range`; `If-Range` where the server gives a version, so that halves of two versions are never joined).
Passing trouble (a timeout, a connection that breaks, 408, 429, 5xx) is tried again with growing pauses; a place that cannot
be reached at all, and every other answer, fails at once. requests carries the bytes: it knows proxies and certificates.
Whether they are the right ones is for the caller to check.
"""

from __future__ import annotations

import errno
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from .errors import FetchFailed

__all__ = ["Patience", "Transfer", "Unreachable", "host"]

BLOCK = 1 << 18
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
PASSING = (408, 425, 429, 500, 502, 503, 504)
LONGEST_PAUSE = 60.0
PROGRESS = 1 << 20  # so many new bytes make the count of failures start again


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait: seconds for a connection and for the next bytes; tries in a row, and the pause after the first."""

    connect: float = 10.0
    read: float = 30.0
    tries: int = 5
    pause: float = 1.0


class Unreachable(FetchFailed):
    """No connection to the server could be made."""


class Passing(Exception):  # noqa: N818  never leaves this file
    """Trouble that may be over at the next try; `pause` is what the server asks for."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(kw_only=True)
class Transfer:
    """One file that is to be fetched.

    url: where from; http or https.
    part, notes: the file for what has come, and one that says from where.
    size: the bytes that are expected, None where that is not known.
    checked: the result will be checked against a known hash, so what an earlier run left can be tried.
    watch: called with (bytes so far, bytes in all or None).
    """

    url: str
    part: Path
    notes: Path
    size: int | None
    checked: bool
    patience: Patience
    watch: Callable[[int, int | None], None]
    resumed: bool = False  # something of the file is older than this run
    reached: bool = False  # a server has answered in this run

    def run(self) -> None:
        """Fetch until the part is complete.

        Raises:
            FetchFailed: the file is not to be had; the message says why.
        """
        import requests

        failures = 0
        with requests.Session() as session:
            while True:
                before = self._have()
                try:
                    self._once(session)
                except Passing as trouble:
                    failures = 1 if self._have() - before >= PROGRESS else failures + 1
                    if failures >= self.patience.tries:
                        raise FetchFailed(
                            f"{host(self.url)}: {trouble}, {failures} times in a row. What has come is kept: try again "
                            "later, and it goes on from there."
                        ) from trouble
                    pause = self.patience.pause * 2 ** (failures - 1)
                    time.sleep(min(max(pause, trouble.pause), LONGEST_PAUSE))
                else:
                    return

    def discard(self) -> None:
        """Remove what has come."""
        for path in (self.part, self.notes):
            path.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    # --- one try ---------------------------------------------------------------------------------

    def _once(self, session: Any) -> None:
        start, headers = self._resume()
        if start and start == self.size:
            self.resumed = True
            return  # whole already; the hash decides
        with self._answer(session, headers) as response:
            if response.status_code == 416:  # noqa: PLR2004  nothing after what we have: it is another file
                self.discard()
                raise Passing("the server has fewer bytes than an earlier run fetched")
            start, total = self._extent(response, start)
            self._check_room(start, total)
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            self.notes.write_text(json.dumps({"url": self.url, "version": version}), "utf-8")
            self.resumed = self.resumed or start > 0
            self._receive(response, start, total)

    def _resume(self) -> tuple[int, dict[str, str]]:
        """(bytes that can be kept, headers that ask for the rest)."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "kirie"}
        have = self._have()
        noted = self._noted()
        version = noted.get("version", "") if noted.get("url") == self.url else ""
        if version.startswith("W/"):  # a weak version does not promise equal bytes
            version = ""
        too_long = self.size is not None and have > self.size
        if not have or too_long or not (version or self.checked):
            self.discard()
            return 0, headers
        headers["Range"] = f"bytes={have}-"
        if version:
            headers["If-Range"] = version
        return have, headers

    def _noted(self) -> dict[str, str]:
        try:
            noted = json.loads(self.notes.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _answer(self, session: Any, headers: dict[str, str]) -> Any:
        """The server's answer, redirects followed; an error status is raised."""
        import requests

        url = self.url
        for _ in range(MOST_REDIRECTS):
            try:
                response = session.get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(self.patience.connect, self.patience.read),
                )
            except requests.RequestException as error:
                raise self._unanswered(error, url) from error
            self.reached = True
            if response.status_code not in REDIRECTS:
                break
            response.close()
            url = redirected(url, response.headers.get("Location", ""))
        else:
            raise FetchFailed(f"{host(self.url)} redirects without end ({self.url}).")
        if response.status_code in (200, 206, 416):
            return response
        response.close()
        status = f"{response.status_code} {response.reason}".strip()
        if response.status_code in PASSING:
            raise Passing(f"the server answers {status}", _seconds(response))
        raise FetchFailed(f"{host(url)} answers {status} for {self.url}.")

    def _unanswered(self, error: Any, url: str) -> Exception:
        """What a request without an answer means: no network, or trouble that may pass."""
        import requests
        from urllib3.exceptions import NewConnectionError

        if isinstance(error, requests.exceptions.SSLError):
            return FetchFailed(
                f"{host(url)} does not prove its identity (its certificate is not trusted here). Behind a company's "
                "proxy, set REQUESTS_CA_BUNDLE to the company's certificates."
            )
        cause = getattr(error.args[0], "reason", None) if error.args else None
        refused = isinstance(cause, NewConnectionError) or isinstance(
            error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError
        )
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return FetchFailed(f"{url} is not an address that can be fetched.")
        if refused and not self.reached:
            return Unreachable(f"{host(url)} cannot be reached: is there a network?")
        return self._silence(error) or Passing("the connection broke off")

    def _silence(self, error: Any) -> Passing | None:
        """The trouble, where it is a server that says nothing more."""
        import requests
        from urllib3.exceptions import ReadTimeoutError

        if isinstance(error, requests.exceptions.Timeout | ReadTimeoutError):
            return Passing(f"nothing came for {self.patience.read:g} s")
        return None

    def _extent(self, response: Any, start: int) -> tuple[int, int | None]:
        """(where the answer's bytes begin, the whole file's size if it is said)."""
        if response.status_code == 206:  # noqa: PLR2004
            text = response.headers.get("Content-Range", "")
            unit, _, rest = text.partition(" ")
            span, _, total_text = rest.partition("/")
            if unit != "bytes" or span.partition("-")[0] != str(start):
                self.discard()
                raise Passing(f"the server sends another part than it was asked for ({text})")
            total = int(total_text) if total_text.isdigit() else None
        else:
            start = 0  # the whole file, whatever was asked for
            length = response.headers.get("Content-Length", "")
            packed = response.headers.get("Content-Encoding", "identity") != "identity"
            total = int(length) if length.isdigit() and not packed else None
        if None not in (total, self.size) and total != self.size:
            raise FetchFailed(
                f"{host(self.url)} has a file of {total} bytes at {self.url}, but {self.size} are expected: it is "
                "another file, or a page in its place."
            )
        return start, total if total is not None else self.size

    def _check_room(self, start: int, total: int | None) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - start > free:
            raise FetchFailed(
                f"{total - start:,} more bytes are needed in {self.part.parent}, but only {free:,} are free: make "
                "room, or set KIRIE_HOME to a larger disk."
            )

    def _receive(self, response: Any, start: int, total: int | None) -> None:
        from urllib3.exceptions import HTTPError

        have = start
        try:
            with self.part.open("r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                self.watch(have, total)
                # read1 hands over what is there: a full read would lose its beginning when the rest never comes.
                while block := response.raw.read1(BLOCK, decode_content=True):
                    have += len(block)
                    if total is not None and have > total:
                        raise Passing("the server sends more than it announced")
                    file.write(block)
                    self.watch(have, total)
        except HTTPError as error:
            raise self._silence(error) or Passing("the transfer broke off") from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.discard()
                raise FetchFailed(
                    f"The disk of {self.part.parent} is full. What had come was removed again: make room, or set "
                    "KIRIE_HOME to a larger disk."
                ) from error
            raise
        if total is not None and have < total:
            raise Passing("the transfer broke off")


def redirected(url: str, location: str) -> str:
    """Where a redirect leads; never from https to http, and to nothing but these two."""
    target = urljoin(url, location)
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("http", "https")
    if not location or urlsplit(target).scheme not in allowed:
        raise FetchFailed(
            f"{host(url)} redirects to {target or 'nowhere'}, which is not safe to follow."
        )
    return target


def host(url: str) -> str:
    """The server's name, for people."""
    return urlsplit(url).hostname or url


def _seconds(response: Any) -> float:
    """What the server asks to wait; 0 where it does not say, or says it as a date."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdigit() else 0.0
