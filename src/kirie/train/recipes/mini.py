"""kirie-mini, the embedded model: a few hours on two CPU cores.

    python scripts/synthesise.py MADE
    kirie train kirie-mini --data DATA --data MADE --val-split 0.1 --out OUT

DATA holds train/, cutouts/ and backgrounds/; MADE drawn subjects and scenes. More than half of the pictures are cutouts laid on
backgrounds, on parts of other photos and on drawn scenes; two fifths of the cutouts are drawn, of kinds that the photos lack.

Expected: two and a half to four hours on two cores without bfloat16. Scores: docs/models/kirie-mini.md. Small pictures first: most of what
the network must learn can be seen at 128², at a quarter of the cost.
"""

from __future__ import annotations

from ... import zoo
from ..recipe import Phase, Recipe

__all__ = ["MINI"]

CARD = zoo.get("kirie-mini")

# Backgrounds that show something one might call a subject (looked at, one by one): people, cars, a satellite, a tower,
# one fruit in a hand. Good to lay cutouts on, wrong as examples of "no subject".
WITH_SUBJECT = (
    "budgie_blue-periwinkle", "budgie_cave-opening", "budgie_extreme-desert", "budgie_high-trestle",
    "budgie_midsummer", "budgie_piazza", "budgie_roman", "budgie_spiral", "budgie_tunnel", "budgie_valley-coral",
    "ccpbg_0033", "ccpbg_0051", "ccpbg_0054", "ccpbg_0056", "ccpbg_0081", "ccpbg_0083", "ccpbg_0087", "ccpbg_0142",
    "ccpbg_0143", "ccpbg_0179", "ccpbg_0190", "ccpbg_0191", "ccpbg_0204", "ccpbg_0230", "ccpbg_0237", "ccpbg_0272",
    "ccpbg_0279", "ccpbg_0369", "ccpbg_0374", "ccpbg_0385", "ccpbg_0432", "ccpbg_0436", "ccpbg_0443", "ccpbg_0421",
    "ccpbg_046", "ccpbg_0477", "ccpbg_0478", "ccpbg_0555", "ccpbg_0565", "ccpbg_0661", "ccpbg_0807", "ccpbg_0809",
    "ccpbg_0864", "ccpbg_0871", "ccpbg_0877", "ccpbg_0936", "ccpbg_0953", "ccpbg_0916", "ccpbg_0920", "ccpbg_0430",
    "elem_Photo-by-SpaceX", "elem_Sunset-by-the-Pier",
    "groc_004", "groc_017", "groc_025", "groc_045", "groc_050", "groc_053",
    "petbg_Abyssinian_105", "petbg_Abyssinian_125", "petbg_Abyssinian_29", "petbg_Abyssinian_32", "petbg_Abyssinian_37",
    "petbg_Bengal_105", "petbg_Bengal_117", "petbg_Bengal_2", "petbg_Bengal_34", "petbg_Bengal_41", "petbg_Bengal_8",
    "petbg_Bengal_86", "petbg_Bengal_85", "petbg_Bengal_73", "petbg_Bengal_9",
    # of the bulldogs' backgrounds many show furniture, balls, cakes or plants; none is used as empty
    "petbg_american",
)  # fmt: skip


def _phase(start: float, side: int, batch: int, composites: float) -> Phase:
    return Phase(
        start=start,
        size=(side, side),
        batch=batch,
        augmentation_arguments={"composites": composites},
    )


# Of cutouts and backgrounds, by their names: drawn ones (`synthetic`) and emoji are so many that they would crowd out photos.
CUTOUTS = {"syn_": 0.4, "emo_": 0.08}
BACKGROUNDS = {"syn_": 0.25}

MINI = Recipe(
    name="kirie-mini",
    about="kirie's own small network",
    network="mini",
    arguments=CARD.arguments,
    preparation=CARD.preparation,
    readout=CARD.readout.unmeasured(),
    steps=9000,
    batch=24,
    phases=(
        _phase(0.0, 128, 24, 0.6),
        _phase(0.5, 192, 20, 0.6),
        _phase(0.7, 192, 20, 0.45),
        _phase(0.8, 256, 16, 0.45),
    ),
    augmentation="mini",
    augmentation_arguments={
        "empties": 0.06,
        "over_photos": 0.35,
        "with_subject": WITH_SUBJECT,
        "cutout_shares": CUTOUTS,
        "background_shares": BACKGROUNDS,
    },
    objective="mini",
    learning_rate=2.5e-3,
    weight_decay=0.05,
    schedule="cosine",
    warm_up=100,
    average=0.998,
    clip=5.0,
    validate_every=1000,
)
