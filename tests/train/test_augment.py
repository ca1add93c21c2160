"""Augmentation: sizes, determinism, and that the truth always says what the picture shows."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

cv2 = pytest.importorskip("cv2")

from kirie.errors import BadInput  # noqa: E402
from kirie.train import augment, colours, geometry, paste, sources  # noqa: E402
from kirie.train.cache import Pictures  # noqa: E402

pytestmark = pytest.mark.torch

SIZE = (64, 96)


@pytest.fixture(scope="module")
def found(data_root):
    return sources.find([(data_root, 1)])


@pytest.fixture(scope="module")
def pictures():
    return Pictures(memory=1 << 28)


def seeds(count):
    return (np.random.default_rng((7, n)) for n in range(count))


def labels_like(truth):
    """A label map in which the subject is class 3."""
    return np.where(truth > 127, 3, 0).astype(np.int16)


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_every_augmentation_keeps_its_promises(found, pictures, name):
    composing = {"composites": 0.3, "empties": 0.1}
    make = augment.get(name, found, pictures=pictures, **composing)
    height, width = make.augmentation.made(SIZE)
    for n, example in enumerate(found.files[:20]):
        one = make(example, np.random.default_rng((3, n)), SIZE)
        two = make(example, np.random.default_rng((3, n)), SIZE)
        assert one.name == two.name
        assert np.array_equal(one.image, two.image)
        assert np.array_equal(one.truth, two.truth)
        assert (one.image.shape, one.truth.shape) == ((height, width, 3), (height, width))
        assert one.image.dtype == one.truth.dtype == np.uint8
    others = [make(found.files[0], rng, SIZE).image for rng in seeds(6)]
    assert name == "plain" or len({o.tobytes() for o in others}) > 1


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_truth_and_picture_move_together(found, pictures, name):
    """Discs are bright and grounds dark; without changes of colour the picture shows where the subject is."""
    still = {"birefnet": {"enhance": False}, "segformer": {"distort": False}}
    still |= {kind: {"colours": False} for kind in ("photo", "mini")}
    augmentation = augment.AUGMENTATIONS[name](**still.get(name, {}))
    agreements, masks = [], []
    for example, rng in zip(found.files, seeds(40), strict=False):
        image, truth = pictures(example, augmentation.kept((96, 96)))
        image, truth = augmentation(image, truth, rng, (96, 96))
        counts = truth != 255 if name == "segformer" else np.ones(truth.shape, bool)
        bright = image.max(2) > 120
        if name == "segformer":  # its padding is not a subject; here truth is a mask, 0 and 255
            counts = ~(image == geometry.MEAN).all(2)
        agreements.append((bright == (truth > 127))[counts].mean())
        masks.append(truth.mean())
    assert np.mean(agreements) > 0.96
    assert min(agreements) > 0.85
    assert max(masks) > 0


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_labels_are_never_blended(found, pictures, name):
    augmentation = augment.AUGMENTATIONS[name]()
    seen = set()
    for example, rng in zip(found.files, seeds(20), strict=False):
        image, truth = pictures(example, augmentation.kept((96, 96)))
        _, labels = augmentation(image, labels_like(truth), rng, (96, 96))
        assert labels.dtype == np.int16
        seen |= set(np.unique(labels).tolist())
    assert seen <= {0, 3, 255}
    assert {0, 3} <= seen
    if name in ("segformer", "inspyrenet", "birefnet"):
        assert 255 in seen  # what comes in from outside does not count


def test_shares_of_the_kinds_are_kept(found, pictures):
    make = augment.get("mini", found, pictures=pictures, composites=0.5, empties=0.2)
    names = [make(found.files[0], rng, (32, 32)).name for rng in seeds(400)]
    composites = sum("+" in name for name in names)
    empties = sum("+" not in name and name.startswith("grass") for name in names)
    assert 160 < composites < 240
    assert 50 < empties < 110


def test_backgrounds_with_a_subject_are_no_examples_of_nothing(found, pictures):
    busy = ("grass_1", "grass_2", "grass_3", "grass_4", "grass_5")
    make = augment.get("mini", found, pictures=pictures, empties=1.0, with_subject=busy)
    names = {make(found.files[0], rng, (32, 32)).name for rng in seeds(10)}
    assert names == {"grass_0"}
    everything = augment.get("mini", found, pictures=pictures, empties=1.0)
    made = [everything(found.files[0], rng, (32, 32)) for rng in seeds(20)]
    assert len({m.name for m in made}) > 2
    assert not any(m.truth.any() for m in made)


def test_without_cutouts_every_picture_is_a_photo(data_root, pictures):
    bare = sources.find([(data_root / "train", 1)])
    make = augment.get("photo", bare, pictures=pictures, composites=0.9, empties=0.1)
    assert all(
        make(bare.files[n], rng, (32, 32)).name == bare.files[n].name
        for n, rng in enumerate(seeds(10))
    )


def test_composites_have_the_size_that_is_left_by_a_crop(found, pictures):
    make = augment.get(
        "published-sod", found, pictures=pictures, composites=0.5, empties=0.2, crop=0.5
    )
    shapes = {make(found.files[0], rng, (64, 64)).truth.shape for rng in seeds(20)}
    assert shapes == {(32, 32)}


def test_names_and_arguments_that_do_not_exist(found):
    with pytest.raises(BadInput, match="Did you mean 'birefnet'"):
        augment.get("birefnt", found)
    with pytest.raises(
        BadInput, match=r"no argument 'crops'; it has: crop, flip, mirror, background_shares"
    ):
        augment.get("published-sod", found, crops=1)
    labelled = sources.Examples(found.files, found.sets, "semantic")
    with pytest.raises(BadInput, match="'semantic' has no argument 'composites'"):
        augment.get("segformer", labelled, composites=0.5)


# Geometry


@pytest.fixture
def spot():
    """A picture and mask that are alike, and not symmetric."""
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 10:40] = 255
    mask[10:30, 10:18] = 255
    return np.dstack([mask] * 3), mask


@pytest.mark.parametrize(
    "step",
    [
        geometry.Flip(1.0),
        geometry.Flip(1.0, rows=True),
        geometry.RandomCrop(0.7),
        geometry.CropCentre(0.4),
        geometry.ScaleCrop(1.0),
        geometry.Rotate(1.0),
        geometry.Rotate(1.0, -10, 10, cubic=False),
        geometry.Tilt(1.0),
    ],
    ids=str,
)
def test_steps_do_the_same_to_both(spot, step):
    changed = 0
    for rng in seeds(8):
        image, truth = step(*spot, rng)
        assert np.array_equal(image[..., 0], truth)
        changed += truth.shape != spot[1].shape or not np.array_equal(truth, spot[1])
    assert changed > 5


def test_nothing_happens_at_a_probability_of_zero(spot):
    for step in (geometry.Flip(0), geometry.ScaleCrop(0), geometry.Rotate(0), geometry.Tilt(0)):
        image, truth = step(*spot, np.random.default_rng(0))
        assert image is spot[0]
        assert truth is spot[1]


def test_flips_exchange_what_they_say(spot):
    rng = np.random.default_rng(0)
    assert np.array_equal(geometry.Flip(1.0)(*spot, rng)[1], spot[1][:, ::-1])
    assert np.array_equal(geometry.Flip(1.0, rows=True)(*spot, rng)[1], spot[1][::-1])


def test_published_crops_never_reach_the_last_place():
    """The offsets of 320 → 288 are 0…31."""
    truth = np.repeat(np.arange(320, dtype=np.int16)[None], 320, 0)
    image = np.zeros((320, 320, 3), np.uint8)
    lefts = [geometry.RandomCrop(0.9)(image, truth, rng)[1][0, 0] for rng in seeds(300)]
    assert (min(lefts), max(lefts)) == (0, 31)
    assert geometry.RandomCrop(0.875).size(256, 256) == (224, 224)


def test_a_crop_keeps_most_of_the_subject(found, pictures):
    for example, rng in zip(found.files, seeds(50), strict=False):
        image, truth = pictures(example, augment.Mini().kept(SIZE))
        _, mask = geometry.CropWindow()(image, truth, rng, (96, 96))
        # A crop enlarges what it shows: a subject kept by KEEP covers at least that part of its share before.
        assert mask.mean() >= 0.9 * geometry.KEEP * truth.mean()


def test_the_scale_of_a_window_is_drawn_from_its_range():
    """A ramp of columns shows how much it was enlarged."""
    window = geometry.ScaledWindow(long=4.0, fullest=1.0)
    image = np.repeat(np.arange(128, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    truth = np.repeat((np.arange(128) // 8).astype(np.int16)[None], 64, 0)
    scales = []
    for rng in seeds(60):
        pixels, labels = window(image, truth, rng, (64, 64))
        counts = labels[0] != 255
        columns = np.flatnonzero(counts)
        if len(columns) > 20 and (pixels != geometry.MEAN).any():
            first, last = (int(pixels[0, columns[i], 0]) for i in (2, -3))
            scales.append((len(columns) - 5) / max(1, last - first))
            # labels and picture stay together: a label is eight columns of the ramp
            shown = pixels[0, columns, 0].astype(int) // 8
            assert (np.abs(shown - labels[0, columns]) <= 1).all()
            assert (shown == labels[0, columns]).mean() > 0.75
    assert 0.45 < min(scales) < 0.7
    assert 1.6 < max(scales) < 2.2


def test_a_window_is_not_filled_by_one_class():
    truth = np.zeros((64, 128), np.int16)
    truth[:, 64:] = 1
    image = np.zeros((64, 128, 3), np.uint8)

    def filled(fullest):
        """The share of windows of which one class has more than three quarters."""
        window = geometry.ScaledWindow(least=1.0, most=1.0, fullest=fullest)
        shares = [window(image, truth, rng, (32, 32))[1].mean() for rng in seeds(60)]
        return np.mean([not 0.25 <= share <= 0.75 for share in shares])

    assert filled(1.0) > 0.3
    assert filled(0.75) < 0.05


def test_a_small_picture_is_padded_with_what_does_not_count():
    window = geometry.ScaledWindow(least=0.5, most=0.5)
    image, truth = np.full((30, 40, 3), 9, np.uint8), np.ones((30, 40), np.int16)
    pixels, labels = window(image, truth, np.random.default_rng(0), (64, 64))
    assert labels.shape == (64, 64)
    assert (labels == 1).sum() == 32 * 43
    assert (pixels[labels == 255] == geometry.MEAN).all()


@pytest.mark.parametrize("how", ["area", "linear", "pillow", "torch", "nearest", "bicubic"])
def test_filters_agree_on_a_ramp(how):
    ramp = np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None], 20, 0)
    small = geometry.resized(ramp, (10, 60), how)
    assert small.shape == (10, 60)
    inside = small[5, 3:-3].astype(float)
    assert np.abs(inside - np.linspace(1, 237, 60)[3:-3]).max() <= 1.5


def test_torch_filter_is_torch():
    torch = pytest.importorskip("torch")
    rgb = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    for size in ((64, 64), (20, 31)):
        want = torch.nn.functional.interpolate(x, size, mode="bilinear")[0].permute(1, 2, 0).numpy()
        have = geometry.resized(rgb, size, "torch").astype(int)
        assert (have != np.floor(want)).mean() < 0.01
        assert np.abs(have - want).max() < 1.1


# Colours


@pytest.fixture
def photo():
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(small, (80, 60), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("change", "published"),
    [
        (colours.brightness, ImageEnhance.Brightness),
        (colours.contrast, ImageEnhance.Contrast),
        (colours.colour, ImageEnhance.Color),
        (colours.sharpness, ImageEnhance.Sharpness),
    ],
)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.3, 2.0])
def test_enhancements_are_pillows(photo, change, published, factor):
    want = np.asarray(published(Image.fromarray(photo)).enhance(factor)).astype(int)
    assert np.abs(change(photo, factor).astype(int) - want).max() <= 2


@pytest.mark.parametrize(
    "step",
    [
        colours.Enhance(),
        colours.Retouch(),
        colours.Pepper(0.05),
        colours.Distort(),
        colours.Jitter(),
    ],
    ids=lambda s: type(s).__name__,
)
def test_colours_leave_the_truth_and_the_given_picture(photo, step):
    before, truth = photo.copy(), np.zeros((60, 80), np.uint8)
    made = [step(photo, truth, rng) for rng in seeds(12)]
    assert all(t is truth for _, t in made)
    assert np.array_equal(photo, before)
    assert all((i.shape, i.dtype) == (photo.shape, np.uint8) for i, _ in made)
    assert len({i.tobytes() for i, _ in made}) > 6


def test_pepper_is_black_and_white(photo):
    image, _ = colours.Pepper(0.01)(photo, None, np.random.default_rng(0))
    changed = (image != photo).any(2)
    assert 40 <= changed.sum() <= 48
    assert set(np.unique(image[changed])) == {0, 255}
    assert (image[changed] == image[changed][:, :1]).all()


def test_a_grey_ramp_survives_the_jitter_in_order():
    """Colour changes never invert: a ramp stays a ramp (noise, blur and JPEG aside)."""
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    for step in (colours.Jitter(), colours.Distort(), colours.Enhance()):
        for rng in seeds(20):
            out = step(ramp, None, rng)[0].astype(float).mean((0, 2))
            assert np.corrcoef(out, np.arange(64))[0, 1] > 0.8


def test_hue_turns_by_what_is_drawn():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    step = colours.Distort(brightness=0, contrast=(1, 1), saturation=(1, 1), hue=18)
    hues = {
        int(cv2.cvtColor(step(red, None, rng)[0], cv2.COLOR_RGB2HSV)[0, 0, 0]) for rng in seeds(60)
    }
    assert len(hues) > 8
    assert all(h <= 18 or h >= 162 for h in hues)


# Composites


def test_a_composites_mask_is_what_is_visible(found, pictures):
    plain = dict.fromkeys(("blurred", "soft", "matched", "hidden", "relit"), 0.0)
    make = augment.get(
        "mini",
        found,
        pictures=pictures,
        composites=1.0,
        colours=False,
        tilt=0.0,
        over_photos=0.4,
        composer={**plain, "more": 0.5},
    )
    agreements = []
    for example, rng in zip(found.files, seeds(40), strict=False):
        made = make(example, rng, (96, 96))
        agreements.append(((made.image.max(2) > 100) == (made.truth > 127)).mean())
    assert np.mean(agreements) > 0.97


def test_a_composite_may_show_several_subjects(found, pictures):
    make = augment.get("mini", found, pictures=pictures, composites=1.0, composer={"more": 1.0})
    counts = {make(found.files[0], rng, (64, 64)).name.count("+") for rng in seeds(60)}
    assert counts == {2, 3, 4}
    alike = augment.get(
        "mini", found, pictures=pictures, composites=1.0, composer={"more": 1.0, "same": 1.0}
    )
    for rng in seeds(20):
        _, *subjects = alike(found.files[0], rng, (64, 64)).name.split(" + ")
        assert len(set(subjects)) == 1


def test_parts_of_photos_are_grounds(found, pictures):
    make = augment.get("mini", found, pictures=pictures, composites=1.0, over_photos=1.0)
    names = [make(found.files[n], rng, (64, 64)).name for n, rng in enumerate(seeds(20))]
    assert all(name.startswith(found.files[n].name) for n, name in enumerate(names))
    empty = augment.get("mini", found, pictures=pictures, empties=1.0, over_photos=1.0)
    made = [empty(found.files[n], rng, (64, 64)) for n, rng in enumerate(seeds(40))]
    assert not any(each.truth.any() for each in made)
    assert not any((each.image.max(2) > 150).mean() > 0.05 for each in made)
    assert {each.name[:4] for each in made} == {"gras", "pet_"}


def test_shares_of_names_are_kept():
    paths = [Path(f"{name}_{n}.png") for name in ("emo", "syn", "pet", "ccp") for n in range(5)]
    draw = paste.Drawn(paths, {"emo_": 0.1, "syn_": 0.6, "none_": 0.2})
    counts = Counter(draw(rng).name[:3] for rng in seeds(2000))
    # what "none_" asks for is not there: the others share it in their proportion
    assert counts["emo"] / 2000 == pytest.approx(0.125, abs=0.03)
    assert counts["syn"] / 2000 == pytest.approx(0.75, abs=0.03)
    assert counts["pet"] / 2000 == pytest.approx(0.0625, abs=0.03)
    assert not paste.Drawn([])
    assert not paste.Drawn(paths[:5], {"emo_": 0.0, "syn_": 1.0})
    with pytest.raises(BadInput, match="at most 1 together"):
        paste.Drawn(paths, {"emo_": 0.6, "syn_": 0.6})


def test_matching_moves_light_to_the_grounds_and_keeps_colours_below_alpha():
    alpha = np.zeros((32, 32), np.uint8)
    alpha[4:20, 4:20] = 255
    alpha[20, 4:20] = 100
    colours = np.dstack([alpha // 5, alpha // 4, alpha // 3])
    behind = np.full((32, 32, 3), (120, 140, 90), np.uint8)
    same = paste.matched((colours, alpha), behind, 0.0)
    assert np.abs(same.astype(int) - colours).max() <= 1
    moved = paste.matched((colours, alpha), behind, 1.0)
    assert (moved <= alpha[..., None]).all()
    limited = np.minimum(1.8 * np.array([51, 63, 85]), (120, 140, 90))
    assert np.abs(moved[10, 10] - limited).max() < 8
    nothing = np.zeros_like(alpha)
    assert not paste.matched((np.zeros_like(colours), nothing), behind, 1.0).any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"composer": {"mor": 1}}, "no argument 'mor'; it has: more"),
        ({"composer": {"relit": 2}}, "composer's relit is 2, but must be a number from 0 to 1"),
        ({"composer": 3}, "composer is 3, but must be named shares"),
        ({"composites": 1.5}, "composites is 1.5, but must be a number from 0 to 1"),
        ({"composites": float("nan")}, "composites is nan"),
        ({"composites": "many"}, "composites is 'many'"),
        ({"composites": 0.7, "empties": 0.4}, "together they can be at most 1"),
        ({"cutout_shares": (0.1,)}, "cutout_shares is"),
        ({"cutout_shares": {"emo_": -0.1}}, "cutout_shares's emo_ is -0.1"),
        ({"background_shares": {"a": 0.6, "b": 0.6}}, "at most 1 together"),
        ({"with_subject": "petbg_"}, "must be a list of beginnings of names"),
    ],
)
def test_faulty_arguments_of_composing_are_named(found, wrong, words):
    with pytest.raises(BadInput, match=words):
        augment.get("mini", found, **{"composites": 0.5, **wrong})


def test_a_shadow_is_not_part_of_the_subject():
    rng = np.random.default_rng(0)
    white = np.full((64, 64, 3), 255, np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[20:40, 20:40] = 255
    shades = np.dstack([alpha // 2] * 3)
    darker = 0
    for _ in range(20):
        out = paste.lay(white, shades, alpha, rng)
        assert (out[alpha == 255] == 127).all()
        darker += bool((out[alpha == 0] < 250).any())
    assert 1 <= darker <= 15
