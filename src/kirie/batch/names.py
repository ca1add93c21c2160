"""Names of results from a template: `{stem}-{model}{ext}`, `{made}/{n:04}{ext}`.

Only these fields, and a width for the number; nothing of a template is run.
"""

from __future__ import annotations

import re
from pathlib import PurePath, PurePosixPath

from ..errors import BadInput

__all__ = ["FIELDS", "Template"]

FIELDS = {
    "stem": "the input's name without its ending",
    "suffix": "the input's ending, without its dot",
    "ext": "the result's ending, with its dot",
    "made": "what is made: cutout, mask, …",
    "model": "the model's name",
    "n": "the input's number, from 1; {n:04} writes 0001",
}
FIELD = re.compile(r"\{(\w*)(?::(0?\d{1,2}))?\}")


class Template:
    """A name with fields.

    Args:
        text: as the user gave it; the result's ending is added where it has no `{ext}`.

    Raises:
        BadInput: an unknown field, a name that leads elsewhere, or none at all.
    """

    def __init__(self, text: str) -> None:
        self.text = text if "{ext}" in text else text + "{ext}"
        for name, width in FIELD.findall(self.text):
            if name not in FIELDS or (width and name != "n"):
                known = ", ".join(f"{{{field}}}" for field in FIELDS)
                raise BadInput(f"The name {text!r} has the field {{{name}}}, but can have {known}.")
        rest = FIELD.sub("", self.text)
        if "{" in rest or "}" in rest or not text.strip():
            raise BadInput(
                f"The name {text!r} is no template: write fields as {{stem}} or {{n:04}}."
            )
        self._check(PurePosixPath(FIELD.sub("x", self.text)), text)

    def fill(self, source: str, *, ext: str, made: str, model: str, n: int) -> PurePath:
        """The name of one result, relative to its folder."""
        path = PurePosixPath(source.replace("\\", "/"))
        values = {
            "stem": path.stem,
            "suffix": path.suffix[1:],
            "ext": ext,
            "made": made,
            "model": re.sub(r"[^\w.+-]+", "-", model),
        }

        def one(match: re.Match[str]) -> str:
            name, width = match.groups()
            return format(n, width or "") if name == "n" else values[name]

        found = PurePosixPath(FIELD.sub(one, self.text))
        self._check(found, self.text)
        if found.name == ext or not found.name:
            raise BadInput(f"The name {self.text!r} is empty for {source}: give it a fixed part.")
        return PurePath(*found.parts)

    @staticmethod
    def _check(path: PurePosixPath, text: str) -> None:
        if path.is_absolute() or ".." in path.parts or "\0" in text:
            raise BadInput(
                f"The name {text!r} leads out of the output folder: leave out / and .. at its start."
            )
