from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import kirie
from kirie import CutOptions, zoo
from kirie.errors import BadCheckpoint, BadInput, DeviceUnavailable, UnknownModel


def png(pixels):
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_cutout_has_everything(cutter, disc):
    cutout = cutter.cut(disc)
    assert cutout.alpha.shape == cutout.size == (120, 160)
    assert cutout.alpha.dtype == np.float32
    x0, y0, x1, y1 = cutout.bbox
    assert abs(x0 - 45) <= 2 and abs(x1 - 115) <= 2 and abs(y0 - 25) <= 2 and abs(y1 - 95) <= 2  # noqa: PT018
    assert cutout.coverage == pytest.approx(np.pi * 35**2 / (120 * 160), rel=0.03)
    assert not cutout.empty
    assert cutout.notes == ()
    assert cutout.rgba.mode == "RGBA"
    assert cutout.pixels.shape == (120, 160, 4)
    assert set(cutout.timings) == {"decode", "prepare", "network", "read out", "edges"}
    assert "160×120" in repr(cutout)


def test_every_kind_of_source_gives_the_same(cutter, disc, disc_file):
    data = png(disc)
    expected = cutter.cut(disc).pixels
    with disc_file.open("rb") as file:
        for source in (
            disc_file,
            str(disc_file),
            data,
            file,
            Image.fromarray(disc),
            disc / np.float32(255),
        ):
            assert (cutter.cut(source).pixels == expected).all()


def test_an_empty_picture_is_an_answer(cutter):
    cutout = cutter.cut(np.zeros((50, 60, 3), np.uint8))
    assert cutout.empty
    assert cutout.bbox is None
    assert cutout.coverage < 0.0005
    assert "No subject" in cutout.notes[-1]
    assert (cutout.pixels == 0).all()


def test_alpha_in_multiplies_and_hidden_colours_stay_hidden(cutter, disc):
    alpha = np.full(disc.shape[:2], 255, np.uint8)
    alpha[:, :80] = 0
    alpha[:, 80:90] = 128
    cutout = cutter.cut(np.dstack([disc, alpha]))
    assert (cutout.pixels[:, :80] == 0).all()
    assert cutout.pixels[60, 85, 3] == 128
    assert cutout.pixels[60, 100, 3] == 255


def test_sixteen_bits_stay_sixteen_bits(cutter, disc):
    deep = disc.astype(np.uint16) * 257 + 3
    cutout = cutter.cut(deep)
    assert cutout.pixels.dtype == np.uint16
    assert (cutout.pixels[60, 80, :3] == deep[60, 80]).all()
    again = kirie.image.decode(cutout.encode("png"))
    assert (np.dstack([again.pixels, again.alpha]) == cutout.pixels).all()
    assert cutout.rgba.getpixel((80, 60)) == (*disc[60, 80].tolist(), 255)


def test_on_a_colour_a_picture_and_blur(cutter, disc):
    cutout = cutter.cut(disc)
    white = np.asarray(cutout.on("white"))
    assert (white[0, 0] == 255).all()
    assert (white[60, 80] == disc[60, 80]).all()
    assert np.asarray(cutout.on((1, 2, 3)))[0, 0].tolist() == [1, 2, 3]
    other = np.full((30, 30, 3), 77, np.uint8)
    assert (np.asarray(cutout.on(other))[0, 0] == 77).all()
    assert np.abs(np.asarray(cutout.on("blur"))[0, 0].astype(int) - disc[0, 0]).max() < 10
    with pytest.raises(BadInput, match="neither a colour"):
        cutout.on("no such thing")


@pytest.mark.parametrize(
    ("as_", "shape"), [("mask", ()), ("trimap", ()), ("overlay", (3,)), ("cutout", (4,))]
)
def test_what_is_made(cutter, disc, as_, shape):
    made = cutter.cut(disc, CutOptions(as_=as_)).render()
    assert made.shape == (120, 160, *shape)


def test_clean_edges_leave_no_fringe(disc):
    """The disc's soft edge carries dark green; laid on white it must not show."""
    small = (
        Image.fromarray(disc)
        .resize((80, 60), Image.Resampling.BOX)
        .resize((160, 120), Image.Resampling.BILINEAR)
    )
    with kirie.load(engine="fake") as cutter:
        raw, clean = (cutter.cut(small, edges=edges) for edges in ("raw", "clean"))
    band = (raw.alpha > 0.2) & (raw.alpha < 0.9)
    assert band.any()
    darkest = [int(cutout.pixels[..., :3][band].min()) for cutout in (raw, clean)]
    assert darkest[1] > darkest[0] + 40


class Ramp:
    """A network that finds a disc in the middle, with an edge that is a third of the picture wide."""

    name, device, precision, reason = "ramp", "cpu", "fp32", "a test"

    def __call__(self, batch):
        height, width = batch.shape[2:]
        ys, xs = np.mgrid[0:height, 0:width] / height - 0.5
        return {"logits": (24 * (0.3 - np.hypot(ys, xs))).astype(np.float32)[None, None]}

    def close(self):
        pass


def test_colours_beside_a_hidden_area_stay_as_they_are():
    """A sticker: its own alpha ends inside the network's soft edge, and the black that hides must not be divided out."""
    ys, xs = np.mgrid[0:200, 0:200]
    sticker = np.zeros((200, 200, 4), np.uint8)
    sticker[np.hypot(ys - 100, xs - 100) < 60] = (180, 110, 40, 255)
    pixels = kirie.Cutter(zoo.get("kirie-mini"), Ramp()).cut(sticker).pixels
    visible = pixels[..., 3] > 10
    assert visible.any()
    assert np.abs(pixels[visible][:, :3].astype(int) - (180, 110, 40)).max() <= 6
    assert (pixels[sticker[..., 3] == 0] == 0).all()


def test_cut_many_agrees_with_cut(cutter, disc):
    sources = [np.roll(disc, 3 * n, axis=1) for n in range(11)]
    for one, many in zip(sources, cutter.cut_many(sources, batch_size=4), strict=True):
        assert (cutter.cut(one).pixels == many.pixels).all()


def test_cut_many_names_the_bad_ones(cutter, disc):
    answers = list(cutter.cut_many([disc, b"not a picture", disc], errors="return"))
    assert isinstance(answers[1], BadInput)
    assert answers[0].size == answers[2].size == (120, 160)
    with pytest.raises(BadInput):
        list(cutter.cut_many([b"not a picture"]))


def test_the_embedded_model_is_the_same_from_many_threads(disc):
    with kirie.load() as cutter, ThreadPoolExecutor(4) as pool:
        first, *rest = pool.map(lambda _: cutter.cut(disc).alpha, range(8))
    assert all((first == alpha).all() for alpha in rest)


def test_save_follows_the_name_and_is_whole(cutter, disc, tmp_path):
    cutout = cutter.cut(disc)
    for name in ("a b'c.png", "切り絵.webp", "x.tiff"):
        path = cutout.save(tmp_path / name)
        with Image.open(path) as made:
            assert made.size == (160, 120)
    with pytest.raises(BadInput, match=r"(?i)jpeg"):
        cutout.save(tmp_path / "x.jpg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a b'c.png", "x.tiff", "切り絵.webp"]


def test_the_pixel_limit_is_an_option(cutter, disc):
    with pytest.raises(BadInput, match="max"):
        cutter.cut(png(disc), CutOptions(max_pixels=100))


@pytest.mark.parametrize(
    "options",
    [
        {"edges": "soft"},
        {"as_": "sketch"},
        {"max_pixels": 0},
        {"as_": "mask", "background": "white"},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(BadInput):
        CutOptions(**options)


def test_load_says_what_it_cannot_do(tmp_path):
    with pytest.raises(UnknownModel, match="kirie-mini"):
        kirie.load("kirie-min")
    with pytest.raises(UnknownModel, match="No such model file"):
        kirie.load("gone.onnx")
    with pytest.raises(BadInput, match="Unknown engine"):
        kirie.load(engine="tpu")
    with pytest.raises(BadInput, match="Unknown device"):
        kirie.load(device="gpu")
    text = tmp_path / "model.onnx"
    text.write_text("<html>not found</html>")
    with pytest.raises(BadCheckpoint, match=r"model\.onnx"):
        kirie.load(text)
    other = tmp_path / "model.txt"
    other.write_text("x")
    with pytest.raises(BadCheckpoint, match="not a network file"):
        kirie.load(other)


def test_a_gpu_that_is_not_there_is_an_error():
    from kirie.engines.onnx import providers

    if "CUDAExecutionProvider" in providers():
        pytest.skip("this onnxruntime has a CUDA part")
    with pytest.raises(DeviceUnavailable, match="--device cpu"):
        kirie.load(device="cuda")


def test_a_cuda_part_that_does_not_load_is_no_silent_cpu_run(monkeypatch):
    """onnxruntime lists CUDA, fails to load it and quietly gives a CPU session: the case that users report most."""
    from kirie.engines import onnx

    monkeypatch.setattr(
        onnx, "providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    real = onnx._create
    monkeypatch.setattr(
        onnx,
        "_create",
        lambda path, _chosen, options: real(path, ["CPUExecutionProvider"], options),
    )
    with pytest.raises(DeviceUnavailable, match="did not load"):
        kirie.load(device="cuda")
    with kirie.load(device="auto") as cutter:
        assert cutter.engine.device == "cpu"
        assert "did not load" in cutter.engine.reason
