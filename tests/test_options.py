import json

import pytest

from kirie import CutOptions
from kirie._table import OPTIONS
from kirie.errors import BadInput
from kirie.options import PRESETS


def test_the_table_and_the_options_are_the_same():
    assert sorted(OPTIONS) == sorted(CutOptions.names())
    assert all(option.help and option.group for option in OPTIONS.values())


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ({"canvas": "2000x1500"}, {"canvas": (2000, 1500)}),
        ({"canvas": "800"}, {"canvas": 800}),
        ({"roi": "1,2,30,40"}, {"roi": (1, 2, 30, 40)}),
        ({"box": "5% 5% 95% 95%"}, {"box": ["5%", "5%", "95%", "95%"]}),
        ({"shift": "-2.5"}, {"shift": -2.5}),
        ({"position": "left-top"}, {"position": (0, 0)}),
        ({"position": "bottom"}, {"position": "center,bottom"}),
        ({"position": "right"}, {"position": (100, 50)}),
        ({"scale": "80"}, {"scale": 80}),
        ({"crop": "0"}, {"crop": 0}),
        ({"outline": "12"}, {"outline": "12px white"}),
        ({"min_area": "3px"}, {"min_area": 3}),
        ({"largest": "true"}, {"largest": True}),
        ({"quality": "90"}, {"quality": 90}),
    ],
)
def test_text_and_numbers_mean_the_same(text, numbers):
    one, other = CutOptions(**text), CutOptions(**numbers)
    assert one == other
    # what a journal or a form carries comes back the same
    assert CutOptions(**json.loads(json.dumps(one.given()))) == one


def test_only_what_differs_is_given():
    assert CutOptions().given() == {}
    assert CutOptions(feather=2).given() == {"feather": 2.0}


@pytest.mark.parametrize(
    "options",
    [
        {"canvas": "0x3"},
        {"canvas": "axb"},
        {"canvas": (1, 2, 3)},
        {"canvas": "60000x60000"},
        {"roi": "5,5,5,9"},
        {"roi": "1,2,3"},
        {"roi": {}},
        {"box": "-1,0,5,5"},
        {"shift": float("nan")},
        {"shift": "1e9"},
        {"shift": 501},
        {"feather": -1},
        {"threshold": 0},
        {"threshold": 1.01},
        {"position": "middle"},
        {"position": "20%,-80%"},
        {"position": ""},
        {"scale": "0%"},
        {"scale": "12px"},
        {"scale": []},
        {"largest": "maybe"},
        {"depth": 12},
        {"depth": 16, "format": "webp"},
        {"quality": 0},
        {"quality": 1.5},
        {"crop": "-3"},
        {"outline": "x"},
        {"min_area": "-5"},
        {"strip": "exif"},
        {"background": ""},
        {"format": "jpeg"},
        {"as_": "coco", "format": "png"},
        {"as_": "mask", "shadow": "drop"},
        {"edges": "raw", "decontaminate": 0.5},
        {"preset": "poster"},
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options):
    with pytest.raises(BadInput) as caught:
        CutOptions(**options)
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said


def test_a_preset_gives_way_to_what_is_given():
    made = CutOptions(preset="product-white", background="#123456").resolved()
    assert made.background == "#123456"
    assert made.canvas == (2000, 2000)
    assert made.preset is None
    assert CutOptions(preset="product-white", background="none").resolved().background is None
    assert CutOptions(preset="product-white", format="jpeg").format == "jpeg"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_places_a_mask_as_its_cutout(preset):
    cutout, mask = (CutOptions(preset=preset, as_=made).resolved() for made in ("cutout", "mask"))
    assert mask.background is mask.shadow is mask.outline is None
    assert (mask.canvas, mask.scale, mask.crop) == (cutout.canvas, cutout.scale, cutout.crop)


def test_a_misspelt_name_is_answered():
    with pytest.raises(BadInput, match="Did you mean 'feather'"):
        CutOptions().changed(fether=2)
