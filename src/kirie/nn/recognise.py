"""Named tensors → which network they are: by the file's card, else by names and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BadCheckpoint, BadInput, KirieError
from ..spec import ModelCard
from .build import ARCHITECTURES, FAMILIES, build, resolve
from .layers import published, rename

__all__ = ["COUNTER", "Match", "check_options", "misfit", "recognise", "without_prefixes"]

Shapes = Mapping[str, tuple[int, ...]]

# What training tools put in front of names, or between their parts.
WRAPPED_BY = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
PREFIXES = ("module", "model", "net", "network", "ema_model", "ema", "student", "generator")
# Counters that profilers and weight averaging leave in a checkpoint; no network has them.
LEFTOVERS = ("total_ops", "total_params", "n_averaged")
COUNTER = (
    "num_batches_tracked"  # counts training steps; without influence, and absent from old files
)
SHOWN = 4  # names in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The network that fits a file best, and what does not fit.

    names: the file's name → our name, for every tensor.
    shapes: what the network expects, by our names.
    missing, misshaped: our names; unexpected: names of the file.
    """

    architecture: str
    arguments: dict[str, Any]
    names: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    by_card: bool = False
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[str, ...] = ()
    score: int = field(default=0, repr=False)

    @property
    def family(self) -> str:
        """The family's name."""
        return ARCHITECTURES[self.architecture].family

    @property
    def exact(self) -> bool:
        """Whether every tensor has its place."""
        return not (self.missing or self.unexpected or self.misshaped)


# --- names -----------------------------------------------------------------------------------------------------------


def without_prefixes(
    tensors: Mapping[str, Tensor], notes: list[str], file: str
) -> dict[str, Tensor]:
    """Take off what training tools put around names, as often as it is there.

    Raises:
        BadCheckpoint: two tensors would get the same name.
    """
    named = {
        ".".join(part for part in name.split(".") if part not in WRAPPED_BY): tensor
        for name, tensor in tensors.items()
        if name.rpartition(".")[2] not in LEFTOVERS
    }
    taken: list[str] = [
        wrapper for wrapper in WRAPPED_BY if any(wrapper in name for name in tensors)
    ]
    while prefix := _prefix(named):
        taken.append(prefix)
        shorter = {name.removeprefix(prefix + "."): tensor for name, tensor in named.items()}
        if len(shorter) < len(named):
            named = {}
            break
        named = shorter
    if len(named) < sum(name.rpartition(".")[2] not in LEFTOVERS for name in tensors):
        raise BadCheckpoint(
            f"{file} holds some weights twice, under names with different prefixes: keep one of the two."
        )
    if taken:
        notes.append(f"prefixes taken off: {', '.join(f'{part}.' for part in taken)}")
    return named


def _prefix(names: Iterable[str]) -> str:
    """The first part that all names share, or a known prefix that nearly all have; empty if there is none."""
    names = list(names)
    firsts = [name.partition(".")[0] for name in names if "." in name]
    if not firsts:
        return ""
    most, count = Counter(firsts).most_common(1)[0]
    share = count / len(names)
    return most if share == 1 or (share > 0.9 and most in PREFIXES) else ""


# --- networks --------------------------------------------------------------------------------------------------------


def recognise(tensors: Mapping[str, Tensor], card: ModelCard | None, file: str) -> Match:
    """Find the network that a file's tensors belong to, or the nearest one.

    Args:
        tensors: by the file's names, prefixes taken off.
        card: the file's own, if any; its word counts.
        file: the file's name, for messages.

    Raises:
        BadCheckpoint: no family has such names, or the card names a network that does not exist.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if card is not None:
        return _by_card(shapes, card, file)
    found: list[Match] = []
    for family in FAMILIES.values():
        if not family.guesses:
            continue
        ours = _our_names(shapes, family.keys)
        renamed = {ours[name]: shape for name, shape in shapes.items()}
        for architecture, arguments in resolve(family.guesses)(renamed):
            found.append(_compare(shapes, ours, architecture, arguments))
    best = max(found, key=lambda match: match.score)
    known = len(shapes) - len(best.unexpected)
    if not known or 2 * known < len(shapes):
        titles = ", ".join(family.title for family in FAMILIES.values())
        raise BadCheckpoint(
            f"{file} holds no network that kirie knows: its tensors are named {_list(shapes)}; known families: "
            f"{titles}. A network of kirie's own is recognised by the card in its .safetensors file."
        )
    return best


def _by_card(shapes: Shapes, card: ModelCard, file: str) -> Match:
    row = ARCHITECTURES.get(card.architecture)
    if row is None:
        raise BadCheckpoint(
            f"{file} holds the network {card.architecture!r}, which this kirie does not know "
            f"({', '.join(ARCHITECTURES)}): upgrade kirie."
        )
    # JSON has lists where the constructors take tuples.
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in card.arguments.items()}
    ours = _our_names(shapes, FAMILIES[row.family].keys)
    try:
        return _compare(shapes, ours, card.architecture, arguments, by_card=True)
    except (KirieError, TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        raise BadCheckpoint(
            f"The card in {file} asks for {card.architecture} with {arguments}, which cannot be built ({error}): "
            "export the model again."
        ) from error


def _our_names(names: Iterable[str], keys: str) -> dict[str, str]:
    table: Mapping[str, str] = resolve(keys) if keys else {}
    return {name: rename(name, table) for name in names}


def _compare(
    shapes: Shapes,
    ours: dict[str, str],
    architecture: str,
    arguments: dict[str, Any],
    *,
    by_card: bool = False,
) -> Match:
    with torch.device("meta"):  # no memory, no random numbers
        expected = _shapes(build(architecture, **arguments))
    have = {ours[name]: shape for name, shape in shapes.items()}
    equal = [name for name in have if expected.get(name) == have[name]]
    return Match(
        architecture=architecture,
        arguments=arguments,
        names=ours,
        shapes=expected,
        by_card=by_card,
        missing=tuple(n for n in expected if n not in have and not n.endswith(COUNTER)),
        unexpected=tuple(name for name in shapes if ours[name] not in expected),
        misshaped=tuple(n for n in have if n in expected and expected[n] != have[n]),
        score=len(equal),
    )


def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


# --- words -----------------------------------------------------------------------------------------------------------


def misfit(match: Match, tensors: Mapping[str, Tensor], file: str) -> str:
    """Say shortly how a file differs from the network that is nearest to it, in published names."""
    keys = FAMILIES[match.family].keys
    table: Mapping[str, str] = resolve(keys) if keys else {}
    own = {ours: theirs for theirs, ours in match.names.items()}
    parts = []
    if match.missing:
        style = any(theirs != ours for theirs, ours in match.names.items())
        names = [published(name, table) if style else name for name in match.missing]
        parts.append(f"{len(names)} missing ({_list(names)})")
    if match.unexpected:
        parts.append(f"{len(match.unexpected)} unexpected ({_list(match.unexpected)})")
    if match.misshaped:
        shown = [
            f"{own[name]} is {_size(tensors[own[name]].shape)} instead of {_size(match.shapes[name])}"
            for name in match.misshaped
        ]
        parts.append(f"{len(shown)} of another shape ({_list(shown)})")
    what = "by its card" if match.by_card else "nearest to"
    return (
        f"{file} is {what} {match.architecture}, but does not fit it: {'; '.join(parts)}. Nothing was loaded: use "
        "the complete file of an unchanged network."
    )


def _list(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _size(shape: Iterable[int]) -> str:
    return "×".join(str(n) for n in shape) or "a single number"


def check_options(options: Mapping[str, Any], match: Match, file: str) -> None:
    """Refuse options of `load` that do not apply to the family that a file holds."""
    family = FAMILIES[match.family]
    for name, value in options.items():
        if value is not None and name not in family.options:
            raise BadInput(
                f"{name} does not apply to {file}: it holds {match.architecture}, and {family.title} has no such "
                "option. Leave it out."
            )
