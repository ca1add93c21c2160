"""Every error that kirie raises on purpose.

    KirieError
    ├── BadInput            a picture that cannot be read, or an option that makes no sense
    │   └── TooLarge        a picture over the pixel limit
    ├── UnknownModel        no card, and no file, of that name
    ├── BadCheckpoint       a weights file that is not what it should be
    │   └── WeightsCorrupt  a weights file whose hash or size is wrong
    ├── MissingExtra        an optional dependency is not installed
    ├── OutOfMemory         a picture, or a batch of them, needs more memory than there is
    ├── DeviceUnavailable   the asked-for device or engine cannot be used here
    ├── FetchFailed         weights that could not be fetched, checked or stored
    ├── LicenceRefused      weights whose licence has not been accepted
    └── Offline             something must be fetched while offline

Each message says what happened, what was expected and what to do, in one sentence or two, and is meant
to be shown to a user as it stands.
"""

from __future__ import annotations

__all__ = [
    "BadCheckpoint",
    "BadInput",
    "DeviceUnavailable",
    "FetchFailed",
    "KirieError",
    "LicenceRefused",
    "MissingExtra",
    "Offline",
    "OutOfMemory",
    "TooLarge",
    "UnknownModel",
    "WeightsCorrupt",
]


class KirieError(Exception):
    """Base of all errors that kirie raises on purpose; the message can be shown as it is."""


class BadInput(KirieError):  # noqa: N818  a public name of the design; reads better without the suffix
    """A picture cannot be read or written, or an argument is outside its range."""


class TooLarge(BadInput):
    """A picture has more pixels than the limit allows; it was not decoded."""


class UnknownModel(KirieError):  # noqa: N818
    """A model name that no card has, and no file either."""


class BadCheckpoint(KirieError):  # noqa: N818
    """A weights file cannot be read, or does not fit the network that it should fill."""


class WeightsCorrupt(BadCheckpoint):
    """A weights file has another hash or size than its card says."""


class MissingExtra(KirieError):  # noqa: N818
    """An optional dependency is needed and absent; the message holds the pip command."""

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(
            f"{purpose} needs an optional part that is not installed: pip install 'kirie[{extra}]'"
        )


class OutOfMemory(KirieError):  # noqa: N818
    """What was to be done at once needs more memory than there is."""


class DeviceUnavailable(KirieError):  # noqa: N818
    """The asked-for engine or device cannot be used on this machine."""


class FetchFailed(KirieError):  # noqa: N818
    """A weights file could not be fetched, has nothing to be checked against, or cannot be stored."""


class LicenceRefused(KirieError):  # noqa: N818
    """The weights' licence restricts their use and has not been accepted."""


class Offline(KirieError):  # noqa: N818
    """Something would have to be fetched, and fetching is switched off."""
