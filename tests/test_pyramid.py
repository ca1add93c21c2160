"""Pyramid blending: sizes, operators and blends as published, behind any engine, and by the picture's size."""

from dataclasses import replace

import numpy as np
import pytest

import golden
import kirie
from kirie import _pyramid as pyramid
from kirie import procedure, readout, zoo
from kirie.cutter import Cutter
from kirie.engines import open_engine
from kirie.errors import BadInput
from kirie.prepare import Geometry, Views, network_size, prepare, views
from kirie.spec import ModelCard, Preparation, Procedure, ReadOut

BLENDS = [name for name in golden.names("inspyrenet", "blend_swinb_640x768") if "blend" in name]
FLIPS = 1e-4  # the share of pixels that may fall on the other side of a threshold
# The case gives no noise of its own: the same network in float64 differs from it by 8e-6.
TOLERANCE = 5 * 8e-6
BOUND = Preparation(size=(384, 384), policy="bound", shorter=1280, multiple=32)
SMALL = {"backbone": "mit_b0", "depth": 16, "base_size": (64, 64)}


def blended(**changes):
    maps = ("logits", "laplacian.0", "laplacian.1", "laplacian.2")
    facts = {"name": "pyramid", "maps": maps, "threshold": 96, "elements": (5, 9, 17)}
    return Procedure(**(facts | changes))


def card(**changes):
    facts = {
        "name": "mine",
        "title": "Mine",
        "architecture": "inspyrenet",
        "arguments": SMALL,
        "licence": "CC0-1.0",
        "commercial": True,
        "preparation": Preparation(size=(64, 64), shorter=160, longest=512, multiple=32),
        "readout": ReadOut(stretch=True, filter="corners"),
        "procedure": blended(),
    }
    return ModelCard(**(facts | changes))


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_sizes_are_the_published_ones():
    case = golden.load("inspyrenet", "recipe")
    facts = case.facts["config"]["dynamic_resize"]
    bound = replace(BOUND, shorter=facts["L"])
    have = [network_size((height, width), bound) for width, height in facts["sizes_wh"]]
    assert [[width, height] for height, width in have] == case.outputs["dynamic_resize"].tolist()


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        ((3000, 4000), (1280, 1696)),
        ((1, 5000), (32, 4992)),
        ((5, 7), (32, 32)),
        ((48, 80), (64, 64)),
    ],
)
def test_sizes_of_a_bound(picture, size):
    assert network_size(picture, BOUND) == size
    assert network_size(picture[::-1], BOUND) == size[::-1]


def test_a_panorama_is_bounded_too():
    long = replace(BOUND, longest=4096)
    assert network_size((1500, 9000), long) == (672, 4096)
    assert network_size((1000, 4000), long) == (992, 4000)


@pytest.mark.parametrize(
    ("picture", "seen"),
    [
        ((80, 90), [(64, 64)]),
        ((96, 300), [(64, 64)]),  # one side is not above the threshold
        ((111, 300), [(64, 64)]),  # nor is it when it is rounded
        ((113, 300), [(64, 64), (128, 288)]),
        ((300, 400), [(64, 64), (160, 224)]),
    ],
)
def test_views_follow_the_picture(picture, seen):
    mine = card()
    rgb = np.random.default_rng(0).integers(0, 256, (*picture, 3), np.uint8)
    given, geometry = views(rgb, mine.preparation, mine.procedure)
    assert list(geometry.seen) == seen
    assert geometry.picture == picture
    assert given.whole.shape[2:] == seen[-1]
    if given.small is not None:
        assert given.small.shape[2:] == seen[0]
        np.testing.assert_array_equal(given.small, prepare(rgb, mine.preparation)[0])
    once, geometry = views(rgb, mine.preparation, Procedure())
    assert once.small is None
    assert geometry.seen == ((64, 64),)


# --- operators -------------------------------------------------------------------------------------------------------


def test_operators_are_the_published_ones():
    case = golden.load("inspyrenet", "ops_64x96")
    plane = case.input()[0, 0]
    case.check(pyramid.expand(plane)[None, None], "expand")
    subject = (1 / (1 + np.exp(-4 * plane.astype(np.float64)))).astype(np.float32)
    for side in (5, 9, 17):
        element = np.zeros((side, side))
        for row, reach in enumerate(pyramid.ellipse(side)):
            element[row, side // 2 - reach : side // 2 + reach + 1] = 1
        np.testing.assert_array_equal(element, case.outputs[f"ellipse{side}"])
        case.check(pyramid.dilate(subject, side)[None, None], f"dilate{side}")
        case.check(pyramid.erode(subject, side)[None, None], f"erode{side}")
        found = pyramid.transition(4 * plane, side)
        assert (found != case.outputs[f"transition{side}"][0, 0]).mean() <= FLIPS


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (13, 29)])
@pytest.mark.parametrize("side", [1, 3, 5, 17])
def test_morphology_is_that_of_its_definition(shape, side):
    plane = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    reaches, radius = pyramid.ellipse(side), side // 2
    largest, smallest = np.empty_like(plane), np.empty_like(plane)
    for row, column in np.ndindex(shape):
        near = [
            plane[y, max(0, column - reach) : column + reach + 1]
            for y, reach in zip(range(row - radius, row + radius + 1), reaches, strict=True)
            if 0 <= y < shape[0]
        ]
        near = np.concatenate(near)
        largest[row, column], smallest[row, column] = near.max(), near.min()
    np.testing.assert_array_equal(pyramid.dilate(plane, side), largest)
    np.testing.assert_array_equal(pyramid.erode(plane, side), smallest)


def test_without_detail_a_blend_is_the_enlarged_answer_and_with_it_only_edges_change():
    coarse = np.full((16, 16), -8, np.float32)
    coarse[:, 8:] = 8
    none = [np.zeros((32 * 2**n, 48 * 2**n), np.float32) for n in range(3)]
    plain = pyramid.blend(coarse, none, sides=(5, 9, 17))
    assert plain.shape == (128, 192)
    assert (plain[:, :64] < -7).all()
    assert (plain[:, 128:] > 7).all()
    some = [np.full_like(plane, 0.5) for plane in none]
    sharpened = pyramid.blend(coarse, some, sides=(5, 9, 17))
    changed = np.abs(sharpened - plain) > 1e-4
    assert changed[:, 88:104].all()  # the edge lies at column 96
    assert not changed[:, :56].any()
    assert not changed[:, 136:].any()


def test_logits_of_any_size_do_not_overflow():
    plane = np.array([[-1e30, 1e30], [-200, 200]], np.float32)
    assert pyramid.transition(plane, 3).all()


# --- blends ----------------------------------------------------------------------------------------------------------


class Network:
    """An engine around a network, which returns the maps that are asked for."""

    def __init__(self, maps):
        self._maps = maps

    def __call__(self, batch):
        return self._maps(batch)


def constant(batch):
    """Logits that tell how large the picture was; Laplacians of ones."""
    count, _, height, width = batch.shape
    sizes = {"logits": 1, "laplacian.0": 4, "laplacian.1": 2, "laplacian.2": 1}
    return {
        name: np.full((count, 1, height // by, width // by), height, np.float32)
        for name, by in sizes.items()
    }


def test_the_coarse_answer_is_the_small_one_s():
    batch = np.zeros((2, 3, 128, 160), np.float32)
    given = Views(batch, np.zeros((2, 3, 64, 64), np.float32))
    maps = procedure.run(Network(constant), given, blended())
    assert maps["logits"].shape == (2, 1, 128, 160)
    np.testing.assert_allclose(
        maps["logits"], 64, rtol=0.1
    )  # no edges, no detail; expanding ripples
    alone = procedure.run(Network(constant), batch, blended())  # seen once
    np.testing.assert_allclose(alone["logits"], 128)


def test_several_pictures_are_answered_together_where_they_can():
    small = np.zeros((1, 3, 64, 64), np.float32)
    large = np.zeros((1, 3, 128, 160), np.float32)
    calls = []

    def counted(batch):
        calls.append(batch.shape)
        return constant(batch)

    same = procedure.run_each(Network(counted), [Views(large, small)] * 3, blended())
    assert calls == [(3, 3, 64, 64), (3, 3, 128, 160)]
    assert [maps["logits"].shape for maps in same] == [(1, 1, 128, 160)] * 3
    mixed = procedure.run_each(Network(counted), [Views(large, small), Views(small)], blended())
    assert [maps["logits"].shape[2:] for maps in mixed] == [(128, 160), (64, 64)]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("engine", ["pytorch", "onnx"])
def test_blends_are_the_published_ones(name, engine, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    case = golden.load("inspyrenet", name)
    config = case.facts["config"]
    mine = replace(zoo.get("inspyrenet-swinb"), arguments=arguments_of(config))
    path = tmp_path / "net.pth"
    torch.save({k: torch.from_numpy(np.asarray(v)) for k, v in case.weights().items()}, path)
    if engine == "onnx":
        pytest.importorskip("onnx", reason="needs the extra train")
        from kirie import export, nn

        net = nn.load(path, base_size=mine.arguments["base_size"])
        path = tmp_path / "net.onnx"
        export.to_onnx(net, path, card=mine, size=mine.arguments["base_size"], half=False)
    whole = case.input()
    base = mine.arguments["base_size"]
    rows, columns = ((np.arange(n) * whole.shape[2 + k]) // n for k, n in enumerate(base))
    small = np.ascontiguousarray(whole[:, :, rows][..., columns])
    with open_engine((path,), mine, engine=engine, device="cpu").engine as opened:
        maps = procedure.run(opened, Views(whole, small), mine.procedure)
    check_pixels(case, maps["logits"], "d0")
    subject = readout.probabilities(maps["logits"][0], mine.readout)
    subject = (subject - subject.min()) / (subject.max() - subject.min())
    check_pixels(case, subject[None, None], "pred")


def arguments_of(config):
    backbones = {"Res2Net50": "res2net50", "Res2Net101": "res2net101"}
    named = backbones.get(config["backbone"], f"swin_v1_{config['backbone'][-1].lower()}")
    return {"backbone": named, "depth": config["depth"], "base_size": tuple(config["base_size"])}


def check_pixels(case, have, name):
    """As `case.check`, but for the few pixels that may flip, and with the noise that was measured."""
    want = case.outputs[name]
    have = case.part(have, name)
    assert have.shape == want.shape
    wrong = np.abs(have - want) > max(case.tolerance(name), TOLERANCE) * np.abs(want).max()
    assert wrong.mean() <= FLIPS, f"{case.name} {name}: {wrong.mean():.1e} of the pixels"


# --- the whole line --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    """A small InSPyReNet with random weights, whose contexts are of a size that attention can tell apart."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn

    torch.manual_seed(0)
    net = nn.build("inspyrenet", **SMALL).eval()
    for stage, part in enumerate(net.refine):
        pixels = 64 * 64 // 4**stage
        for name in ("key", "value"):
            part.get_submodule(f"{name}.0.bn").running_var.fill_((0.3 * pixels) ** 2)
    return net


@pytest.fixture(scope="module")
def files(network, tmp_path_factory):
    """The network as kirie writes it, with its card inside."""
    pytest.importorskip("onnx", reason="needs the extra train")
    from kirie import export

    folder = tmp_path_factory.mktemp("files")
    export.to_safetensors(network, folder / "net.safetensors", card=card())
    report = export.to_onnx(network, folder / "net.onnx", card=card(), size=(64, 64), half=False)
    assert report.same_weights < 1e-4
    return folder


def pictures():
    draw = np.random.default_rng(5)
    coarse = draw.integers(0, 256, (5, 6, 3), np.uint8)
    large = np.kron(coarse, np.ones((60, 60, 1), np.uint8))  # (300, 360)
    return large, large[:90, :100].copy(), large[:200].copy()


SEEN = [((64, 64), (160, 192)), ((64, 64),), ((64, 64), (160, 288))]


@pytest.mark.torch
@pytest.mark.parametrize("file", ["net.safetensors", "net.onnx"])
def test_large_pictures_are_blended_and_others_seen_once(files, file):
    with kirie.load(files / file, device="cpu") as cutter:
        one_by_one = [cutter.cut(picture, edges="raw") for picture in pictures()]
        together = list(cutter.cut_many(pictures(), batch_size=3))
    for cutout, again, seen, picture in zip(one_by_one, together, SEEN, pictures(), strict=True):
        assert cutout.seen == again.seen == seen
        assert cutout.alpha.shape == picture.shape[:2]
        assert cutout.alpha.min() < 0.01  # stretched
        assert cutout.alpha.max() > 0.99
        np.testing.assert_allclose(cutout.alpha, again.alpha, atol=1e-5)
        assert cutout.report()["seen"] == [list(size) for size in seen]


@pytest.mark.torch
def test_engines_agree(files):
    large = pictures()[0]
    alphas = []
    for file in ("net.safetensors", "net.onnx"):
        with kirie.load(files / file, device="cpu") as cutter:
            alphas.append(cutter.cut(large, edges="raw").alpha)
    assert (np.abs(alphas[0] - alphas[1]) > 1e-4).mean() <= FLIPS


@pytest.mark.torch
def test_a_foreign_checkpoint_is_blended_like_its_model(network, tmp_path, monkeypatch):
    import torch

    torch.save(network.state_dict(), tmp_path / "net.pth")
    monkeypatch.setattr(zoo, "MODELS", (*zoo.MODELS, card(name="like-me")))
    with kirie.load(tmp_path / "net.pth", like="like-me", device="cpu") as cutter:
        assert cutter.cut(pictures()[0], edges="raw").seen == SEEN[0]


@pytest.mark.torch
def test_the_command_says_how_a_picture_was_seen(files, tmp_path, capsys):
    from PIL import Image

    from kirie.cli import main

    for name, picture in zip(("large", "small"), pictures(), strict=False):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
        model = str(files / "net.safetensors")
        assert main(["cut", str(tmp_path / f"{name}.png"), "-m", model, "--device", "cpu"]) == 0
    large, small = capsys.readouterr().err.splitlines()[:2]
    assert "360×300 (seen at 64×64 and 192×160, blended)" in large
    assert "100×90 (seen at 64×64)" in small


def test_any_network_whose_card_gives_the_maps_can_be_blended(disc):
    """The luminance threshold of the fake engine, with Laplacians of nothing."""
    mine = card(readout=ReadOut(), procedure=blended(threshold=64))
    fake = open_engine((), mine, engine="fake").engine

    def answer(batch):
        count, _, height, width = batch.shape
        none = {
            f"laplacian.{n}": np.zeros((count, 1, height // by, width // by), np.float32)
            for n, by in enumerate((4, 2, 1))
        }
        return fake(batch) | none

    engine = Network(answer)
    engine.name, engine.device, engine.precision = "maps", "cpu", "fp32"
    cutout = Cutter(mine, engine).cut(disc, edges="raw")
    assert cutout.seen == ((64, 64), (128, 160))
    assert cutout.alpha[60, 80] > 0.99
    assert cutout.alpha[5, 5] < 0.01


# --- cards -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"elements": (5, 9)},
        {"elements": (5, 9, 16)},
        {"elements": (5, 9, 0)},
        {"elements": [5, 9, 17]},
        {"maps": ("logits",), "elements": ()},
        {"threshold": -1},
        {"threshold": 1.5},
    ],
)
def test_a_procedure_checks_itself(wrong):
    with pytest.raises(BadInput, match="procedure"):
        blended(**wrong)


@pytest.mark.parametrize("wrong", [{"shorter": 100}, {"shorter": 1280.0}, {"longest": 300}])
def test_a_bound_checks_itself(wrong):
    with pytest.raises(BadInput, match="preparation"):
        replace(BOUND, **wrong)


def test_the_cards_are_the_published_configurations():
    small = [name for name in zoo.names() if name.startswith("inspyrenet") and name.endswith("-lr")]
    for name in (*small, "inspyrenet-swinb", "tb-fast"):
        mine = zoo.get(name)
        assert mine.arguments["base_size"] == mine.preparation.size == (384, 384)
        assert mine.procedure == blended(threshold=512)
        assert mine.preparation.shorter == 1280
    for name in ("tb-base", "tb-base-nightly", "inspyrenet-swinb-dh", "inspyrenet-swinb-dis5k"):
        mine = zoo.get(name)
        assert mine.arguments["base_size"] == mine.preparation.size == (1024, 1024)
        assert (mine.procedure.name, mine.preparation.policy) == ("single", "squash")
    assert zoo.get("inspyrenet-res2net50").procedure.name == "single"
    ultra = zoo.get("inspyrenet-plus-ultra")
    assert network_size((2000, 3000), ultra.preparation) == (1280, 1920)


def test_answers_are_read_out_corner_on_corner():
    raw = np.array([[[-4.0, 4.0]]], np.float32)
    mine = ReadOut(stretch=True, filter="corners")
    alpha = readout.alpha(raw, mine, Geometry(picture=(2, 5), network=(1, 2)))
    np.testing.assert_allclose(alpha, [[0, 0.25, 0.5, 0.75, 1]] * 2, atol=1e-6)
