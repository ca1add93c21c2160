"""What is done to have one card's file: the licence gate, finding, fetching, checking, remembering."""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from . import _home
from ._download import Patience, Transfer, Unreachable, host
from ._home import Home, Settings
from .errors import BadInput, FetchFailed, LicenceRefused, Offline, WeightsCorrupt
from .spec import ModelCard, Weights

__all__ = ["Fetch", "Job"]

TEXT = frozenset(string.printable.encode())


def _nothing(*_: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """How weights may be fetched; what the environment says holds as well.

    offline: never use the network (KIRIE_OFFLINE=1).
    accept_licence: names of models whose licence is accepted, from now on (KIRIE_ACCEPT).
    trust_first_use: take a file whose publisher gives no hash, and check the hash that it has from then on (KIRIE_TRUST
        names the models).
    watch: called with (file, bytes so far, bytes in all or None) while a file comes.
    say: called with a sentence when something begins or turns out otherwise than expected.
    patience: timeouts and retries.
    """

    offline: bool = False
    accept_licence: tuple[str, ...] = ()
    trust_first_use: bool = False
    watch: Callable[[str, int, int | None], None] = _nothing
    say: Callable[[str], None] = _nothing
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        if isinstance(self.accept_licence, str):
            raise BadInput(
                f"accept_licence is {self.accept_licence!r}, but must be a tuple of names: "
                f"({self.accept_licence!r},)."
            )


class Job:
    """One card, in the home folder of now.

    Args:
        card: the model.
        fetch: what may be done.
    """

    def __init__(self, card: ModelCard, fetch: Fetch) -> None:
        self.card, self.fetch = card, fetch
        self.settings = Settings.read()
        self.home = Home(self.settings.home)

    def path(self, weights: Weights) -> Path:
        """Where a file belongs."""
        return self.home.file(self.card.name, weights.file)

    def wait(self) -> None:
        """Say why nothing happens."""
        self.fetch.say(f"{self.card.name}: another process is at its files; waiting for it")

    def check_licence(self) -> None:
        """The gate: weights that may not be used commercially have to be accepted once.

        Raises:
            LicenceRefused: they have not been.
        """
        card = self.card
        if card.commercial is not False:
            return
        if self.home.recall("accepted").get(card.name) == card.licence:
            return
        if not self._among(*self.fetch.accept_licence, *self.settings.accept):
            raise LicenceRefused(
                f"The licence of {card.name} ({card.licence}) does not allow commercial use: see {card.source}. If "
                f"your use is not commercial, say so once: --accept-licence {card.name} (or KIRIE_ACCEPT={card.name}; in Python "
                f"fetch=kirie.Fetch(accept_licence=({card.name!r},)))."
            )
        try:
            self.home.remember("accepted", card.name, card.licence)
        except FetchFailed as error:
            self.fetch.say(f"{card.name}: accepted for this run only. {error}")

    def get(self, weights: Weights) -> Path:
        """The verified file; fetched where it is not here.

        Raises:
            Offline, FetchFailed, WeightsCorrupt: as `weights.locate` says.
        """
        path = self.path(weights)
        if not path.is_file():
            self._may_fetch(weights)
            with self.home.changing(self.card.name, self.wait):
                if not path.is_file():  # another process may have been faster
                    try:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        self._fetch(weights)
                    except OSError as error:
                        raise self.home.unwritable(error) from error
        expected = self.expected(weights)
        if not (expected and _home.stamped(path, expected)):
            self._recheck(path, weights)
        return path

    # --- checking --------------------------------------------------------------------------------

    def expected(self, weights: Weights) -> str:
        """The hash that the file must have, the publisher's or that of its first use; empty if there is none."""
        return weights.hash or self.home.recall("trusted").get(self._key(weights), "")

    def check(self, path: Path, weights: Weights, *, trust: bool = False) -> str:
        """Read a file whole and compare it with what is known of it.

        Args:
            path: the file, in its place or on the way to it.
            weights: what it should be.
            trust: a file with nothing to be compared with is taken as it is.

        Returns:
            Its hash, as `algorithm:hex`.

        Raises:
            WeightsCorrupt: it is something else.
            FetchFailed: there is nothing to compare it with.
        """
        expected = self.expected(weights)
        if not expected and not trust:
            raise self._untrusted(weights)
        size = path.stat().st_size
        if weights.size is not None and size != weights.size:
            raise WeightsCorrupt(
                f"{weights.file} has {size:,} bytes, but {weights.size:,} are expected."
            )
        algorithm = expected.partition(":")[0] or "sha256"
        with path.open("rb") as file:
            if not expected and set(file.read(512)) <= TEXT:
                raise WeightsCorrupt(
                    f"{weights.file} is empty, a text or a web page, not a network: fetch it again."
                )
            file.seek(0)
            found = f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
        if not found.startswith(f"{algorithm}:{weights.begins}"):
            raise WeightsCorrupt(
                f"{weights.file} has the hash {found}, but its publisher's begins with {weights.begins}."
            )
        if expected and found != expected:
            whose = "its publisher's" if weights.hash else "that of its first use here"
            raise WeightsCorrupt(
                f"{weights.file} has the hash {found}, but {expected} is expected, {whose}."
            )
        return found

    def settle(self, weights: Weights, digest: str) -> None:
        """Give a checked part the file's name; where nothing is known of the file, remember its hash."""
        path = self.path(weights)
        part, notes = _home.parts(path)
        if not self.expected(weights):
            self.home.remember("trusted", self._key(weights), digest)
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # a power cut must not leave a name with nothing in it
        part.replace(path)
        notes.unlink(missing_ok=True)
        _home.stamp(path, digest)

    def forget(self, weights: Weights, *, everything: bool) -> None:
        """Remove a file; with `everything` also what is remembered of it."""
        _home.forget(self.path(weights))
        if everything:
            self.home.remember("trusted", self._key(weights), None)

    def _recheck(self, path: Path, weights: Weights) -> None:
        """Check a file that somebody put there, or that has changed."""
        trust = self._trusts()
        known = self.expected(weights)
        try:
            digest = self.check(path, weights, trust=trust)
        except WeightsCorrupt as error:
            again = " --everything" if not weights.hash else ""
            raise WeightsCorrupt(
                f"{error} It is damaged or was replaced: `kirie models remove {self.card.name}{again}`, then get it again."
            ) from error
        if not known:
            self.home.remember("trusted", self._key(weights), digest)
        _home.stamp(path, digest)

    # --- fetching --------------------------------------------------------------------------------

    def _may_fetch(self, weights: Weights) -> None:
        """Refuse at once what cannot succeed, before anything is touched."""
        name, settings = self.card.name, self.settings
        if self.fetch.offline or settings.offline:
            how = "--offline" if self.fetch.offline else "KIRIE_OFFLINE"
            raise Offline(
                f"{name} ({weights.file}) is not on this computer, and nothing may be fetched ({how}). With a network: `kirie models pull "
                f"{name}`; or bring {weights.file} and run `kirie models add {name} {weights.file}`."
            )
        if weights.by_hand and not settings.mirror:
            raise self._by_hand(weights)
        if not self.expected(weights) and not self._trusts():
            raise self._untrusted(weights)

    def _fetch(self, weights: Weights) -> None:
        """Try one place after the other; the lock is held."""
        size, (part, _) = weights.size or weights.about, _home.parts(self.path(weights))
        begun = f", {part.stat().st_size / 1e6:.1f} MB of them here" if part.is_file() else ""
        amount = f" ({size / 1e6:.1f} MB{begun})" if size else ""
        problems: list[FetchFailed | WeightsCorrupt] = []
        silent: set[str] = set()
        for url in self._places(weights):
            if host(url) in silent:
                continue
            if problems:
                self.fetch.say(str(problems[-1]))
            self.fetch.say(f"fetching {weights.file}{amount} from {host(url)}")
            try:
                self._from(url, weights)
            except (FetchFailed, WeightsCorrupt) as error:
                problems.append(error)
                silent |= {host(url)} if isinstance(error, Unreachable) else set()
            else:
                return
        if weights.by_hand:
            problems.append(self._by_hand(weights))
        kind = WeightsCorrupt if isinstance(problems[-1], WeightsCorrupt) else FetchFailed
        raise kind(
            f"{weights.file} could not be fetched. {' '.join(str(problem) for problem in problems)}"
        ) from problems[-1]

    def _from(self, url: str, weights: Weights) -> None:
        """Fetch from one place, check, and give the file its name; a wrong file is not kept."""
        part, notes = _home.parts(self.path(weights))
        transfer = Transfer(
            url=url,
            part=part,
            notes=notes,
            size=weights.size,
            checked=bool(self.expected(weights)),
            patience=self.fetch.patience,
            watch=lambda have, total: self.fetch.watch(weights.file, have, total),
        )
        transfer.run()
        try:
            digest = self.check(part, weights, trust=True)
        except WeightsCorrupt as error:
            transfer.discard()
            if not transfer.resumed:
                raise WeightsCorrupt(f"{host(url)}: {error} Nothing of it was kept.") from error
            self.fetch.say(
                f"{weights.file}: what an earlier run had left does not fit; starting anew"
            )
            transfer.resumed = False
            transfer.run()
            digest = self.check(part, weights, trust=True)
        self.settle(weights, digest)

    def _places(self, weights: Weights) -> Iterator[str]:
        """Where the file may be had: the mirror, laid out as the home folder or flat, then the publisher."""
        mirror, file = self.settings.mirror, quote(weights.file)
        if mirror:
            yield f"{mirror}/{quote(self.card.name)}/{file}"
            if self.expected(weights):  # else a file of that name may be another model's
                yield f"{mirror}/{file}"
        if not weights.by_hand:
            yield weights.url

    # --- words and names -------------------------------------------------------------------------

    def _among(self, *names: str) -> bool:
        return any(name in names for name in (self.card.name, *self.card.aliases))

    def _trusts(self) -> bool:
        return self.fetch.trust_first_use or self._among(*self.settings.trust)

    def _key(self, weights: Weights) -> str:
        return f"{self.card.name}/{weights.file}"

    def _by_hand(self, weights: Weights) -> FetchFailed:
        return FetchFailed(
            f"{weights.file} cannot be fetched by a program: open {weights.url} in a browser, save the file, and run "
            f"`kirie models add {self.card.name} FILE`."
        )

    def _untrusted(self, weights: Weights) -> FetchFailed:
        name = self.card.name
        return FetchFailed(
            f"The publisher gives no hash for {weights.file}, so nobody can tell whether it is the right file. If you trust "
            f"where it comes from ({weights.url}), say --trust-first-use (or KIRIE_TRUST={name}): its hash is then "
            "remembered, and checked from now on."
        )
