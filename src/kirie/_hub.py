"""Models in Hugging Face layout: a folder, or a repository on the hub, with `config.json` beside the weights.

No code of a repository is ever run: of `config.json` only facts are taken, and besides it only the weights are fetched. Fetched files
lie in huggingface_hub's own cache (HF_HOME); HF_ENDPOINT and HF_TOKEN mean what they mean everywhere else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

from .errors import BadCheckpoint, BadInput, FetchFailed, KirieError, MissingExtra, Offline
from .spec import ModelCard

__all__ = [
    "CARD",
    "SCHEME",
    "card_in",
    "check_agreement",
    "config_in",
    "fetch",
    "files_in",
    "push",
    "shards_in",
    "split",
]

SCHEME = "hf://"
CARD = "kirie_card"  # the key of config.json under which save_pretrained puts the card
CONFIG, INDEX = "config.json", "model.safetensors.index.json"
# What a folder's weights are called, in order of preference.
WEIGHTS = ("model.onnx", "model.safetensors", INDEX, "pytorch_model.bin")
LARGEST_JSON = 20_000_000
MOST_SHARDS = 1000
NAME = r"[A-Za-z0-9][\w.-]{0,95}"
REPOSITORY = re.compile(rf"{NAME}/{NAME}")
REVISION = re.compile(
    r"(?!.*\.\.)[A-Za-z0-9][\w./-]{0,199}"
)  # as git allows branches and tags, and less
SHARD = re.compile(r"[A-Za-z0-9][\w.-]*\.safetensors")
PATIENCE = 30  # seconds until an answer


def _nothing(*_: object) -> None:
    """Nobody asks, nobody listens."""


# --- folders ---------------------------------------------------------------------------------------------------------


def files_in(folder: Path, suffixes: tuple[str, ...] = ("",)) -> tuple[Path, ...]:
    """The weights in a folder, the preferred first.

    Args:
        folder: where to look.
        suffixes: what the engine reads.

    Raises:
        BadCheckpoint: there are none.
    """
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    fitting = tuple(path for path in found if path.name.endswith(suffixes))
    if not fitting:
        have = f"has {', '.join(path.name for path in found)}" if found else "has no weights"
        raise BadCheckpoint(
            f"The folder {folder} {have}, but was expected to hold {', '.join(WEIGHTS)}: give the weights file itself."
        )
    return fitting


def config_in(folder: Path) -> dict[str, Any]:
    """What `config.json` says; nothing where there is none.

    Raises:
        BadCheckpoint: it is not a JSON object, or far too large for one of a model.
    """
    path = folder / CONFIG
    return _json(path) if path.is_file() else {}


def card_in(config: dict[str, Any]) -> ModelCard | None:
    """Our own card in a `config.json`; None where it is another tool's."""
    if CARD not in config:
        return None
    return ModelCard.from_json(json.dumps(config[CARD]))


def check_agreement(folder: Path, card: ModelCard | None, own: ModelCard | None) -> None:
    """Refuse a folder whose `config.json` says otherwise than the weights' own card.

    Raises:
        BadCheckpoint: it does.
    """
    if card is not None and own is not None and own.to_json() != card.to_json():
        raise BadCheckpoint(
            f"{folder} says in {CONFIG} otherwise than in its weights file how it is used: save the network again."
        )


def shards_in(index: Path) -> list[Path]:
    """The files that an index names, each once.

    Raises:
        BadCheckpoint: it is no index, or names something else than `.safetensors` files beside it.
    """
    table = _json(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise BadCheckpoint(f"{index.name} is no index of weights: it has no weight_map.")
    names = sorted({str(name) for name in table.values()})
    if strange := [name for name in names if not SHARD.fullmatch(name)]:
        raise BadCheckpoint(
            f"{index.name} names {strange[0][:80]!a}, but an index may only name .safetensors files beside it: nothing was "
            "read."
        )
    if len(names) > MOST_SHARDS:
        raise BadCheckpoint(f"{index.name} names {len(names)} files: that is no network of kirie.")
    return [index.with_name(name) for name in names]


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise BadCheckpoint(
                f"{path} has {path.stat().st_size} bytes, far more than a description of a network: it was not read."
            )
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        what = " ".join(ascii(str(error))[1:-1].split())[:100]
        raise BadCheckpoint(f"{path} is not the JSON that it should be ({what}).") from error
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path} is not the JSON object that it should be.")
    return content


# --- the hub ---------------------------------------------------------------------------------------------------------


def split(address: str) -> tuple[str, str | None]:
    """Repository and revision of `hf://owner/name`, `hf://owner/name@revision`, or either without the scheme.

    Raises:
        BadInput: it is no such address.
    """
    repository, _, revision = address.removeprefix(SCHEME).partition("@")
    if not REPOSITORY.fullmatch(repository) or ".." in repository:
        raise BadInput(
            f"{address!a} is neither a folder nor a model on the Hugging Face hub: those are named owner/name "
            "(hf://owner/name@revision for the command line)."
        )
    return repository, _checked(revision) if revision else None


def _checked(revision: str) -> str:
    if not REVISION.fullmatch(revision):
        raise BadInput(f"{revision!a} is no revision: give a branch, a tag or a commit.")
    return revision


def fetch(
    repository: str,
    *,
    revision: str | None = None,
    suffixes: tuple[str, ...] = ("",),
    offline: bool = False,
    check: Callable[[dict[str, Any]], object] = _nothing,
    say: Callable[[str], object] = _nothing,
) -> Path:
    """The folder of a repository's `config.json` and weights; fetched where they are not in the cache.

    Args:
        repository: `owner/name`.
        revision: a branch, tag or commit.
        suffixes: what the engine reads; one file of weights is fetched.
        offline: take only what is in the cache.
        check: is shown what `config.json` says, and may raise, before the weights are fetched.
        say: is told where the cache has to stand in for the hub.

    Raises:
        MissingExtra: huggingface_hub is not installed, or PyTorch, where the weights need it.
        Offline: it is not in the cache, and nothing may be fetched.
        FetchFailed: it cannot be reached, does not exist, or has no weights that kirie reads.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants, errors
    except ModuleNotFoundError as error:
        raise MissingExtra("hub", "Using models of the Hugging Face hub") from error
    at = _checked(revision) if revision else None
    source = _Source(hub, repository, at, local=offline or constants.HF_HUB_OFFLINE)
    try:
        return _folder(source, suffixes, check)
    except KirieError:
        raise
    except Exception as error:  # its errors and those of what it uses have no common class
        failure = _failure(errors, source.name, error)
        if not isinstance(failure, Offline):
            raise failure from error
        kept = _Source(hub, repository, at, local=True)
        if not any(kept.has(name) for name in WEIGHTS):
            raise failure from error
        say(f"the hub cannot be reached: {source.name} is used as it was fetched before")
        return _folder(kept, suffixes, check)


def _folder(
    source: _Source, suffixes: tuple[str, ...], check: Callable[[dict[str, Any]], object]
) -> Path:
    config = source.file(CONFIG)
    check(config_in(config.parent) if config else {})
    chosen = source.weights(suffixes)
    if not chosen.endswith(".onnx") and util.find_spec("torch") is None:
        raise MissingExtra("torch", f"{source.name} holds a checkpoint ({chosen}): running it")
    path = source.need(chosen)
    rest = [source.need(shard.name) for shard in shards_in(path)] if chosen == INDEX else []
    if {path.parent} != {each.parent for each in (*rest, config or path)}:
        raise FetchFailed(f"{source.name} was changed while it was fetched: try again.")
    return path.parent


def push(folder: Path, repository: str, *, private: bool, message: str, offline: bool) -> str:
    """Upload a folder; the repository is made where it is missing. Returns the commit's address.

    Raises:
        MissingExtra, Offline, FetchFailed: as `fetch`.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants
    except ModuleNotFoundError as error:
        raise MissingExtra("hub", "Uploading to the Hugging Face hub") from error
    if offline or constants.HF_HUB_OFFLINE:
        raise Offline(f"{repository}: nothing may leave this computer while offline.")
    api = hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="kirie")
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    except Exception as error:  # as in fetch
        what = " ".join(ascii(str(error))[1:-1].split())[:200] or type(error).__name__
        raise FetchFailed(
            f"{repository} could not be uploaded: {what}. Logging in is `hf auth login`."
        ) from error
    return str(done.commit_url)


class _Source:
    """A repository at a revision, on the hub or, with `local`, in the cache alone."""

    def __init__(self, hub: Any, repository: str, revision: str | None, *, local: bool) -> None:
        self.name = f"{repository} at {revision}" if revision else repository
        self._hub, self._repository, self._revision, self._local = hub, repository, revision, local
        self._endpoint = os.environ.get("HF_ENDPOINT") or None  # as it is now
        self._there: set[str] | None = None

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        if self._local:
            return self._cached(name) is not None
        if self._there is None:
            api = self._hub.HfApi(endpoint=self._endpoint, library_name="kirie")
            info = api.model_info(self._repository, revision=self._revision, timeout=PATIENCE)
            self._there = {sibling.rfilename for sibling in info.siblings or ()}
        return name in self._there

    def file(self, name: str) -> Path | None:
        """Where the file lies now; None where there is none."""
        return self.need(name) if self.has(name) else None

    def need(self, name: str) -> Path:
        """Where the file lies now."""
        return Path(
            self._hub.hf_hub_download(
                self._repository,
                name,
                revision=self._revision,
                endpoint=self._endpoint,
                library_name="kirie",
                local_files_only=self._local,
            )
        )

    def weights(self, suffixes: tuple[str, ...]) -> str:
        """Which file holds the weights."""
        names = [name for name in WEIGHTS if name.endswith(suffixes)]
        for name in names:
            if self.has(name):
                return name
        if self._local:
            raise Offline(
                f"{self.name} is not on this computer, and nothing may be fetched: use it once with a network, or bring its "
                "folder and give that."
            )
        raise FetchFailed(
            f"{self.name} has none of {', '.join(names)}: look at its files on the hub, fetch the weights yourself, and give "
            "that file."
        )

    def _cached(self, name: str) -> Path | None:
        try:
            return self.need(name)
        except FileNotFoundError:  # among others, the library's own for what is not in its cache
            return None


def _failure(errors: Any, name: str, error: Exception) -> FetchFailed | Offline:
    """What went wrong, as a sentence of ours."""
    if isinstance(error, errors.GatedRepoError):
        return FetchFailed(
            f"{name} asks you to accept its terms first: do so on its page on the hub, and log in here (`hf auth login`)."
        )
    if isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError):
        return FetchFailed(
            f"There is no {name} on the hub, or it is private: check its name, or log in (`hf auth login`)."
        )
    what = " ".join(ascii(str(error))[1:-1].split())[:200] or type(error).__name__
    if isinstance(error, errors.HfHubHTTPError) and not isinstance(error, FileNotFoundError):
        return FetchFailed(f"{name} could not be fetched from the hub: {what}.")
    return Offline(
        f"{name} is not on this computer, and the hub cannot be reached ({what}): use it once with a network, or bring its "
        "folder and give that."
    )
