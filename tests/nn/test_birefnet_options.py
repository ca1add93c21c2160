"""BiRefNet's options: built, told from a file's names and shapes, and refused where they make no sense."""

import random
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.backbones import BACKBONES, build_backbone  # noqa: E402
from kirie.nn.birefnet_blocks import DeformableConvV4, by_colour, by_grid  # noqa: E402
from kirie.nn.birefnet_decoder import laplacian  # noqa: E402
from kirie.nn.birefnet_published import LAYOUTS  # noqa: E402
from kirie.nn.recognise import misfit, recognise  # noqa: E402

pytestmark = pytest.mark.torch

# the authors' layouts, by the backbone's class; the second of each reads the refiners
SWIN, PVT, RESNET, VGG = (LAYOUTS[n : n + 5 : 4] for n in range(4))
OWN = LAYOUTS[-1]
PUBLISHED = {
    **{f"swin_v1_{size}": SWIN for size in "tsbl"},
    **{f"pvt_v2_b{n}": PVT for n in range(6)},
    "resnet50": RESNET,
    "vgg16": VGG,
    "vgg16bn": VGG,
}
SMALL = {"backbone": "pvt_v2_b0", "scale_inputs": "none", "context": 0, "attention": "none"}


def skeleton(layout, name="birefnet", **arguments):
    """A published file's tensors; all zero, and without memory of their own."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in nn.build(name, **arguments).state_dict().items()}
    return {layout.published(k): torch.zeros(()).expand(shape) for k, shape in shapes.items()}


def recognised(tensors):
    match = recognise(tensors, None, "x.pth")
    return match, misfit(match, tensors, "x.pth")


# (state-dict entries, millions of parameters) of the published default configuration
@pytest.mark.parametrize(
    ("backbone", "entries", "millions"),
    [
        ("swin_v1_t", 586, 44.314),
        ("swin_v1_s", 754, 65.632),
        ("swin_v1_b", 754, 106.229),
        ("swin_v1_l", 754, 220.176),
        ("pvt_v2_b0", 573, 15.774),
        ("pvt_v2_b1", 573, 28.312),
        ("pvt_v2_b2", None, 39.666),
        ("pvt_v2_b5", 1449, 96.259),
        ("resnet50", 715, 54.798),
        ("vgg16", 423, 31.995),
        ("vgg16bn", 488, 32.004),
    ],
)
def test_published_sizes(backbone, entries, millions):
    with torch.device("meta"):
        net = nn.build("birefnet", backbone=backbone)
    assert entries in (None, len(net.state_dict()))
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=6e-4)


@pytest.mark.parametrize(
    ("options", "entries"),
    [
        ({"gates": False}, 553),
        ({"gates": False, "sides": False}, 547),
        ({"norm": "none"}, 371),
        ({"auxiliary_classes": 219}, 588),
    ],
    ids=str,
)
def test_published_sizes_with_options(options, entries):
    assert len(skeleton(SWIN[0], backbone="swin_v1_t", **options)) == entries


# --- recognition -----------------------------------------------------------------------------------------------------


def drawn(seed):
    """Random options that go together, all of them said, as a file tells them."""
    draw = random.Random(seed)  # noqa: S311  not for secrets
    pick = draw.choice
    context = pick((0, 1, 2, 3))
    squeezes = pick((1, 1, 2, 4)) if context else pick((0, 1, 3))
    sides = pick((True, True, False))
    options = {
        "backbone": pick(tuple(PUBLISHED)),
        "context": context,
        "squeezes": squeezes,
        "block": pick(("basic", "residual")),
        "attention": pick(("deformable", "aspp", "none")),
        "inner": pick((64, 64, None, 48)),
        "patches": pick(("split", "resized", "none")),
        "sides": sides,
        "gates": sides and pick((True, False)),
        "norm": pick(("batch", "batch", "none")),
        "auxiliary_classes": pick((0, 219, 7)),
        "scale_inputs": pick(("cat", "none")),
    }
    if squeezes:
        options["squeeze"] = pick(("basic", "residual", "aspp", "deformable"))
    if options["patches"] != "none":
        options["deepest_patches"] = True
    likely = {"scale_inputs": "none"} if options["scale_inputs"] == "none" else {}
    if options["patches"] == "split":
        likely["patch_order"] = "colour"
    return options, likely


@pytest.mark.parametrize(("seed", "own"), [*((n, False) for n in range(10)), (3, True), (4, True)])
def test_random_options_are_told_from_the_file(seed, own):
    options, likely = drawn(seed)
    layout = OWN if own else PUBLISHED[options["backbone"]][0]
    match, message = recognised(skeleton(layout, **options))
    assert match.exact, message
    assert match.architecture == "birefnet"
    assert match.arguments == {**options, **likely}
    assert match.assumed == likely


@pytest.mark.parametrize("refine", ["none", "itself", "refunet", "refiner", "refiner-four"])
@pytest.mark.parametrize("patches", ["none", "split", "resized"])
def test_the_network_of_2023_is_told_from_the_file(refine, patches):
    options = {"backbone": "pvt_v2_b2", "refine": refine, "patches": patches, "sides": True}
    options |= {"ender": refine == "refunet", "refine_tiles": 2}
    tensors = skeleton(PVT[1], "birefnet-2023", **options)
    match, message = recognised(tensors)
    assert match.exact, message
    assert match.architecture == "birefnet-2023"
    want = {name: value for name, value in options.items() if refine != "none"} or options
    told = {k: v for k, v in match.arguments.items() if k in want}
    assert told == {k: want[k] for k in told}
    assert match.arguments.get("refine", "none") == refine
    assert all(match.layout.reads(name) for name in tensors)


def test_refiners_beside_the_present_decoder_are_left_out():
    tensors = skeleton(SWIN[0], backbone="swin_v1_t", refine="itself", ender=True)
    match, _ = recognised(tensors)
    assert match.exact
    assert match.architecture == "birefnet"
    assert "refine" not in match.arguments
    left = [name for name in tensors if not match.layout.reads(name)]
    assert {name.partition(".")[0] for name in left} == {"stem_layer", "dec_end"}


@pytest.mark.parametrize("backbone", ["swin_v1_s", "pvt_v2_b1", "resnet50", "vgg16bn"])
def test_the_nearest_is_named_with_what_differs(backbone):
    tensors = skeleton(PUBLISHED[backbone][0], backbone=backbone)
    gone = "decoder.decoder_block3.dec_att.aspp_deforms.2.atrous_conv.offset_conv.bias"
    del tensors[gone]
    tensors["decoder.pyramid_neck_x1.conv.weight"] = torch.zeros(8, 8, 1, 1)
    bent = "squeeze_module.0.conv_out.weight"
    want = "×".join(map(str, tensors[bent].shape))
    tensors[bent] = torch.zeros(7, 64, 3, 3)
    match, message = recognised(tensors)
    assert match.backbone == backbone
    assert (
        f"nearest to birefnet with {backbone}, but does not fit it: 1 missing ({gone})" in message
    )
    assert "1 unexpected (decoder.pyramid_neck_x1.conv.weight)" in message
    assert f"{bent} is 7×64×3×3 instead of {want}" in message


@pytest.mark.parametrize("part", ["bb", "decoder"])
def test_a_file_without_a_part_is_refused(part, tmp_path):
    tensors = skeleton(PVT[0], **SMALL)
    tensors = {k: v.clone() for k, v in tensors.items() if not k.startswith(f"{part}.")}
    torch.save(tensors, tmp_path / "net.pth")
    with pytest.raises(BadCheckpoint, match=r"Nothing was loaded|no network that kirie knows"):
        nn.load(tmp_path / "net.pth")


def test_what_leaves_no_trace_is_assumed_and_said(tmp_path):
    torch.manual_seed(0)
    net = nn.build("birefnet", **SMALL).eval()
    path = tmp_path / "own.pth"
    torch.save({PVT[0].published(k): v.half() for k, v in net.state_dict().items()}, path)
    image = torch.randn(1, 3, 64, 96)
    answers = {}
    for scales, order in (("none", "colour"), ("add", "colour"), ("none", "grid")):
        again = nn.load(path, scale_inputs=scales, patch_order=order)
        assert again.origin.assumed == {"scale_inputs": scales, "patch_order": order}
        with torch.inference_mode():
            answers[scales, order] = again(image)
    with torch.inference_mode():
        assert torch.equal(nn.load(path)(image), answers["none", "colour"])
        torch.testing.assert_close(net(image), answers["none", "colour"], rtol=0.05, atol=0.05)
    values = list(answers.values())
    assert all((a - b).abs().max() > 0.01 for a, b in pairwise(values))
    with pytest.raises(BadInput, match="scale_inputs='none', and cannot be used otherwise"):
        nn.load(path, scale_inputs="cat")
    with pytest.raises(BadInput, match="refine_tiles does not apply"):
        nn.load(path, refine_tiles=1)


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {
            "context": 2,
            "squeezes": 2,
            "squeeze": "residual",
        },  # these three the published code cannot run
        {"patches": "none"},
        {"backbone": "resnet50", "scale_inputs": "add", "squeeze": "aspp", "context": 1},
        {"inner": None, "norm": "none", "block": "residual", "attention": "aspp"},
        {"gates": False, "sides": False, "patches": "resized", "squeeze": "deformable-2023"},
        {"auxiliary_classes": 3, "deepest_patches": False},
        {"attention": "deformable-v4"},
    ],
    ids=str,
)
def test_one_training_step_with_options(options):
    torch.manual_seed(0)
    net = nn.build("birefnet", **{**SMALL, "squeezes": 1, **options})
    maps = net(torch.randn(2, 3, 64, 96))
    assert maps.logits.shape == (2, 1, 64, 96)
    assert [each.shape[-2:] for each in maps.sides] in ([], [(2, 3), (4, 6), (8, 12)])
    assert len(maps.gradients) == len(maps.references)
    every = [t for each in maps for t in (each if isinstance(each, tuple) else (each,))]
    sum(each.square().mean() for each in every).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_the_fourth_version_is_told_from_its_file(tmp_path):
    own = {**SMALL, "attention": "deformable-v4", "squeeze": "deformable-v4", "squeezes": 1}
    net = nn.build("birefnet", **own).eval()
    torch.save(net.state_dict(), tmp_path / "v4.pth")
    loaded = nn.load(tmp_path / "v4.pth")
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(x), net(x))
    attends = [m for m in loaded.modules() if isinstance(m, DeformableConvV4)]
    assert [m.kernel[0] for m in attends[:4]] == [1, 1, 3, 7]
    groups = {m.modulator.out_channels // m.kernel[0] ** 2 for m in attends}
    assert groups == {256 // 16, 64 // 16}  # of the squeeze, and inside the decoder's blocks


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scale_inputs": "both"}, "scale_inputs is 'both'.*cat, add, none"),
        ({"context": 4}, "context is 4"),
        ({"squeeze": "none"}, "squeeze is 'none'"),
        ({"block": "BasicDecBlk"}, "block is 'BasicDecBlk'.*basic, residual"),
        ({"attention": "ASPP"}, "attention is 'ASPP'"),
        ({"patches": True}, "patches is True"),
        ({"patch_order": "rows"}, "colour, grid"),
        ({"norm": "layer"}, "batch, none"),
        ({"refine": "RefUNet"}, "refine is 'RefUNet'.*refunet"),
        ({"squeezes": -1, "context": 0}, "squeezes is -1"),
        ({"inner": 0}, "inner is 0"),
        ({"refine_tiles": 0}, "refine_tiles is 0"),
        ({"squeezes": 0}, "context=3 with squeezes=0"),
        ({"sides": False}, "gates=True with sides=False"),
    ],
)
def test_build_refuses_what_does_not_exist(wrong, words):
    with pytest.raises(BadInput, match=words):
        nn.build("birefnet", **{"backbone": "pvt_v2_b0", **wrong})


def test_sizes_that_cannot_be_cut_are_refused():
    net = nn.build("birefnet", **SMALL).eval()
    for size in ((64, 65), (100, 64)):
        with pytest.raises(BadInput, match=r"multiples of 32, not \d+×\d+"):
            net(torch.zeros(1, 3, *size))


def test_pieces_are_where_the_orders_say():
    """A picture whose every pixel knows its colour, row and column: 2 rows of 3 pieces, each of 4×5 pixels."""
    colour, row, column = torch.meshgrid(
        torch.arange(3), torch.arange(8), torch.arange(15), indexing="ij"
    )
    image = torch.stack((colour, row, column)).double()
    code = (image * torch.tensor([1e4, 1e2, 1.0])[:, None, None, None]).sum(0)[None]
    for c in range(3):
        for i in range(2):
            for j in range(3):
                piece = code[0, c, 4 * i : 4 * i + 4, 5 * j : 5 * j + 5]
                assert torch.equal(by_colour(code, (4, 5))[0, (c * 2 + i) * 3 + j], piece)
                assert torch.equal(by_grid(code, (4, 5))[0, (j * 2 + i) * 3 + c], piece)


def test_the_laplacian_is_of_the_mean_colour_and_mirrors_at_the_edge():
    image = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    have = laplacian(image)
    grey = torch.nn.functional.pad(image.mean(1), (2, 2, 2, 2), mode="reflect")
    for y, x in ((0, 0), (4, 3), (8, 6), (1, 5)):
        around = grey[:, y : y + 5, x : x + 5]
        want = (around.sum((1, 2)) - 25 * around[:, 2, 2]) / 48
        torch.testing.assert_close(have[:, 0, y, x], want)


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "vgg16bn"])
def test_convolutional_backbones(name):
    torch.manual_seed(0)
    backbone = build_backbone(name).eval()
    with torch.inference_mode():
        features = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(each.shape[1:]) for each in features] == [
        (channels, 16 >> n, 24 >> n) for n, channels in enumerate(backbone.channels)
    ]
    assert name in BACKBONES
