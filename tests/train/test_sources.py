"""Where pictures come from: layouts, pairs, polygons, label folders, classes, weights, and what is held out."""

import base64
import json

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from kirie import coco  # noqa: E402
from kirie.errors import BadInput  # noqa: E402
from kirie.train import reading, sources  # noqa: E402
from kirie.train.sources import Labels  # noqa: E402

pytestmark = pytest.mark.torch


def put(folder, *names, size=(20, 30), value=0):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full(size, value, np.uint8))
    return folder


def names(examples):
    return [e.name for e in examples]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"),
        ("im", "gt"),
        ("Image", "Mask"),
        ("Imgs", "GT"),
        ("DUTS-TR/DUTS-TR-Image", "DUTS-TR/DUTS-TR-Mask"),
        ("DIS-TR/im", "DIS-TR/gt"),
        ("train/images", "train/masks"),
        ("images/train", "masks/train"),
    ],
)
def test_layouts_of_the_field(tmp_path, images, masks):
    put(tmp_path / images, "a.jpg", "b.jpg")
    put(tmp_path / masks, "a.png", "b.png")
    put(tmp_path / "test" / "images", "c.jpg")
    put(tmp_path / "test" / "masks", "c.png")
    found = sources.find([(tmp_path, 1)])
    assert [(e.name, e.image.suffix, e.truth.suffix) for e in found] == [
        ("a", ".jpg", ".png"),
        ("b", ".jpg", ".png"),
    ]


def test_the_part_for_tests(tmp_path):
    for part in ("train", "val"):
        put(tmp_path / part / "images", f"{part}.jpg")
        put(tmp_path / part / "masks", f"{part}.png")
    assert names(sources.find([(tmp_path, 1)])) == ["train"]
    assert names(sources.find([(tmp_path, 1)], part="test")) == ["val"]


def test_masks_whose_names_say_so(tmp_path):
    put(tmp_path / "images", "a.jpg", "sub/b.jpg")
    put(tmp_path / "masks", "a_mask.png", "b.png")
    assert names(sources.find([(tmp_path, 1)])) == ["a", "sub/b"]
    mixed = put(tmp_path / "mixed", "x.jpg", "x_matte.png", "y.png", "y-mask.png")
    found = sources.find([(mixed, 1)])
    assert [(e.image.name, e.truth.name) for e in found] == [
        ("x.jpg", "x_matte.png"),
        ("y.png", "y-mask.png"),
    ]


def test_pictures_and_masks_in_one_folder_and_what_has_no_partner(tmp_path):
    put(tmp_path, "a.jpg", "a.png", "photo.jpg", "mask.png")
    found = sources.find([(tmp_path, 1)])
    assert names(found) == ["a"]
    notes = " ".join(found.notes)
    assert "1 files without a truth are left out: photo.jpg" in notes
    assert "1 files without a picture are left out: mask.png" in notes


def test_a_set_may_hold_cutouts_and_backgrounds_alone(data_root, tmp_path):
    for name in ("cutouts", "backgrounds"):
        (tmp_path / "made" / name).mkdir(parents=True)
        path = tmp_path / "made" / name / "syn_1.png"
        cv2.imwrite(str(path), np.full((8, 9, 4 if name == "cutouts" else 3), 200, np.uint8))
    found = sources.find([(data_root, 1), (tmp_path / "made", 1)])
    assert (len(found), len(found.cutouts), len(found.backgrounds)) == (60, 9, 7)
    assert any("made: 1 cutouts and 1 backgrounds, no photos" in note for note in found.notes)
    assert len(list(found)) == len(found.order(0, 0)) == 60
    with pytest.raises(BadInput, match="only cutouts and backgrounds"):
        sources.find([(tmp_path / "made", 1)])


def test_the_own_layout_brings_cutouts_and_backgrounds(data_root):
    found = sources.find([(data_root, 1)])
    assert (len(found), len(found.cutouts), len(found.backgrounds)) == (60, 8, 6)
    assert {p.parent.name for p in found.cutouts + found.backgrounds} == {"cutouts", "backgrounds"}
    assert not sources.find([(data_root / "train", 1)]).cutouts


def test_several_sets_with_weights(tmp_path):
    for name, count in (("one", 3), ("two", 2)):
        put(tmp_path / name / "im", *(f"{i}.jpg" for i in range(count)))
        put(tmp_path / name / "gt", *(f"{i}.png" for i in range(count)))
    found = sources.find([(tmp_path / "one", 1), (str(tmp_path / "two"), 2.5)])
    assert len(found) == 3 + 5
    assert len(found.files) == 5
    assert names(found)[:5] == ["one/0", "one/1", "one/2", "two/0", "two/1"]
    assert found[-1].name.startswith("two/")
    assert [e.name for e in found[1:3]] == ["one/1", "one/2"]
    with pytest.raises(IndexError):
        found[8]


@pytest.mark.parametrize("weight", [0, -1, float("nan"), 1e9])
def test_a_weight_that_makes_no_sense(data_root, weight):
    with pytest.raises(BadInput, match="weight"):
        sources.find([(data_root, weight)])


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInput, match="is no folder"):
        sources.find([(tmp_path / "none", 1)])
    with pytest.raises(BadInput, match="no data"):
        sources.find([])
    put(tmp_path / "images", "a.jpg")
    put(tmp_path / "masks", "b.png")
    with pytest.raises(BadInput, match=r"no picture with a truth.*images/"):
        sources.find([(tmp_path, 1)])


# Label maps


def test_folders_of_label_maps(tmp_path):
    put(tmp_path / "train" / "images", "a.jpg", "b.jpg")
    put(tmp_path / "train" / "labels", "a.png", value=3)
    put(tmp_path / "train" / "labels", "b.png", value=11)
    found = sources.find([(tmp_path, 1)], task="semantic")
    assert found.classes == tuple(map(str, range(12)))
    found = sources.find([(tmp_path, 1)], task="semantic", labels=Labels(ignored=(11,)))
    assert found.classes == ("0", "1", "2", "3")
    (tmp_path / "classes.txt").write_text("0 sky\n1 road\n2: sea\n\ntree\n")
    found = sources.find([(tmp_path, 1)], task="semantic")
    assert found.classes == ("sky", "road", "sea", "tree")


def test_labels_that_do_not_count():
    stored = np.array([[0, 1, 2, 150, 255]], np.uint8)
    assert Labels().applied(stored).tolist() == [[0, 1, 2, 150, 255]]
    assert Labels(reduce_zero=True).applied(stored).tolist() == [[255, 0, 1, 149, 255]]
    assert Labels(ignored=(2, 0)).applied(stored).tolist() == [[255, 1, 255, 150, 255]]
    assert Labels(ignored=(2,), reduce_zero=True).applied(stored)[0, 2] == 255


def test_cityscapes_and_ade20k(tmp_path):
    city, ade = tmp_path / "city", tmp_path / "ade"
    put(city / "leftImg8bit" / "train" / "ulm", "ulm_0_leftImg8bit.png")
    put(city / "leftImg8bit" / "val" / "bonn", "bonn_0_leftImg8bit.png")
    for part, town in (("train", "ulm"), ("val", "bonn")):
        for kind in ("labelTrainIds", "labelIds", "color", "instanceIds"):
            put(city / "gtFine" / part / town, f"{town}_0_gtFine_{kind}.png", value=1)
    (example,) = sources.find([(city, 1)], task="semantic")
    assert example.truth.name == "ulm_0_gtFine_labelTrainIds.png"
    (example,) = sources.find([(city, 1)], task="semantic", part="test")
    assert example.image.parent.name == "bonn"
    for part in ("training", "validation"):
        put(ade / "images" / part, f"{part}.jpg")
        put(ade / "annotations" / part, f"{part}.png")
    assert names(sources.find([(ade, 1)], task="semantic")) == ["training"]


# Classes of the auxiliary head


def test_dis_names_hold_the_class(tmp_path):
    stems = ["1#Accessories#1#Bag#a_o", "2#Aircraft#3#Kite#b_o", "1#Accessories#2#Clip#c"]
    put(tmp_path / "im", *(f"{s}.jpg" for s in stems), "plain.jpg")
    put(tmp_path / "gt", *(f"{s}.png" for s in stems), "plain.png")
    found = sources.find([(tmp_path, 1)])
    assert found.classes == ("Bag", "Clip", "Kite")
    assert {e.name: e.class_index for e in found} == {
        stems[0]: 0,
        stems[2]: 1,
        stems[1]: 2,
        "plain": None,
    }


# Polygons

SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]  # 10 × 6 pixels


def truth(example, task="subject", classes=()):
    return reading.truth(example, task, Labels(), classes)


@pytest.fixture
def coco_folder(tmp_path):
    put(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    runs = np.zeros((20, 30), bool)
    runs[5:9, 20:25] = True
    content = {
        "images": [
            {"id": i, "file_name": name, "height": 20, "width": 30}
            for i, name in enumerate(("a.jpg", "b.jpg", "c.jpg", "gone.jpg"))
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "ant"}],
        "annotations": [
            {"image_id": 0, "category_id": 7, "segmentation": [SQUARE], "iscrowd": 0},
            {
                "image_id": 0,
                "category_id": 3,
                "iscrowd": 1,
                "segmentation": {"size": [20, 30], "counts": coco.runs(runs)},
            },
            {
                "image_id": 1,
                "category_id": 3,
                "iscrowd": 0,
                "segmentation": {"size": [20, 30], "counts": coco.packed(coco.runs(runs))},
            },
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return tmp_path, runs


def test_coco_annotations_are_masks(coco_folder):
    folder, runs = coco_folder
    for path in (folder, folder / "annotations.json"):
        found = sources.find([(path, 1)])
        assert names(found) == ["a", "b", "c"]
        assert "not there are left out: gone.jpg" in " ".join(found.notes)
    a, b, c = (truth(e) for e in found)
    want = runs.copy()
    want[3:9, 2:12] = True
    assert ((a == 255) == want).all()
    assert set(np.unique(a)) == {0, 255}  # whole pixels are covered wholly
    assert ((b == 255) == runs).all()
    assert not c.any()


def test_coco_annotations_are_label_maps(coco_folder):
    folder, runs = coco_folder
    found = sources.find([(folder, 1)], task="semantic")
    assert found.classes == ("background", "ant", "cat")  # by the categories' numbers
    labels = truth(found[0], "semantic", found.classes)
    assert labels.dtype == np.int16
    assert (labels[runs] == 1).all()
    assert (labels[3:9, 2:12] == 2).all()
    assert (labels == 0).sum() == 600 - 20 - 60


def test_an_edge_pixel_is_grey_by_its_share(tmp_path):
    from kirie.train.polygons import Piece, Polygons

    half = Polygons(tmp_path, (4, 6), (Piece("x", rings=((1.5, 1, 4.25, 1, 4.25, 3, 1.5, 3),)),))
    row = half.mask()[1].astype(int)
    assert row.tolist() == pytest.approx([0, 128, 255, 255, 64, 0], abs=2)
    assert half.mask()[0].max() == 0


def test_labelme_annotations(tmp_path):
    put(tmp_path, "a.jpg", "b.png", "alone.jpg")
    ok, png = cv2.imencode(".png", np.full((3, 4), 255, np.uint8))
    assert ok
    shapes = [
        {"label": "cat", "shape_type": "polygon", "points": np.reshape(SQUARE, (4, 2)).tolist()},
        {"label": "box", "shape_type": "rectangle", "points": [[25, 12], [20, 10]]},
        {"label": "disc", "shape_type": "circle", "points": [[20, 5], [20, 8]]},
        {"label": "part", "shape_type": "mask", "points": [[1, 15], [4, 17]],
         "mask": base64.b64encode(png.tobytes()).decode()},
        {"label": "__ignore__", "shape_type": "rectangle", "points": [[28, 18], [30, 20]]},
        {"label": "dot", "shape_type": "point", "points": [[1, 1]]},
    ]  # fmt: skip
    for name, picture, some in (("a", "a.jpg", shapes), ("b", "elsewhere\\b.png", shapes[:1])):
        content = {"shapes": some, "imagePath": picture, "imageHeight": 20, "imageWidth": 30}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    found = sources.find([(tmp_path, 1)], task="semantic")
    assert names(found) == ["a", "b"]
    assert "alone.jpg" in " ".join(found.notes)
    assert found.classes == ("background", "box", "cat", "disc", "part")
    labels = truth(found[0], "semantic", found.classes)
    assert (labels[10:12, 20:25] == 1).all()
    assert (labels[3:9, 2:12] == 2).all()
    assert (labels == 3).sum() == pytest.approx(9 * np.pi, abs=4)
    assert (labels[15:18, 1:5] == 4).all()
    assert (labels[18:, 28:] == 255).all()
    mask = truth(found[0])
    assert mask[16, 2] == 255
    assert not mask[18:, 28:].any()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"images": [{"id": 1}], "annotations": []}',
        '{"images": [{"id": 1, "file_name": "a.jpg", "height": 2, "width": 2}], "annotations": [{"image_id": 1}]}',
    ],
)
def test_a_damaged_annotation_file_is_named(tmp_path, text):
    put(tmp_path, "a.jpg")
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(BadInput, match=r"annotations\.json"):
        sources.find([(tmp_path / "annotations.json", 1)])


def test_run_lengths_of_another_picture_are_refused(tmp_path):
    from kirie.train.polygons import Piece, Polygons

    with pytest.raises(BadInput, match="run lengths"):
        Polygons(tmp_path, (4, 6), (Piece("x", runs=(3, 4)),)).mask()


# What is held out


@pytest.mark.parametrize(
    ("file", "photo"),
    [
        ("pet_Bengal_1", "pet_Bengal_1"),
        ("petbg_Bengal_1", "pet_Bengal_1"),
        ("ccpbg_0007r", "ccp_0007"),
        ("ccphead_0007", "ccp_0007"),
        ("bal_123_0", "bal_123"),
        ("bal_123", "bal_123"),
        ("ycb_banana_0", "ycb_banana_0"),
    ],
)
def test_files_of_one_photo_stand_on_one_side(file, photo):
    assert sources.photo(file) == photo
    assert sources.place(file) == sources.place(photo)


def test_the_held_out_tenth_is_the_one_of_kirie_mini():
    # By the name alone: the same wherever the folder lies and whatever else is in it.
    assert [i for i in range(40) if sources.place(f"pet_{i}") < 0.1] == [3, 21, 24]
    places = [sources.place(f"x_{i}") for i in range(5000)]
    assert np.histogram(places, 10, (0, 1))[0] == pytest.approx(np.full(10, 500), abs=80)


def test_a_split_is_disjoint_and_complete(data_root):
    found = sources.find([(data_root, 2)])
    train, held = sources.split(found, 0.25)
    assert sorted(e.name for e in train.files + held.files) == sorted(e.name for e in found.files)
    assert len(train) == 2 * len(train.files)
    assert len(held) == len(held.files) > 5
    assert not held.cutouts
    assert len(train.cutouts) < 8
    assert all(sources.place(p.stem) >= 0.25 for p in train.cutouts + train.backgrounds)
    smaller = sources.split(found, 0.1)[1]
    assert set(smaller.files) < set(held.files)


def test_at_least_one_is_held_out(tmp_path):
    put(tmp_path / "im", "pet_1.jpg", "pet_2.jpg")
    put(tmp_path / "gt", "pet_1.png", "pet_2.png")
    train, held = sources.split(sources.find([(tmp_path, 1)]), 0.01)
    assert (len(train), len(held)) == (1, 1)
    with pytest.raises(BadInput, match="none is left"):
        sources.split(train)
    with pytest.raises(BadInput, match="share"):
        sources.split(train, 1.0)


# Reading


def write(path, values):
    cv2.imwrite(str(path), np.asarray(values))
    return path


def test_masks_of_every_kind_become_levels(tmp_path):
    def read(values, name="m.png"):
        path = write(tmp_path / name, values)
        return reading.truth(sources.Example("x", path, path), "subject", Labels())

    assert read(np.array([[0, 1]], np.uint8)).tolist() == [[0, 255]]
    assert read(np.array([[0, 128, 255]], np.uint8)).tolist() == [[0, 128, 255]]
    assert read(np.array([[0, 65535, 32896]], np.uint16)).tolist() == [[0, 255, 128]]
    grey = np.array([[[9, 9, 9], [200, 200, 200]]], np.uint8)
    assert read(grey).tolist() == [[9, 200]]
    assert read(np.dstack((grey, [[[0], [77]]])).astype(np.uint8)).tolist() == [[0, 77]]


def test_a_truth_of_another_size_is_refused(tmp_path):
    image, mask = write(tmp_path / "a.jpg", np.zeros((20, 30, 3), np.uint8)), tmp_path / "a.png"
    write(mask, np.zeros((20, 20), np.uint8))
    with pytest.raises(BadInput, match=r"30×20 pixels, its truth 20×20.*train check"):
        reading.read(sources.Example("a", image, mask), "subject", Labels())


def test_cutouts_are_cropped_and_premultiplied(tmp_path):
    """Hidden colours must not reach an edge when the cutout is resized."""
    pixels = np.full((40, 40, 4), 255, np.uint8)  # white, hidden and visible
    pixels[..., 3] = 0
    pixels[10:30, 10:30, 3] = 128
    colours, alpha = reading.cutout(write(tmp_path / "c.png", pixels))
    assert alpha.shape == (20, 20)
    assert np.abs(colours.astype(int) - alpha[..., None]).max() <= 1
    with pytest.raises(BadInput, match="no alpha channel"):
        reading.cutout(write(tmp_path / "plain.png", pixels[..., :3]))
    pixels[..., 3] = 0
    with pytest.raises(BadInput, match="fully transparent"):
        reading.cutout(write(tmp_path / "none.png", pixels))
