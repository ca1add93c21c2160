"""From picture to scene: with an engine that knows four colours, and with a random network from its file."""

import io

import numpy as np
import pytest
from PIL import Image

import kirie
from kirie import zoo
from kirie.cutter import Cutter
from kirie.errors import BadCheckpoint, BadInput, TooLarge, UnknownModel
from kirie.scene import palette
from kirie.segmenter import Segmenter, load_segmenter
from kirie.spec import CutOptions, ModelCard, Preparation, Procedure, ReadOut

SEEN = np.array([(40, 40, 200), (30, 160, 40), (220, 40, 30), (240, 240, 240)])  # what is there
NAMES = ("sky", "grass", "dog", "unicorn")
SHOWN = ("#4080ff", "#30c050", "#ff8000", "#ff00ff")


class Colours:
    """An engine: the class whose colour a pixel has."""

    name, device, precision, reason = "colours", "cpu", "fp32", "a test"

    def __init__(self, classes=4):
        self.calls, self.classes, self.softness = [], classes, 400

    def __call__(self, batch):
        self.calls.append(batch.shape)
        mean, std = (
            np.array(values)[:, None, None]
            for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        pixels = 255 * (batch * std + mean)
        distance = ((pixels[:, None] - SEEN[:, :, None, None]) ** 2).sum(axis=2)
        return {"logits": (-distance / self.softness).astype(np.float32)[:, : self.classes]}

    def close(self):
        self.calls = None


def card(**changes):
    return ModelCard(
        **{
            "name": "colours",
            "title": "Four colours",
            "architecture": "none",
            "licence": "MIT",
            "commercial": True,
            "preparation": Preparation(size=(64, 64), policy="keep", longest=256, multiple=32),
            "readout": ReadOut(
                activation="softmax", classes=NAMES, colours=SHOWN, background=False
            ),
            **changes,
        }
    )


@pytest.fixture
def segmenter():
    with Segmenter(Cutter(card(), Colours())) as opened:
        yield opened


@pytest.fixture
def picture():
    """Sky above grass, a dog on it: (90, 120, 3)."""
    pixels = np.empty((90, 120, 3), np.uint8)
    pixels[:50], pixels[50:] = SEEN[0], SEEN[1]
    pixels[40:70, 30:80] = SEEN[2]
    return pixels


def test_every_pixel_is_named(segmenter, picture):
    scene = segmenter.segment(picture)
    assert segmenter.engine.calls == [(1, 3, 64, 96)]  # 64 × 85, rounded up
    assert scene.classes.shape == scene.size == (90, 120)
    wanted = np.zeros((90, 120), int)
    wanted[50:] = 1
    wanted[40:70, 30:80] = 2
    assert (scene.classes == wanted).mean() > 0.97
    assert scene.names == NAMES
    assert scene.colours.tolist()[2] == [255, 128, 0]
    assert list(scene.shares) == ["sky", "grass", "dog"]  # the largest first
    assert sum(scene.shares.values()) == pytest.approx(1)
    assert scene.shares["dog"] == pytest.approx(30 * 50 / (90 * 120), abs=0.02)
    assert "dog 14%" in repr(scene)
    assert set(scene.timings) == {"decode", "prepare", "network", "read out"}


def test_probabilities_add_up(segmenter, picture):
    scene = segmenter.segment(picture)
    dog = scene.probability("dog")
    assert dog.dtype == np.float32
    assert dog[55, 55] > 0.99
    assert dog[5, 5] < 1e-6
    together = sum(scene.probability(name) for name in NAMES)
    np.testing.assert_allclose(together, 1, atol=1e-5)
    np.testing.assert_allclose(
        scene.probability("dog", "sky", "DOG"), dog + scene.probability("sky"), atol=1e-5
    )


def test_named_parts_are_cut_out(segmenter, picture):
    scene = segmenter.segment(picture)
    cutout = scene.cut("dog")
    x0, y0, x1, y1 = cutout.bbox
    assert abs(np.array([x0 - 30, y0 - 40, x1 - 80, y1 - 70])).max() <= 2
    assert cutout.card.name == "colours"
    both = scene.cut("Dog", " grass ", options=CutOptions(edges="raw", as_="mask"))
    assert both.coverage == pytest.approx(cutout.coverage + scene.shares["grass"], abs=0.02)
    assert both.options.as_ == "mask"
    nothing = scene.cut("unicorn")
    assert nothing.empty
    assert "No subject" in nothing.notes[0]


def test_edges_are_the_dogs_own(segmenter, picture):
    soft = np.asarray(Image.fromarray(picture).resize((480, 360), Image.Resampling.BILINEAR))
    segmenter.engine.softness = 6000
    scene = segmenter.segment(soft)
    raw, clean = (
        scene.cut("dog", options=CutOptions(edges=how)).pixels for how in ("raw", "clean")
    )
    edge = (raw[..., 3] > 40) & (raw[..., 3] < 215)
    assert edge.sum() > 100
    far = [abs(made[edge][:, :3] - SEEN[2]).mean() for made in (raw, clean)]
    assert far[1] < far[0] / 2  # neither sky nor grass shines through


def test_wrong_names_are_answered_with_the_nearest(segmenter, picture):
    scene = segmenter.segment(picture)
    with pytest.raises(
        BadInput, match=r"colours has no class 'gras'\. Did you mean 'grass'"
    ) as error:
        scene.cut("gras")
    assert "It has: sky, grass, dog, unicorn." in str(error.value)
    with pytest.raises(BadInput, match="No class was named"):
        scene.cut()


def test_the_class_map_is_an_indexed_png(segmenter, picture, tmp_path):
    scene = segmenter.segment(picture)
    path = scene.save(tmp_path / "classes.png")
    with Image.open(path) as saved:
        assert saved.mode == "P"
        assert (np.asarray(saved) == scene.classes).all()
        colours = np.array(saved.getpalette()).reshape(-1, 3)[: len(NAMES)]
        assert (colours == scene.colours).all()
        assert (np.asarray(saved.convert("RGB")) == scene.colours[scene.classes]).all()
    with pytest.raises(BadInput, match=r"saved as \.png"):
        scene.save(tmp_path / "classes.jpg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes.png"]


def test_more_classes_than_a_palette_has_colours(picture):
    names = tuple(f"thing {n}" for n in range(300))
    many = Cutter(
        card(readout=ReadOut(classes=names, activation="softmax", background=False)), Colours()
    )
    many.engine.__class__ = type(
        "Many",
        (Colours,),
        {
            "__call__": lambda self, batch: {
                "logits": np.pad(
                    Colours.__call__(self, batch)["logits"],
                    ((0, 0), (296, 0), (0, 0), (0, 0)),
                    constant_values=-1e6,
                )
            }
        },
    )
    scene = Segmenter(many).segment(picture)
    assert scene.classes.dtype == np.uint16
    with Image.open(io.BytesIO(scene.encode())) as saved:
        assert (np.asarray(saved) == scene.classes).all()
    with pytest.raises(BadInput, match="room for 256"):
        _ = scene.indexed


def test_the_overlay_shows_colours_and_a_legend(segmenter, picture):
    scene = segmenter.segment(picture)
    flat = np.asarray(scene.overlay(legend=False))
    assert flat.shape == (90, 120, 3)
    mixed = 0.6 * scene.colours[2] + 0.4 * SEEN[2]
    assert abs(flat[55, 55] - mixed).max() <= 1
    whole = np.asarray(scene.overlay())
    assert (whole[:90, :120] == flat).all()
    panel = whole[:, 120:].reshape(-1, 3)
    for colour in scene.colours[:3]:
        assert (panel == colour).all(axis=1).sum() > 50
    assert not (panel == scene.colours[3]).all(axis=1).any()  # there is no unicorn


def test_many_classes_are_summed_up_in_the_legend():
    from kirie._legend import with_legend

    rows = [(f"thing {n}" + 60 * "x", (n, 0, 0), 0.01) for n in range(100)]
    made = with_legend(np.zeros((100, 40, 3), np.uint8), rows)
    assert made.height < 300
    assert made.width < 700


def test_the_report_says_what_is_there(segmenter, picture):
    report = segmenter.segment(picture).report()
    assert report["model"] == "colours"
    assert report["size"] == [90, 120]
    assert [row["name"] for row in report["classes"]] == ["sky", "grass", "dog"]
    assert report["classes"][2]["number"] == 2
    assert report["engine"] == "colours"


def test_many_pictures_in_order(segmenter, picture):
    tall = picture.transpose(1, 0, 2).copy()
    found = list(segmenter.segment_many([picture, picture, tall], batch_size=3))
    assert [scene.size for scene in found] == [(90, 120), (90, 120), (120, 90)]
    assert (found[0].classes == found[1].classes).all()
    assert len(segmenter.engine.calls) == 3  # of two sizes: one by one
    segmenter.engine.calls.clear()
    list(segmenter.segment_many([picture, picture], batch_size=2))
    assert segmenter.engine.calls == [(2, 3, 64, 96)]
    mixed = list(
        segmenter.segment_many([picture, b"rubbish"], errors="return", then=lambda i, _: i)
    )
    assert mixed[0] == 0
    assert isinstance(mixed[1], BadInput)
    with pytest.raises(BadInput, match="batch_size"):
        list(segmenter.segment_many([picture], batch_size=0))


def test_windows_give_the_same_answer(picture):
    large = np.asarray(Image.fromarray(picture).resize((300, 200)))
    windows = Procedure(name="slide", window=(64, 64), stride=(48, 48))
    whole = card(preparation=Preparation(size=(128, 128), policy="keep"))
    parts = card(preparation=whole.preparation, procedure=windows)
    engine = Colours()
    first = Segmenter(Cutter(whole, Colours())).segment(large)
    second = Segmenter(Cutter(parts, engine)).segment(large)
    assert len(engine.calls) == 3 * 4
    assert (first.classes == second.classes).all()  # the engine looks at each pixel alone


def test_pictures_over_the_limit_and_misfit_cards_are_refused(segmenter, picture):
    with pytest.raises(TooLarge):
        segmenter.segment(picture, max_pixels=1000)
    misfit = Segmenter(Cutter(card(), Colours(classes=3)))
    with pytest.raises(BadCheckpoint, match="gives 3 maps for each picture, but its card names 4"):
        misfit.segment(picture)


def test_a_model_without_a_subject_does_not_cut(picture):
    cutter = Cutter(card(), Colours())
    for attempt in (lambda: cutter.cut(picture), lambda: list(cutter.cut_many([picture]))):
        with pytest.raises(BadInput, match="kirie segment --classes sky --as cutout"):
            attempt()


def test_a_model_with_a_subject_names_two_things(disc):
    with load_segmenter("kirie-mini", engine="fake") as opened:
        scene = opened.segment(disc)
    assert scene.names == ("background", "subject")
    assert scene.colours.tolist()[0] == [0, 0, 0]
    assert scene.classes[60, 80] == 1
    assert scene.classes[0, 0] == 0


def test_a_model_must_be_named():
    with pytest.raises(BadInput, match="kirie models pull segformer-b0-ade"):
        kirie.segment("x.jpg")
    with pytest.raises(UnknownModel, match="Did you mean 'segformer-b0-ade'"):
        kirie.segment("x.jpg", model="segformer-b0-adee")


def test_generated_colours_are_all_different():
    made = palette((), 256)
    assert len({tuple(colour) for colour in made.tolist()}) > 240
    near = [np.abs(made[a].astype(int) - made[b]).max() for a in range(20) for b in range(a)]
    assert min(near) > 20


# --- the zoo's classes -----------------------------------------------------------------------------------------------


def test_the_data_sets_have_their_classes():
    from kirie.zoo.labels import ADE20K, CITYSCAPES

    assert len(ADE20K.names) == len(ADE20K.colours) == len(set(ADE20K.names)) == 150
    assert len(CITYSCAPES.names) == len(CITYSCAPES.colours) == len(set(CITYSCAPES.names)) == 19
    assert len(set(ADE20K.colours)) == 149  # road and skyscraper share one
    assert len(set(CITYSCAPES.colours)) == 19
    facts = {
        "wall": (0, "#787878"),
        "person": (12, "#96053d"),
        "car": (20, "#0066c8"),
        "flag": (149, "#5c00ff"),
    }
    for name, (number, colour) in facts.items():
        assert ADE20K.names[number] == name
        assert ADE20K.colours[number] == colour
    assert CITYSCAPES.names[13] == "car"
    assert CITYSCAPES.colours[13] == "#00008e"
    assert ADE20K.names[126] == "animal"


def test_cards_of_scenes_agree_with_their_networks():
    scenes = [each for each in zoo.MODELS if not each.readout.background]
    assert len(scenes) == 15
    for each in scenes:
        assert each.commercial is False
        assert each.arguments["classes"] == len(each.readout.classes)
        assert len(each.readout.colours) == len(each.readout.classes)
        again = ModelCard.from_json(each.to_json())
        assert (again.readout, again.preparation, again.procedure) == (
            each.readout, each.preparation, each.procedure,
        )  # fmt: skip


# --- a network from its file -----------------------------------------------------------------------------------------


def test_a_checkpoint_as_published_names_a_picture(tmp_path, picture):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn
    from kirie.nn.segformer import AUTHORS

    torch.manual_seed(0)
    net = nn.build("segformer-b0", classes=150).eval()
    published = {AUTHORS.published(k): v for k, v in net.state_dict().items()}
    path = tmp_path / "segformer.b0.512x512.ade.160k.pth"
    torch.save({"state_dict": published}, path)
    with pytest.raises(BadCheckpoint, match="--like segformer-b0-ade"):
        load_segmenter(path)
    with pytest.raises(BadCheckpoint, match="tells 150 classes apart, but segformer-b0-city 19"):
        load_segmenter(path, like="segformer-b0-city")
    with load_segmenter(path, like="segformer-b0-ade") as opened:
        scene = opened.segment(picture)
    assert scene.names[0] == "wall"
    assert scene.cutter.card.licence == "not stated"
    image = torch.nn.functional.interpolate(torch.zeros(1, 3, 1, 1), size=(512, 704))
    assert scene.scores.shape == (150, 128, 176)
    from kirie.prepare import prepare

    batch, _ = prepare(picture, opened.card.preparation)
    assert batch.shape == image.shape
    with torch.inference_mode():
        wanted = torch.nn.functional.interpolate(
            net(torch.from_numpy(batch)), size=(90, 120), mode="bilinear"
        )[0].argmax(0)
    assert (wanted.numpy() == scene.classes).mean() > 0.999
