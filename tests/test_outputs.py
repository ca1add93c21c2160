"""What a cut writes: files of every kind, depth and metadata."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image

from kirie import CutOptions, image
from kirie.errors import BadInput


def opened(data):
    with Image.open(BytesIO(data)) as made:
        made.load()
        return made


@pytest.fixture
def tagged(disc, tmp_path):
    """The disc as a JPEG with a camera, a date, a comment and a place."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera & Sons, a name longer than four bytes"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    place[ExifTags.GPS.GPSLatitude] = (48.0, 51.0, 29.5)
    place[ExifTags.GPS.GPSDateStamp] = "2024:05:06"
    exif[ExifTags.Base.Software] = "the last entry of all"
    path = tmp_path / "tagged.jpg"
    Image.fromarray(disc).save(path, exif=exif, dpi=(300, 300), quality=95)
    return path


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg", "avif"])
def test_strip_gps_takes_the_place_and_nothing_else(cutter, tagged, kind):
    options = {"background": "white", "format": kind}
    with_place = opened(cutter.cut(tagged, CutOptions(**options)).encode()).getexif()
    assert with_place.get_ifd(ExifTags.IFD.GPSInfo)
    data = cutter.cut(tagged, CutOptions(**options, strip="gps")).encode()
    without = opened(data).getexif()
    assert not without.get_ifd(ExifTags.IFD.GPSInfo)
    assert ExifTags.IFD.GPSInfo not in dict(without)
    assert b"2024:05:06\0" not in data.replace(b"2024:05:06 07", b"")
    for tag in (ExifTags.Base.Make, ExifTags.Base.Software):
        assert without[tag] == with_place[tag]
    date = ExifTags.Base.DateTimeOriginal
    assert without.get_ifd(ExifTags.IFD.Exif)[date] == "2024:05:06 07:08:09"


def test_strip_all_leaves_the_profile_alone(cutter, tagged, disc):
    data = cutter.cut(tagged, CutOptions(strip="all")).encode()
    made = opened(data)
    assert not made.getexif()
    assert "dpi" not in made.info
    kept = opened(cutter.cut(tagged).encode())
    assert kept.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_damaged_place_is_no_trouble():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "x"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSDateStamp] = "2024:05:06"
    whole = exif.tobytes().removeprefix(b"Exif\0\0")
    assert image.without_place(None) is None
    rng = np.random.default_rng(0)
    for _ in range(300):
        block = bytearray(whole)
        for at in rng.integers(0, len(block), 4):
            block[at] = rng.integers(256)
        found = image.without_place(bytes(block[: rng.integers(1, len(block) + 1)]))
        assert found is not None


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("as_", ["cutout", "mask", "checker"])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_depth(cutter, disc, depth, as_, kind):
    options = CutOptions(depth=depth, as_=as_, format=kind)
    for pixels in (disc, disc.astype(np.uint16) * 257):
        made = image.decode(cutter.cut(pixels, options).encode())
        assert made.pixels.dtype == {8: np.uint8, 16: np.uint16}[depth]
        if as_ == "cutout":
            assert (
                made.pixels[60, 80] == disc[60, 80].astype(int) * (257 if depth == 16 else 1)
            ).all()


def test_sixteen_bits_make_a_smoother_mask(cutter, disc):
    masks = [cutter.cut(disc, as_="mask", depth=depth, feather=60).render() for depth in (8, 16)]
    assert len(np.unique(masks[1])) > 2 * len(np.unique(masks[0]))


def test_sixteen_bits_into_a_format_that_has_them_not(cutter, disc, tmp_path):
    cutout = cutter.cut(disc, depth=16)
    with pytest.raises(BadInput, match="depth 16"):
        cutout.save(tmp_path / "x.webp")
    assert not list(tmp_path.iterdir())


def test_quality(cutter, disc):
    sizes = [
        len(cutter.cut(disc, background="white", format="jpeg", quality=q).encode())
        for q in (20, 95)
    ]
    assert sizes[0] < sizes[1]


def test_layers_are_colour_and_alpha(cutter, disc, tmp_path):
    cutout = cutter.cut(disc, as_="layers", crop=10)
    cutout.save(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == ["colour.png", "alpha.png"]
        colour, alpha = (opened(archive.read(name)) for name in archive.namelist())
    whole = np.asarray(cutter.cut(disc, crop=10).render())
    assert (colour.mode, alpha.mode) == ("RGB", "L")
    assert (np.asarray(alpha) == whole[..., 3]).all()
    assert (np.asarray(colour)[whole[..., 3] > 0] == whole[..., :3][whole[..., 3] > 0]).all()
    assert cutout.encode() == cutter.cut(disc, as_="layers", crop=10).encode()


def test_contour_and_coco_are_files_of_their_own_kind(cutter, disc, tmp_path):
    svg = cutter.cut(disc, as_="contour").save(tmp_path / "x.svg").read_text()
    assert svg.startswith("<svg ")
    content = json.loads(cutter.cut(disc, as_="coco").save(tmp_path / "x.json").read_text())
    assert len(content["annotations"]) == 1
    for made, name in (("contour", "x.png"), ("coco", "y"), ("layers", "z.json")):
        with pytest.raises(BadInput, match="files"):
            cutter.cut(disc, as_=made).save(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_preview_of_a_notebook_is_a_small_checkerboard(cutter, disc):
    made = opened(cutter.cut(np.tile(disc, (10, 10, 1)))._repr_png_())
    assert made.mode == "RGB"
    assert max(made.size) == 640


@pytest.mark.parametrize("given", ["dark", "greyscale", "original", "blur"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_picture_as_its_own_background(cutter, disc, given, dtype):
    disc = disc.astype(dtype) * (257 if dtype == np.uint16 else 1)
    made = cutter.cut(disc, background=given).render()
    assert made.dtype == dtype
    assert (made[60, 80] == disc[60, 80]).all()
    corner = made[5, 5] / disc[5, 5]
    expected = {"dark": 0.35, "original": 1, "blur": 1}
    if given == "greyscale":
        assert len(set(made[5, 5])) == 1
    else:
        assert corner == pytest.approx(expected[given], rel=0.15)


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch", "tile"])
def test_fit(cutter, disc, fit):
    stripes = np.zeros((20, 60, 3), np.uint8)
    stripes[:, ::2] = 255
    made = cutter.cut(disc, background=None).flat(stripes)
    assert made.shape == disc.shape
    fitted = cutter.cut(disc, fit=fit).flat(stripes)
    top = fitted[:10, :, 0].astype(int)
    if fit == "contain":
        assert np.ptp(top) == 0
    elif fit == "tile":
        assert (np.abs(np.diff(top, axis=1)) == 255).all()
    else:
        assert np.ptp(top) > 50


def test_preset_product_white(cutter, disc):
    made = cutter.cut(disc, preset="product-white").render()
    assert made.shape == (2000, 2000, 3)
    subject = np.abs(made.astype(int) - 255).max(axis=2) > 2
    rows, columns = (np.flatnonzero(subject.any(axis=axis)) for axis in (1, 0))
    # The box ends on whole pixels of the photo, each of which is 24 here: one and a half of them.
    assert columns[-1] - columns[0] == pytest.approx(1700, abs=36)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(1000, abs=14)  # half a pixel, enlarged
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(1000, abs=14)


def test_presets_avatar_and_sticker(cutter, disc):
    avatar = cutter.cut(disc, preset="avatar").render()
    assert avatar.shape == (512, 512, 3)
    assert avatar[0, 0].tolist() == [0xE4, 0xE7, 0xEB]
    assert avatar[-3, 256].tolist() != [0xE4, 0xE7, 0xEB]  # it stands on the ground
    large = np.repeat(np.repeat(disc, 6, axis=0), 6, axis=1)
    sticker = cutter.cut(large, preset="sticker").render()
    middle = sticker[sticker.shape[0] // 2]
    solid = np.flatnonzero(middle[:, 3] == 255)
    assert middle[solid[0] + 1, :3].tolist() == [255, 255, 255]
    assert 0 < middle[solid[-1] + 2, 3] < 200  # its shadow
