"""The order of what is done to an edge, and the signals."""

import numpy as np
import pytest
from PIL import Image

import kirie
from kirie import CutOptions, refine, zoo
from kirie.errors import BadInput


class Sees:
    """A network that remembers what it was shown and answers with a luminance threshold of its own steepness."""

    name, device, precision, reason = "sees", "cpu", "fp32", "a test"

    def __init__(self, steep=40.0):
        self.steep, self.shown = steep, []

    def __call__(self, batch):
        self.shown.append(batch)
        values = batch.mean(axis=1, keepdims=True)
        return {"logits": np.float32(self.steep) * (values - values.mean())}

    def close(self):
        pass


@pytest.fixture
def scene():
    """Two bright discs, the smaller one with a hole, on a dark ground; (200, 300, 3)."""
    ys, xs = np.mgrid[0:200, 0:300]
    pixels = np.full((200, 300, 3), (15, 40, 25), np.uint8)
    pixels[np.hypot(ys - 100, xs - 90) < 60] = (240, 235, 230)
    pixels[np.hypot(ys - 100, xs - 230) < 40] = (250, 240, 220)
    pixels[np.hypot(ys - 100, xs - 230) < 12] = (15, 40, 25)
    return pixels


def area(cutout):
    return float((cutout.alpha >= 0.5).sum())


def test_roi_and_box_say_where_the_subject_can_be(cutter, scene):
    whole = cutter.cut(scene)
    left = cutter.cut(scene, roi="0,0,50%,100%")
    assert (left.alpha[:, :150] == whole.alpha[:, :150]).all()
    assert not left.alpha[:, 150:].any()
    right = cutter.cut(scene, box=(185, 55, 275, 145))
    assert right.bbox == pytest.approx((190, 60, 270, 140), abs=2)


def test_the_network_is_shown_the_box_and_a_tenth_around_it(scene):
    engine = Sees()
    cutter = kirie.Cutter(zoo.get("kirie-mini"), engine)
    size = zoo.get("kirie-mini").preparation.size
    cutter.cut(scene, box=(100, 50, 200, 100))
    expected = kirie.Cutter(zoo.get("kirie-mini"), Sees())
    expected.cut(scene[40:110, 90:210])
    assert engine.shown[0].shape[2:] == size
    assert (engine.shown[0] == expected.engine.shown[0]).all()


@pytest.mark.parametrize("region", ["400,0,500,100", "50%,0,100,200"])
def test_a_region_outside_the_picture_is_refused(cutter, scene, region):
    for name in ("roi", "box"):
        with pytest.raises(BadInput, match="300×200"):
            cutter.cut(scene, **{name: region})


def test_pieces_holes_and_edges(cutter, scene):
    whole = area(cutter.cut(scene))
    big, small = np.pi * 60**2, np.pi * (40**2 - 12**2)
    assert whole == pytest.approx(big + small, rel=0.02)
    assert area(cutter.cut(scene, largest=True)) == pytest.approx(big, rel=0.02)
    assert area(cutter.cut(scene, min_area="10%")) == pytest.approx(big, rel=0.02)
    assert area(cutter.cut(scene, min_area=1000)) == whole
    assert area(cutter.cut(scene, fill_holes=True)) == pytest.approx(big + np.pi * 40**2, rel=0.02)
    wider = area(cutter.cut(scene, largest=True, shift=6))
    assert wider == pytest.approx(np.pi * 66**2, rel=0.02)
    assert area(cutter.cut(scene, largest=True, feather=20)) == pytest.approx(big, rel=0.02)


def test_threshold_is_hard_and_comes_before_pieces_and_feather(scene):
    cutter = kirie.Cutter(zoo.get("kirie-mini"), Sees(steep=2))
    soft = cutter.cut(scene).alpha
    hard = cutter.cut(scene, threshold=0.6).alpha
    assert set(np.unique(hard)) == {0, 1}
    assert (hard == (soft >= 0.6)).all()
    faded = cutter.cut(scene, threshold=0.6, feather=6).alpha
    assert 0.3 < faded[hard == 1].min() < 0.7


def test_shift_moves_what_was_filled(cutter, scene):
    """Holes before the shift: an edge that moves inwards does not open them again."""
    filled = cutter.cut(scene, fill_holes=True, shift=-5)
    assert filled.alpha[90:110, 220:240].min() > 0.99


def test_what_is_filled_or_added_shows_the_picture(cutter, scene):
    filled = cutter.cut(scene, fill_holes=True)
    assert (filled.pixels[100, 230, :3] == scene[100, 230]).all()
    wider = cutter.cut(scene, shift=10)
    assert (wider.pixels[100, 22:28, :3] == scene[100, 22:28]).all()  # 4 beyond the edge


@pytest.mark.parametrize("options", [{"feather": 24}, {"shift": -4}, {"shift": -4, "feather": 12}])
def test_a_faded_edge_has_no_dark_fringe(cutter, options):
    """Laid on white, no pixel is darker than the subject's own colour by more than rounding."""
    size = zoo.get("kirie-mini").preparation.size  # of the network: its edge is the picture's
    ys, xs = np.mgrid[0 : size[0], 0 : size[1]]
    pixels = np.full((*size, 3), (15, 40, 25), np.uint8)
    pixels[np.hypot(ys - 120, xs - 100) < 60] = (240, 235, 230)
    shown = np.asarray(cutter.cut(pixels, **options).on("white"))
    assert shown.min() >= 228


def test_decontaminate_is_a_share(scene):
    soft = Image.fromarray(scene).resize((150, 100), Image.Resampling.BOX).resize((300, 200))
    with kirie.load(engine="fake") as cutter:
        raw, half, clean = (
            cutter.cut(soft, **options).colours.astype(float)
            for options in ({"edges": "raw"}, {"decontaminate": 0.5}, {})
        )
        band = (cutter.cut(soft).alpha > 0.2) & (cutter.cut(soft).alpha < 0.8)
    assert np.abs(clean - raw)[band].max() > 40
    assert np.abs(half - (raw + clean) / 2)[band].max() <= 1


def test_invert_keeps_the_rest_and_reports_the_subject(cutter, scene):
    kept, rest = cutter.cut(scene), cutter.cut(scene, invert=True)
    np.testing.assert_allclose(rest.alpha, 1 - kept.alpha)
    assert rest.coverage == kept.coverage
    assert rest.bbox == kept.bbox
    assert (rest.pixels[100, 90] == 0).all()
    assert (rest.pixels[5, 5, :3] == scene[5, 5]).all()


def test_invert_keeps_what_is_hidden_hidden(cutter, scene):
    own = np.full(scene.shape[:2], 255, np.uint8)
    own[:20] = 0
    rest = cutter.cut(np.dstack([scene, own]), invert=True)
    assert not rest.alpha[:20].any()
    assert rest.alpha[25, 5] == 1


def test_signals(cutter, scene):
    cutout = cutter.cut(scene)
    assert cutout.touches_border == ()
    assert cutout.confidence > 0.9
    assert cutter.cut(scene[:, 60:]).touches_border == ("left",)
    assert set(cutter.cut(scene[50:150, 40:]).touches_border) >= {"top", "bottom"}
    report = cutout.report()
    assert report["touches_border"] == []
    assert report["confidence"] > 0.9


def test_an_undecided_answer_is_said():
    unsure = kirie.Cutter(zoo.get("kirie-mini"), Sees(steep=0.0)).cut(
        np.zeros((40, 50, 3), np.uint8)
    )
    assert unsure.confidence == pytest.approx(0, abs=0.01)
    assert any("unsure" in note for note in unsure.notes)
    assert refine.confidence(np.zeros((9, 9), np.float32)) == 1
    assert refine.confidence(np.ones((9, 9), np.float32)) == 1


def test_the_options_can_be_given_by_name(cutter, scene):
    one = cutter.cut(scene, CutOptions(feather=3, largest=True))
    other = cutter.cut(scene, CutOptions(feather=3), largest=True)
    assert (one.pixels == other.pixels).all()
    with pytest.raises(BadInput, match="feather"):
        cutter.cut(scene, feathr=3)
