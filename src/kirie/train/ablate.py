"""`--ablate`: the same training with every combination of some settings, and one table of what came of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ..errors import BadInput
from . import machine, state, validate
from .loop import Outcome, train
from .progress import Progress, duration
from .run import Plan
from .settings import combinations, with_settings

__all__ = ["ablate", "table"]

MOST = 256  # combinations
Done = dict[tuple[str, ...], Outcome]


def ablate(plan: Plan, ablations: Sequence[str], progress: Progress) -> bool:
    """Train every combination in a folder of its own below `plan.out`; True when all are finished, False when interrupted.

    With `plan.resume`, finished ones are left as they are, and the one that was interrupted goes on.
    Writes table.md and table.json after each.

    Args:
        plan: what all have in common.
        ablations: `field=a,b`, each.
        progress: where to say how far it is.

    Raises:
        BadInput: an ablation makes no sense, or there are too many combinations.
    """
    chosen = list(combinations(ablations))
    if len(chosen) > MOST:
        raise BadInput(f"That makes {len(chosen)} trainings, but at most {MOST} are done in a row.")
    recipes = {each: with_settings(plan.recipe, each) for each in chosen}  # all are valid, or none
    done: Done = {}
    for number, (settings, recipe) in enumerate(recipes.items(), 1):
        out = plan.out / folder_name(settings)
        ended = _ended(out) if plan.resume else None
        if ended is None:
            progress.line(f"{number} of {len(chosen)}: {', '.join(settings)}")
            going_on = plan.resume and (out / state.FILE).exists()
            own = replace(plan, recipe=recipe, out=out, resume=going_on)
            ended = train(own, progress)
            if not ended.finished:
                return False
        done[settings] = ended
        if machine.rank() == 0:
            _write(plan, done)
    progress.line(table(plan, done))
    return True


def folder_name(settings: Sequence[str]) -> str:
    """A folder's name of some settings, for any file system."""
    return re.sub(r"[^\w.=+-]+", "-", ",".join(settings).replace(",", "+"))


def _ended(out: Path) -> Outcome | None:
    path = out / "result.json"
    if not path.is_file():
        return None
    try:
        return Outcome(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read: remove it to train that one again.") from error


def _write(plan: Plan, done: Done) -> None:
    (plan.out / "table.md").write_text(table(plan, done) + "\n", encoding="utf-8")
    rows = [
        {"settings": dict(s.split("=", 1) for s in settings), **asdict(outcome)}
        for settings, outcome in done.items()
    ]
    (plan.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def table(plan: Plan, done: Done) -> str:
    """Markdown: a row for each combination, the best first; its settings, its best validation, loss and time."""
    fields = [setting.split("=", 1)[0] for setting in next(iter(done))]
    names = validate.names(plan.recipe) if any(o.scores for o in done.values()) else ()
    head = [*fields, *names, "loss", "best update", "updates", "time"]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    more = validate.METRICS[plan.recipe.metric][2]

    def order(item: tuple[tuple[str, ...], Outcome]) -> float:
        if not names:
            return item[1].loss
        value = item[1].scores.get(names[0], float("nan"))
        return -value if more else value

    for settings, outcome in sorted(done.items(), key=order):
        cells = [setting.split("=", 1)[1] for setting in settings]
        cells += [f"{outcome.scores.get(name, float('nan')):.4f}" for name in names]
        cells += [f"{outcome.loss:.4f}", str(outcome.best_update), str(outcome.updates)]
        lines.append(f"| {' | '.join([*cells, duration(outcome.seconds)])} |")
    return "\n".join(lines)
