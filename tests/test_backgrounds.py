import numpy as np
import pytest

from kirie import CutOptions, backgrounds
from kirie.errors import BadInput


@pytest.mark.parametrize(
    ("text", "value"),
    [("white", (255, 255, 255)), ("#f80", (255, 136, 0)), ("#11223344", (17, 34, 51))],
)
def test_colour(text, value):
    assert backgrounds.colour(text) == value


def test_an_impossible_background_is_refused():
    with pytest.raises(BadInput, match="neither a colour"):
        backgrounds.check(CutOptions(background="no-such-file.jpg"))


def test_blur_has_no_ghost_of_the_subject():
    colours = np.full((300, 400, 3), 40, np.uint8)
    alpha = np.zeros((300, 400), np.float32)
    colours[100:200, 150:250] = 250
    alpha[100:200, 150:250] = 1
    out = backgrounds.blurred(colours, alpha)
    assert out.shape == colours.shape
    assert out[alpha == 0].max() <= 45


def test_cover_fills_without_distortion():
    striped = np.zeros((100, 300, 3), np.uint8)
    striped[:, 150:] = 255
    out = backgrounds.fitted(striped, (200, 200))
    assert out.shape == (200, 200, 3)
    assert out[:, :90].max() < 30
    assert out[:, 110:].min() > 225
