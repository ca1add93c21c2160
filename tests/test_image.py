"""Every format × mode in, every format out, orientation, profiles, depth."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from kirie import _arrays, _exif, _profile, image
from kirie.errors import BadInput, MissingExtra, TooLarge

EXACT = ("PNG", "TIFF", "BMP", "WEBP")


@pytest.fixture
def rgb():
    """Smooth colours with a sharp corner, (40, 60, 3)."""
    ys, xs = np.mgrid[0:40, 0:60]
    pixels = np.stack([xs * 4, ys * 6, 255 - xs * 2 - ys], axis=-1).astype(np.uint8)
    pixels[:10, :14] = (250, 30, 20)
    return pixels


def saved(pixels, format_, **how):
    buffer = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(buffer, format_, **how)
    return buffer.getvalue()


def shaper(red, green, blue, gamma=2.2):
    """An RGB profile made by hand: primaries as D50 XYZ columns, one gamma."""

    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(*values):
        return b"XYZ " + bytes(4) + b"".join(map(fixed, values))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\x00" + bytes(79)
    tags = {
        b"desc": text,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(*red),
        b"gXYZ": xyz(*green),
        b"bXYZ": xyz(*blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text" + bytes(4) + b"none",
    }
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytes(4) + b"lcms" + b"\x02\x10\x00\x00" + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    head = (
        head.ljust(64, b"\x00") + struct.pack(">I", 0) + bytes.fromhex("0000f6d6000100000000d32d")
    )
    head = head.ljust(128, b"\x00")
    return struct.pack(">I", 128 + len(table) + len(body)) + head[4:] + table + body


P3 = shaper((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# -- in: formats and modes


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP", "WEBP", "JPEG", "AVIF", "GIF"])
def test_colour_in_every_format(rgb, format_, tmp_path):
    data = saved(rgb, format_, **({"lossless": True} if format_ == "WEBP" else {"quality": 95}))
    path = tmp_path / "misnamed.txt"  # content wins over the name
    path.write_bytes(data)
    picture = image.decode(path)
    assert picture.pixels.dtype == np.uint8
    assert picture.size == (40, 60)
    assert picture.alpha is None
    assert picture.format == format_.lower()
    assert picture.notes == ()
    difference = np.abs(picture.pixels.astype(int) - rgb)
    assert difference.max() == 0 if format_ in EXACT else difference.mean() < 8
    assert picture.rgb is picture.pixels


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_colour_with_alpha(rgb, format_):
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    alpha[20:25] = 100
    rgba = np.dstack([rgb, alpha])
    how = {"lossless": True, "exact": True} if format_ == "WEBP" else {"quality": 100}
    picture = image.decode(saved(rgba, format_, **how))
    assert (picture.alpha == alpha).all()
    assert (picture.pixels[:20] == 0).all(), "hidden colours must not come back"
    if format_ != "AVIF":
        assert (picture.pixels[20:] == rgb[20:]).all()


def modes(rgb):
    """name → (file's bytes, expected RGB, expected alpha or None)."""
    colour = Image.fromarray(rgb)
    grey = colour.convert("L")
    flat = np.dstack([np.asarray(grey)] * 3)
    palette = colour.quantize(16)
    shown = np.asarray(palette.convert("RGB"))
    index = np.asarray(palette)
    bit = grey.point(lambda v: 255 * (v > 100)).convert("1")
    black_white = np.dstack([np.asarray(bit.convert("L"))] * 3)
    half = Image.fromarray(np.full(rgb.shape[:2], 128, np.uint8))
    halves = np.asarray(half)
    grey_alpha = grey.copy()
    grey_alpha.putalpha(half)
    clear = np.where(index == 3, 0, 255).astype(np.uint8)
    levels = bytes(range(100, 116))
    key = tuple(int(v) for v in rgb[0, 0])
    return {
        "png L": (saved(grey, "PNG"), flat, None),
        "png LA": (saved(grey_alpha, "PNG"), flat, halves),
        "png P": (saved(palette, "PNG"), shown, None),
        "png P, clear index": (saved(palette, "PNG", transparency=3), shown, clear),
        "png P, alpha bytes": (
            saved(palette, "PNG", transparency=levels),
            shown,
            np.frombuffer(levels, np.uint8)[index],
        ),
        "png 1": (saved(bit, "PNG"), black_white, None),
        "png RGB tRNS": (
            saved(colour, "PNG", transparency=key),
            rgb,
            np.where((rgb == key).all(axis=2), 0, 255).astype(np.uint8),
        ),
        "png L tRNS": (
            saved(grey, "PNG", transparency=int(flat[0, 0, 0])),
            flat,
            np.where(flat[..., 0] == flat[0, 0, 0], 0, 255).astype(np.uint8),
        ),
        "tiff L": (saved(grey, "TIFF"), flat, None),
        "tiff LA": (saved(grey_alpha, "TIFF"), flat, halves),
        "tiff P": (saved(palette, "TIFF"), shown, None),
        "tiff 1": (saved(bit, "TIFF", compression="group4"), black_white, None),
        "tiff lzw": (saved(colour, "TIFF", compression="tiff_lzw"), rgb, None),
        "bmp L": (saved(grey, "BMP"), flat, None),
        "bmp P": (saved(palette, "BMP"), shown, None),
        "bmp 1": (saved(bit, "BMP"), black_white, None),
        "gif P": (saved(palette, "GIF"), shown, None),
        "gif clear": (saved(palette, "GIF", transparency=3, optimize=False), shown, clear),
    }


MODES = tuple(modes(np.full((4, 4, 3), 9, np.uint8)))


@pytest.mark.parametrize("name", MODES)
def test_modes_of_files(rgb, name):
    data, colours, alpha = modes(rgb)[name]
    picture = image.decode(data)
    shown = colours if alpha is None else np.where(alpha[..., None] == 0, 0, colours)
    assert (picture.pixels == shown).all()
    assert picture.alpha is None if alpha is None else (picture.alpha == alpha).all()
    assert picture.notes == ()


@pytest.mark.parametrize("name", MODES)
def test_modes_of_pillow_images_agree_with_files(rgb, name):
    data = modes(rgb)[name][0]
    with Image.open(io.BytesIO(data)) as opened:
        ours, theirs = image.decode(data), image.decode(opened)
    assert (ours.pixels == theirs.pixels).all()
    assert (ours.alpha is None) == (theirs.alpha is None)
    assert ours.alpha is None or (ours.alpha == theirs.alpha).all()


@pytest.mark.parametrize("mode", ["La", "RGBa", "RGBX", "YCbCr", "HSV", "LAB", "CMYK", "PA"])
def test_rare_modes_of_pillow(rgb, mode):
    colour = Image.fromarray(rgb)
    if mode == "LAB":
        ends = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
        made = ImageCms.profileToProfile(colour, *ends, outputMode="LAB")
    elif mode in ("La", "RGBa"):
        made = colour.convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    elif mode == "PA":
        made = colour.quantize(16).convert("PA")
    else:
        made = colour.convert(mode)
    picture = image.decode(made)
    assert picture.pixels.shape == (40, 60, 3)
    if mode in ("RGBa", "RGBX", "YCbCr", "HSV", "LAB"):
        assert np.abs(picture.pixels.astype(int) - rgb).mean() < 4
    assert bool(picture.notes) == (mode in ("LAB", "CMYK"))


def test_numbers_in_pillow_modes_i_and_f(rgb):
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    wide = image.decode(Image.fromarray(grey.astype(np.int32) * 200))
    assert (wide.pixels[..., 1] == grey.astype(np.uint16) * 200).all()
    part = image.decode(Image.fromarray(grey.astype(np.float32) / 255))
    assert (part.pixels[..., 2] == grey).all()
    for wrong in (grey.astype(np.int32) - 300, grey.astype(np.float32)):
        with pytest.raises(BadInput, match=r"outside 0…65535|\[0, 1\]"):
            image.decode(Image.fromarray(wrong))


@pytest.mark.parametrize("marked", [True, False])
def test_cmyk_jpeg_is_converted_and_noted(rgb, marked):
    """They are stored upside down, as Adobe's programs do it, with or without Adobe's marker."""
    data = saved(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    assert data[at + 4 : at + 9] == b"Adobe"
    if not marked:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    picture = image.decode(data)
    assert picture.icc is None
    assert any("CMYK" in note for note in picture.notes)
    assert np.abs(picture.pixels.astype(int) - rgb).mean() < 45  # inks cannot show all of these
    red, _, blue = picture.pixels[5, 5]
    assert red > 180
    assert blue < 90


def test_cmyk_tiff(rgb):
    picture = image.decode(saved(Image.fromarray(rgb).convert("CMYK"), "TIFF"))
    assert any("CMYK" in note for note in picture.notes)
    red, _, blue = picture.pixels[5, 5]
    assert red > 180
    assert blue < 90


def test_only_the_first_of_many_frames_and_it_is_said(rgb):
    first, second = Image.fromarray(rgb), Image.fromarray(255 - rgb)
    for format_, word in (
        ("GIF", "animation"),
        ("WEBP", "animation"),
        ("PNG", "animation"),
        ("TIFF", "pages"),
        ("AVIF", "animation"),
    ):
        data = saved(first, format_, save_all=True, append_images=[second])
        picture = image.decode(data)
        assert np.abs(picture.pixels.astype(int) - rgb).mean() < 12
        assert word in picture.notes[0]
        assert "first" in picture.notes[0] or format_ == "PNG"


def test_heic_needs_its_extra(rgb, monkeypatch):
    heif = pytest.importorskip("pillow_heif")
    try:
        made = heif.from_pillow(Image.fromarray(rgb))
        buffer = io.BytesIO()
        made.save(buffer, quality=95)
    except Exception:  # noqa: BLE001
        pytest.skip("this pillow-heif cannot write")
    picture = image.decode(buffer.getvalue())
    assert picture.format == "heic"
    assert np.abs(picture.pixels.astype(int) - rgb).mean() < 12
    with pytest.raises(TooLarge):
        image.decode(buffer.getvalue(), max_pixels=100)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r"pip install 'kirie\[heic\]'"):
        image.decode(buffer.getvalue())


# -- depth


@pytest.mark.parametrize("format_", ["png", "tiff"])
@pytest.mark.parametrize("shape", [(), (3,), (4,)])
def test_sixteen_bits_survive_exactly(format_, shape):
    deep = np.random.default_rng(1).integers(1, 65536, (31, 23, *shape), np.uint16)
    picture = image.decode(image.encode(deep, format_))
    assert picture.pixels.dtype == np.uint16
    assert (picture.pixels == (deep[..., None] if not shape else deep[..., :3])).all()
    assert shape != (4,) or (picture.alpha == deep[..., 3]).all()
    assert picture.rgb.dtype == np.uint8


def test_sixteen_to_eight_bits_rounds_every_value():
    every = np.arange(65536, dtype=np.uint16)
    assert (_arrays.eight_bits(every) == np.round(every / 257)).all()


def test_float_tiff_is_read_like_a_float_array():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    picture = image.decode(saved(values, "TIFF"))
    assert (picture.pixels[..., 0] == np.round(values * 255)).all()
    with pytest.raises(BadInput, match=r"\[0, 1\]"):
        image.decode(saved(values * 7, "TIFF"))


# -- orientation and EXIF


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_applied_and_reset(rgb, format_, turn):
    undo = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }  # Pillow's transpositions that store it turned
    stored = Image.fromarray(rgb)
    if turn > 1:
        stored = stored.transpose(Image.Transpose(undo[turn]))
    tags = Image.Exif()
    tags[274] = turn
    tags[271] = "Maker"
    quality = {"lossless": True} if format_ == "WEBP" else {"quality": 100}
    data = saved(stored, format_, exif=tags, **quality)
    picture = image.decode(data)
    assert picture.size == (40, 60)
    assert np.abs(picture.pixels.astype(int) - rgb).mean() < 8
    assert _exif.orientation(picture.exif) == 1
    if format_ not in ("TIFF", "AVIF"):
        assert b"Maker" in picture.exif
    with Image.open(io.BytesIO(data)) as opened:
        assert np.abs(image.decode(opened).pixels.astype(int) - rgb).mean() < 8


def test_the_exif_thumbnail_is_gone():
    """It shows what the user cuts away."""
    secret = b"\xff\xd8 the background \xff\xd9"
    first = struct.pack("<H", 1) + struct.pack("<HHII", 274, 3, 1, 6)
    at = 8 + len(first) + 4
    second = struct.pack("<H", 2)
    place = at + 2 + 24 + 4
    second += struct.pack("<HHII", 0x201, 4, 1, place)
    second += struct.pack("<HHII", 0x202, 4, 1, len(secret)) + bytes(4)
    block = b"II*\x00\x08\x00\x00\x00" + first + struct.pack("<I", at) + second + secret
    assert _exif.orientation(block) == 6
    cleaned = _exif.normalised(b"Exif\x00\x00" + block)
    assert secret not in cleaned
    assert b"background" not in cleaned
    assert _exif.orientation(cleaned) == 1
    assert cleaned[:4] == b"II*\x00"


@pytest.mark.parametrize(
    "block", [b"", b"II*\x00", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\xff\xff"]
)
def test_broken_exif_is_harmless(block):
    assert _exif.orientation(block) == 1
    _exif.normalised(block)


@pytest.mark.parametrize(
    "name", ["exif_portrait_6.jpg", "exif_landscape_8.jpg", "phone_nokia_8.3.jpg"]
)
def test_real_photos_stand_upright(data_folder, name):
    path = data_folder / "photos" / name
    picture = image.decode(path)
    with Image.open(path) as opened:
        turned = opened.getexif().get(274, 1) > 4
        assert picture.size == (opened.size if turned else opened.size[::-1])
    if name.startswith("exif"):
        assert (picture.size[0] > picture.size[1]) == ("portrait" in name)


# -- profiles


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "avif", "tiff"])
def test_a_profile_makes_the_round_trip(rgb, format_):
    data = image.encode(rgb, format_, icc=P3)
    picture = image.decode(data)
    assert picture.icc == P3
    assert picture.rgb is not picture.pixels
    assert np.abs(picture.pixels.astype(int) - rgb).mean() < 8  # the numbers stay
    moved = np.abs(picture.rgb.astype(int) - rgb)[:10, :14].mean()
    assert moved > 3  # and mean something else


def test_the_view_agrees_with_littlecms(rgb):
    picture = image.decode(image.encode(rgb, "png", icc=P3))
    ends = (ImageCms.ImageCmsProfile(io.BytesIO(P3)), ImageCms.createProfile("sRGB"))
    expected = ImageCms.profileToProfile(Image.fromarray(rgb), *ends, renderingIntent=1)
    assert np.abs(picture.rgb.astype(int) - np.asarray(expected)).max() <= 1


def test_there_and_back(rgb):
    inside = (rgb // 2 + 60).astype(np.uint8)  # colours that both can show
    there = image.from_srgb(inside, P3)
    assert (there != inside).any()
    assert np.abs(_profile.to_srgb(there, P3).astype(int) - inside).max() <= 2
    assert image.from_srgb(inside, None) is inside
    assert image.from_srgb(inside, SRGB) is inside


def test_an_srgb_profile_costs_nothing_and_stays(rgb):
    picture = image.decode(saved(rgb, "PNG", icc_profile=SRGB))
    assert picture.icc == SRGB
    assert picture.rgb is picture.pixels


@pytest.mark.parametrize("broken", [b"nonsense", P3[:200], P3[:128] + bytes(len(P3) - 128)])
def test_a_broken_profile_is_ignored_and_noted(rgb, broken):
    picture = image.decode(saved(rgb, "PNG", icc_profile=broken))
    assert picture.icc is None
    assert "profile" in picture.notes[0]
    assert (picture.pixels == rgb).all()


def test_a_grey_profile_is_worked_in(rgb):
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    picture = image.decode(saved(grey, "PNG", icc_profile=_grey_profile()))
    assert picture.icc is None
    assert (picture.pixels[..., 0] == picture.pixels[..., 1]).all()
    assert picture.pixels.mean() > grey.mean() + 20  # linear light looks brighter as sRGB


def _grey_profile():
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 256) + bytes(2)  # gamma 1
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\x00" + bytes(79)
    start, table, body = 128 + 4 + 36, struct.pack(">I", 3), b""
    for name, content in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = bytes(4) + b"lcms\x02\x10\x00\x00mntrGRAYXYZ " + bytes(12) + b"acsp"
    head = head.ljust(68, b"\x00") + bytes.fromhex("0000f6d6000100000000d32d")
    head = head.ljust(128, b"\x00")
    return struct.pack(">I", 128 + len(table) + len(body)) + head[4:] + table + body


# -- arrays and other sources


def test_arrays_of_every_kind(rgb):
    grey = rgb[..., 0]
    assert (image.decode(grey).pixels == grey[..., None]).all()
    assert (image.decode(grey[..., None]).pixels == grey[..., None]).all()
    assert (image.decode(rgb[::2, ::-1]).pixels == rgb[::2, ::-1]).all()
    assert (image.decode(grey > 100).pixels[..., 0] == (grey > 100) * 255).all()
    for kind in (np.float16, np.float32, np.float64):
        assert (image.decode((rgb / 255).astype(kind)).pixels == rgb).all()
    swapped = (rgb.astype(np.uint16) * 257).astype(">u2")
    assert (image.decode(swapped).pixels == rgb.astype(np.uint16) * 257).all()
    given = np.dstack([rgb, np.zeros_like(grey)])
    before = given.copy()
    assert (image.decode(given).pixels == 0).all()
    assert (given == before).all()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), 255.0), "255"),
        (np.full((4, 4), -0.1), "-0.1"),
        (np.full((4, 4), np.inf), "inf"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.zeros((4, 4), complex), "complex"),
        (np.zeros((3, 40, 50), np.uint8), "transpose"),
        (np.zeros((4, 4, 2), np.uint8), "shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), "shape"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.array([["a"]]), "<U1"),
    ],
)
def test_arrays_that_are_no_pictures(array, said):
    with pytest.raises(BadInput, match=said):
        image.decode(array)


def test_sources_that_are_none(tmp_path):
    for wrong in (None, 7, ["a.jpg"], object()):
        with pytest.raises(BadInput, match="cannot be read from"):
            image.decode(wrong)
    text = tmp_path / "x.txt"
    text.write_text("hello")
    with text.open() as file, pytest.raises(BadInput, match="binary mode"):
        image.decode(file)
    with text.open("rb") as file:
        file.close()
        with pytest.raises(BadInput, match="file object"):
            image.decode(file)


def test_a_picture_is_its_own_source_within_the_limit(rgb):
    picture = image.decode(rgb)
    assert image.decode(picture) is picture
    with pytest.raises(TooLarge, match="max_pixels"):
        image.decode(picture, max_pixels=100)


def test_transparent_pictures_lie_on_a_ground_that_shows_them():
    for level, ground in ((20, 255), (240, 48)):
        pixels = np.zeros((20, 20, 4), np.uint8)
        pixels[5:15, 5:15] = (level, level, level, 255)
        pixels[5:15, 5, 3] = 128
        view = image.decode(pixels).rgb
        assert (view[0, 0] == ground).all()
        assert (view[10, 10] == level).all()
        assert abs(int(view[10, 5, 0]) - (level + ground) // 2) <= 1


def test_resolution_is_kept(rgb):
    for format_ in ("png", "jpeg", "tiff", "bmp"):
        picture = image.decode(image.encode(rgb, format_, dpi=(300, 150)))
        assert picture.dpi == pytest.approx((300, 150), abs=0.1)


def test_eight_threads_at_once(rgb):
    kinds = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PNG")
    files = [saved(np.roll(rgb, n, axis=1), kind) for n, kind in enumerate(kinds)]
    expected = [image.decode(data).pixels for data in files]

    def turn(n):
        return (image.decode(files[n % 8]).pixels == expected[n % 8]).all()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(turn, range(160)))


# -- out


@pytest.mark.parametrize("format_", ["png", "tiff", "bmp", "webp"])
@pytest.mark.parametrize("shape", [(), (3,), (4,)])
def test_lossless_round_trips(format_, shape):
    pixels = np.random.default_rng(2).integers(1, 256, (17, 29, *shape), np.uint8)
    picture = image.decode(image.encode(pixels, format_, quality=100))
    assert (picture.pixels == (pixels[..., None] if not shape else pixels[..., :3])).all()
    assert (picture.alpha == pixels[..., 3]).all() if shape == (4,) else picture.alpha is None


@pytest.mark.parametrize("format_", ["jpeg", "webp", "avif", "bmp"])
def test_deep_pictures_are_rounded_where_they_must(rgb, format_):
    picture = image.decode(image.encode(rgb.astype(np.uint16) * 257 + 100, format_))
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels.astype(int) - rgb).mean() < 4


def test_tiff_alpha_is_straight():
    pixels = np.full((4, 4, 4), 100, np.uint8)
    with Image.open(io.BytesIO(image.encode(pixels, "tiff"))) as opened:
        assert opened.mode == "RGBA"
        assert opened.tag_v2[338] == (2,)


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "avif"])
def test_exif_is_written_where_it_can_be(rgb, format_):
    tags = Image.Exif()
    tags[271] = "Maker"
    data = image.encode(rgb, format_, exif=_exif.normalised(tags.tobytes()))
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.getexif()[271] == "Maker"
    assert b"Maker" in image.decode(data).exif
    assert image.encode(rgb, "jpeg", exif=b"II*\x00" + bytes(70_000))  # too long for JPEG: left out


@pytest.mark.parametrize(
    ("pixels", "format_", "said"),
    [
        (np.zeros((4, 4, 4), np.uint8), "jpeg", "JPEG.*background.*png"),
        (np.zeros((4, 4, 2), np.uint8), "png", "shape"),
        (np.zeros((4, 4, 3), np.float32), "png", "float32"),
        (np.zeros((0, 4, 3), np.uint8), "png", "none"),
        (np.zeros((1, 16384), np.uint8), "webp", "16383.*png"),
        (np.zeros((1, 65536), np.uint8), "jpeg", "65535.*png"),
        (np.zeros((4, 4), np.uint8), "gif", "GIF.*choose"),
        (np.zeros((4, 4), np.uint8), "docx", "docx.*png"),
    ],
)
def test_what_cannot_be_written_is_said(pixels, format_, said):
    with pytest.raises(BadInput, match=said):
        image.encode(pixels, format_)


def test_quality(rgb):
    sizes = [len(image.encode(rgb, "jpeg", quality=q)) for q in (20, 60, 95)]
    assert sizes == sorted(sizes)
    for wrong in (0, 101):
        with pytest.raises(BadInput, match="quality"):
            image.encode(rgb, "jpeg", quality=wrong)


def test_names_of_formats():
    assert image.format_for("a.b/photo.JPG") == "jpeg"
    assert image.format_for("切り絵.tif") == "tiff"
    assert image.format_named("JPG") == image.format_named(".jpeg") == "jpeg"
    assert image.suffix_of("jpeg") == ".jpg"
    assert image.suffix_of("tiff") == ".tiff"
    for name, said in (
        ("x.gif", "GIF is read but not"),
        ("x.heic", "HEIC"),
        ("x.txt", "txt"),
        ("x", "no ending"),
    ):
        with pytest.raises(BadInput, match=said):
            image.format_for(name)
    with pytest.raises(BadInput, match=r"docx.*png"):
        image.format_named("docx")


def test_libvips_reads_what_we_write(rgb):
    made = pyvips.Image.pngload_buffer(
        image.encode(rgb, "png", icc=P3, dpi=(300, 300)), fail_on="warning"
    )
    assert np.frombuffer(made.write_to_memory(), np.uint8).tobytes() == rgb.tobytes()
    assert zlib.crc32(made.get("icc-profile-data")) == zlib.crc32(P3)
