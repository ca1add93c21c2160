"""Networks in Hugging Face layout: `config.json` + `model.safetensors`, in a folder or on the hub. Needs the extra hub.

    >>> from kirie.nn import hub
    >>> net = hub.from_pretrained("ZhengPeng7/BiRefNet")             # or a folder
    >>> hub.save_pretrained(net, "folder", card=card)                # kirie.load("folder") needs nothing else
    >>> hub.push_to_hub(net, "me/my-network", card=card)

Weights are read as `load` reads every file; of `config.json` only facts are taken that leave no trace in weights. Python code that
lies in a repository is neither fetched nor run.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from .. import _hub
from .._home import Settings
from ..errors import BadCheckpoint, BadInput
from ..spec import ModelCard
from .checkpoint import load
from .recognise import untraced
from .save import replacing, save

__all__ = ["from_pretrained", "push_to_hub", "save_pretrained"]

SUFFIXES = (".safetensors", ".index.json", ".bin")
CONFIG, WEIGHTS, README = "config.json", "model.safetensors", "README.md"
# Licences that the hub knows by their SPDX ids in lower case.
KNOWN = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0", "agpl-3.0")
# transformers' settings that leave no trace in weights, and the only values with which they mean SegFormer as published.
SEGFORMER = {
    "num_attention_heads": [1, 2, 5, 8],
    "strides": [4, 2, 2, 2],
    "hidden_act": "gelu",
    "reshape_last_stage": True,
}


def from_pretrained(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    scale_inputs: Any = None,
    patch_order: Any = None,
    base_size: tuple[int, int] | None = None,
) -> nn.Module:
    """Load a network from a folder or from the hub.

    Args:
        source: a folder, or `owner/name` of a repository.
        revision: of the repository: a branch, tag or commit.
        scale_inputs: as for `load`, like the other two.
        patch_order: as for `load`.
        base_size: as for `load`.

    Returns:
        The network as `load` returns it; `net.origin.labels` are the classes' names where `config.json` tells them.

    Raises:
        BadCheckpoint: `config.json` or the weights cannot be read, or are not what they should be.
        Offline, FetchFailed: the repository is not here, and may not be, or could not be fetched.
        MissingExtra: huggingface_hub is not installed.
    """
    notes: list[str] = []
    folder = Path(source)
    if not folder.is_dir():
        repository, at = _hub.split(str(source))
        folder = _hub.fetch(
            repository,
            revision=revision or at,
            suffixes=SUFFIXES,
            offline=Settings.read().offline,
            say=notes.append,
        )
    elif revision is not None:
        raise BadInput(f"{folder} is a folder, which has no revisions: leave revision out.")
    config = _hub.config_in(folder)
    path = _hub.files_in(folder, SUFFIXES)[0]
    card = _hub.card_in(config)
    given = {"scale_inputs": scale_inputs, "patch_order": patch_order, "base_size": base_size}
    told = {name: value for name, value in given.items() if value is not None}
    net: Any = load(path, **{**(untraced(card) if card else {}), **told})
    _hub.check_agreement(folder, card, net.origin.card)
    if config.get("auto_map"):
        notes.append("config.json names Python code (auto_map), which is not used")
    net.origin = replace(
        net.origin,
        card=net.origin.card or card,
        licence=card.licence if card else net.origin.licence,
        labels=_labels(config, net.origin, folder),
        notes=(*net.origin.notes, *notes),
    )
    return net


def _labels(config: dict[str, Any], origin: Any, folder: Path) -> tuple[str, ...]:
    """The classes' names, of transformers' SegFormer alone; its other settings must be what the network has."""
    if config.get("model_type") != "segformer":
        return ()
    for name, usual in SEGFORMER.items():
        if config.get(name, usual) != usual:
            raise BadCheckpoint(
                f"{folder / CONFIG} asks for {name}={config[name]!r}, but SegFormer as published, and as kirie has it, is made "
                f"with {usual!r}: its weights would give wrong answers."
            )
    names = config.get("id2label")
    if names is None:
        return ()
    count = origin.options.get("classes")  # None: a card that leaves it at what is usual
    numbers = [str(number) for number in range(len(names))] if isinstance(names, dict) else []
    texts = [names.get(number) for number in numbers]
    plain = all(isinstance(text, str) and text.isprintable() and len(text) < 100 for text in texts)
    if not texts or not plain or count not in (None, len(texts)):
        raise BadCheckpoint(
            f"{folder / CONFIG} does not name the classes of its network ({count}) in id2label: get its files again."
        )
    return tuple(texts)


def save_pretrained(
    net: nn.Module, folder: str | os.PathLike[str], *, card: ModelCard, half: bool = False
) -> Path:
    """Write a network as a folder in Hugging Face layout: `model.safetensors` and `config.json`, both with the card.

    Args:
        net: any network of kirie; it is not changed.
        folder: made where it is missing; files of these two names in it are replaced.
        card: what makes the network's answers right.
        half: store the weights in 16 bits, as `save` does.

    Returns:
        The folder.

    Raises:
        BadInput: the folder cannot be written to, or the card names another network.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {target} cannot be made: {error.strerror or error}.") from error
    save(net, target / WEIGHTS, card=card, half=half)
    content = {
        "architectures": [card.architecture],
        "library_name": "kirie",
        "model_type": "kirie",
        _hub.CARD: json.loads(card.to_json()),
    }
    with replacing(target / CONFIG) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return target


def push_to_hub(
    net: nn.Module,
    repository: str,
    *,
    card: ModelCard,
    private: bool = True,
    half: bool = False,
    message: str = "Upload a network of kirie",
) -> str:
    """Upload a network, with a page that says what it is, to the Hugging Face hub.

    Args:
        net: any network of kirie; it is not changed.
        repository: `owner/name`; made where it is missing. Log in first (`hf auth login`, or HF_TOKEN).
        card: what makes the network's answers right; its licence stands on the page.
        private: whether a repository that is made now is yours alone.
        half: store the weights in 16 bits.
        message: of the commit.

    Returns:
        The commit's address.

    Raises:
        Offline: nothing may leave this computer (KIRIE_OFFLINE).
        FetchFailed: the hub refused, or cannot be reached.
        MissingExtra: huggingface_hub is not installed.
    """
    name, revision = _hub.split(repository)
    if revision is not None:
        raise BadInput(f"{repository} names a revision; give owner/name alone.")
    with tempfile.TemporaryDirectory(prefix="kirie-") as folder:
        save_pretrained(net, folder, card=card, half=half)
        page = Path(folder) / README
        page.write_text(_page(card, name), "utf-8")
        return _hub.push(
            Path(folder), name, private=private, message=message, offline=Settings.read().offline
        )


def _page(card: ModelCard, name: str) -> str:
    """The repository's page, with the facts that the hub reads at its top."""
    commercial = {True: "allowed", False: "not allowed", None: "not stated"}[card.commercial]
    facts = {"library_name": "kirie", "pipeline_tag": "image-segmentation"}
    short = card.licence.lower()
    facts |= {"license": short} if short in KNOWN else {"license": "other"}
    facts |= {} if short in KNOWN else {"license_name": card.licence}
    top = "\n".join(f"{key}: {json.dumps(value)}" for key, value in facts.items())
    sets = "".join(f"- {each}\n" for each in card.training_sets) or "- not stated\n"
    return (
        f"---\n{top}\n---\n\n# {card.title}\n\nFor: {card.task}. Licence of the weights: {card.licence}; commercial use: "
        f"{commercial}.\n\n```\npip install 'kirie[hub,torch]'\nkirie cut photo.jpg -m {_hub.SCHEME}{name}\n```\n\n"
        f"Trained on:\n\n{sets}"
    )
