"""Named tensors → which network they are: by the file's card, else by names and shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from ..errors import BadCheckpoint, BadInput, KirieError
from ..spec import ModelCard
from .build import ARCHITECTURES, FAMILIES, construct, resolve
from .layers import outlined
from .layouts import Layout

__all__ = [
    "COUNTER",
    "Match",
    "compare",
    "difference",
    "misfit",
    "recognise",
    "settled",
    "untraced",
    "without_prefixes",
]

# What training tools put in front of names, or between their parts.
WRAPPED_BY = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
PREFIXES = ("module", "model", "net", "network", "ema_model", "ema", "student", "generator")
# Counters that profilers and weight averaging leave in a checkpoint; no network has them.
LEFTOVERS = ("total_ops", "total_params", "n_averaged")
# Networks that a training checkpoint holds beside the one that is trained, and what they are.
COMPANIONS = {"gt_encoder": "the ground-truth encoder of IS-Net's training"}
COUNTER = (
    "num_batches_tracked"  # counts training steps; without influence, and absent from old files
)
SHOWN = 4  # names in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The network that fits a file best, and what does not fit.

    layout: the way in which the file spells the network's tensors.
    names: the file's name, halves joined → our name, for every tensor that something reads.
    shapes: what the network expects, by our names.
    assumed: which of the arguments leave no trace in the file.
    missing, misshaped: our names; unexpected: names of the file.
    """

    architecture: str
    arguments: dict[str, Any]
    layout: Layout
    names: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    assumed: dict[str, Any] = field(default_factory=dict)
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
    def backbone(self) -> str | None:
        """The backbone's name, where the network has one to choose."""
        arguments = {**ARCHITECTURES[self.architecture].arguments, **self.arguments}
        return arguments.get("backbone")

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
    kept = [name for name in tensors if name.rpartition(".")[2] not in LEFTOVERS]
    named = {
        ".".join(part for part in name.split(".") if part not in WRAPPED_BY): tensors[name]
        for name in kept
    }
    taken: list[str] = [
        wrapper for wrapper in WRAPPED_BY if any(wrapper in name for name in tensors)
    ]
    count = len(kept)
    while len(named) == count:
        named = _alone(named, notes)
        count, prefix = len(named), _prefix(named)
        if not prefix:
            break
        taken.append(prefix)
        named = {name.removeprefix(prefix + "."): tensor for name, tensor in named.items()}
    else:
        raise BadCheckpoint(
            f"{file} holds some weights twice, under names with different prefixes: keep one of the two."
        )
    if taken:
        notes.append(f"prefixes taken off: {', '.join(f'{part}.' for part in taken)}")
    return named


def _alone(named: dict[str, Tensor], notes: list[str]) -> dict[str, Tensor]:
    """The network without what was trained beside it; such a companion by itself is a network like any other."""
    beside = Counter(name.partition(".")[0] for name in named)
    beside = Counter({first: count for first, count in beside.items() if first in COMPANIONS})
    if not beside or beside.total() == len(named):
        return named
    for first, count in beside.items():
        notes.append(f"left out: {first}.* ({count} tensors), {COMPANIONS[first]}")
    return {name: v for name, v in named.items() if name.partition(".")[0] not in beside}


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
    if card is not None:
        return _by_card(tensors, card, file)
    found: list[Match] = []
    for family in FAMILIES.values():
        if not family.guesses:
            continue
        for layout in family.published():
            renamed = {layout.rename(k): shape for k, shape in layout.shapes(tensors).items()}
            for architecture, arguments, *likely in resolve(family.guesses)(renamed):
                assumed = {**layout.assumed, **(likely[0] if likely else {})}
                every = {**arguments, **assumed, **layout.arguments}
                net = _bare(architecture, every)
                match = compare(tensors, layout, net, architecture, every)
                found.append(replace(match, assumed=assumed))
    best = max(found, key=lambda match: (match.exact, match.score))
    known = len(best.names) - len(best.unexpected)
    if not known or 2 * known < len(best.names):
        titles = ", ".join(family.title for family in FAMILIES.values())
        raise BadCheckpoint(
            f"{file} holds no network that kirie knows: its tensors are named {_list(tensors)}; known families: "
            f"{titles}. A network of kirie's own is recognised by the card in its .safetensors file."
        )
    return best


def _by_card(tensors: Mapping[str, Tensor], card: ModelCard, file: str) -> Match:
    row = ARCHITECTURES.get(card.architecture)
    if row is None:
        raise BadCheckpoint(
            f"{file} holds the network {card.architecture!r}, which this kirie does not know "
            f"({', '.join(ARCHITECTURES)}): upgrade kirie."
        )
    # JSON has lists where the constructors take tuples.
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in card.arguments.items()}
    layouts = FAMILIES[row.family].published()
    try:
        net = _bare(card.architecture, arguments)
        found = [compare(tensors, each, net, card.architecture, arguments) for each in layouts]
        return replace(max(found, key=lambda match: match.score), by_card=True)
    except (KirieError, TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
        raise BadCheckpoint(
            f"The card in {file} asks for {card.architecture} with {arguments}, which cannot be built ({error}): "
            "export the model again."
        ) from error


def _bare(architecture: str, arguments: dict[str, Any]) -> nn.Module:
    """The network without its numbers: it takes no memory."""
    with outlined():
        return construct(architecture, arguments)


def compare(
    tensors: Mapping[str, Tensor],
    layout: Layout,
    net: nn.Module,
    name: str,
    arguments: dict[str, Any],
) -> Match:
    """What a file, read in this layout, has in common with a network of that name, and what not."""
    expected = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    shapes = layout.shapes(tensors)
    ours = {theirs: layout.rename(theirs) for theirs in shapes}
    have = {ours[theirs]: shape for theirs, shape in shapes.items()}
    return Match(
        architecture=name,
        arguments=arguments,
        layout=layout,
        names=ours,
        shapes=expected,
        missing=tuple(
            key
            for key in expected
            if key not in have and not key.endswith(COUNTER) and layout.has(key)
        ),
        unexpected=tuple(theirs for theirs in shapes if ours[theirs] not in expected),
        misshaped=tuple(key for key in have if key in expected and expected[key] != have[key]),
        score=sum(expected.get(key) == shape for key, shape in have.items()),
    )


# --- words -----------------------------------------------------------------------------------------------------------


def misfit(match: Match, tensors: Mapping[str, Tensor], file: str) -> str:
    """Say shortly how a file differs from the network that is nearest to it, in published names."""
    what = "by its card" if match.by_card else "nearest to"
    named = match.architecture
    if match.backbone and "backbone" not in ARCHITECTURES[named].arguments:
        named += f" with {match.backbone}"
    return (
        f"{file} is {what} {named}, but does not fit it: {difference(match, tensors)}. Nothing was "
        "loaded: use the complete file of an unchanged network."
    )


def difference(match: Match, tensors: Mapping[str, Tensor]) -> str:
    """What is missing, unexpected and of another shape, in published names."""
    found = match.layout.shapes(tensors)
    own = {ours: theirs for theirs, ours in match.names.items()}
    parts = []
    if match.missing:
        style = any(theirs != ours for theirs, ours in match.names.items())
        names = [match.layout.published(name) if style else name for name in match.missing]
        parts.append(f"{len(names)} missing ({_list(names)})")
    if match.unexpected:
        parts.append(f"{len(match.unexpected)} unexpected ({_list(match.unexpected)})")
    if match.misshaped:
        shown = [
            f"{own[name]} is {_size(found[own[name]])} instead of {_size(match.shapes[name])}"
            for name in match.misshaped
        ]
        parts.append(f"{len(shown)} of another shape ({_list(shown)})")
    return "; ".join(parts)


def _list(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _size(shape: Iterable[int]) -> str:
    return "×".join(str(n) for n in shape) or "a single number"


def untraced(card: ModelCard) -> dict[str, Any]:
    """Those of a card's arguments that leave no trace in a file: options of `load`."""
    row = ARCHITECTURES.get(card.architecture)
    names = FAMILIES[row.family].options if row else ()
    # JSON has lists where the options are tuples.
    told = {name: card.arguments[name] for name in names if name in card.arguments}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}


def settled(
    match: Match, options: Mapping[str, Any], tensors: Mapping[str, Tensor], file: str
) -> Match:
    """The match with the options that the caller of `load` gives.

    Raises:
        BadInput: an option that does not apply to what the file holds, or contradicts it.
    """
    given = {name: value for name, value in options.items() if value is not None}
    family = FAMILIES[match.family]
    for name in given:
        if name not in family.options or not (match.by_card or name in match.arguments):
            raise BadInput(
                f"{name} does not apply to {file}: it holds {match.architecture}, and {family.title} has no such "
                "option, or this variant has no use for it. Leave it out."
            )
    if not given:
        return match
    arguments = {**match.arguments, **given}
    fitting = compare(
        tensors,
        match.layout,
        _bare(match.architecture, arguments),
        match.architecture,
        arguments,
    )
    if match.exact and not fitting.exact:
        told = ", ".join(f"{name}={match.arguments.get(name)!r}" for name in given)
        raise BadInput(
            f"The weights in {file} are for {told}, and cannot be used otherwise: leave the option out."
        )
    said = {k: v for k, v in given.items() if match.by_card or k in match.assumed}
    return replace(fitting, by_card=match.by_card, assumed={**match.assumed, **said})
