"""InSPyReNet against what the authors' networks returned, through `nn.load` of a file in the published layout."""

import numpy as np
import pytest

import golden
from inspected import filed, told

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.attention import SICA, PAADecoder, PAAEncoder, SelfAttention  # noqa: E402
from kirie.nn.backbones import BACKBONES, nearest, outline  # noqa: E402
from kirie.nn.inspyrenet import KEYS, LAYOUTS  # noqa: E402
from kirie.nn.layers import rename  # noqa: E402
from kirie.nn.pyramid import ImagePyramid  # noqa: E402
from kirie.nn.recognise import recognise  # noqa: E402
from kirie.train.losses import (  # noqa: E402
    InSPyReNetLosses,
    inspyrenet_loss,
    inspyrenet_losses,
)

pytestmark = pytest.mark.torch

BACKBONE_OF = {
    "SwinT": "swin_v1_t",
    "SwinS": "swin_v1_s",
    "SwinB": "swin_v1_b",
    "SwinL": "swin_v1_l",
    "Res2Net50": "res2net50",
    "Res2Net101": "res2net101",
}
KNOWN = golden.names(
    "inspyrenet",
    *("swinb_384", "res2net50_384", "res2net50_352x288", "swint_256x320", "swins_256"),
    *("res2net101_256", "swinb_256_plain", "tb_fast_384"),
)
NETWORKS = [
    name
    for name in KNOWN
    if not name.startswith(("train", "blend", "ops", "modules", "recipe", "tb_remover"))
]
TRAINING = [name for name in KNOWN if name.startswith("train")]
SMALL = {"backbone": "mit_b0", "base_size": (64, 64)}


def state(case):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}


def written(folder, tensors, name):
    """A file as published: a bare state dict; the layouts take turns, so that each is read often."""
    path = folder / "latest.pth"
    if len(name) % 2:
        from safetensors.torch import save_file

        path = folder / "latest.safetensors"
        save_file(tensors, path)
    else:
        torch.save({f"module.{key}": value for key, value in tensors.items()}, path)
    return path


file = filed("inspyrenet", lambda folder, case: written(folder, state(case), case.name))


@pytest.fixture
def loaded(file):
    """(case, the network loaded from a file, the case's input)."""
    case, path = file
    config, facts = case.facts["config"], case.facts
    size = tuple(config["base_size"])
    net = nn.load(path, base_size=None if size == (384, 384) else size)
    origin, backbone = net.origin, BACKBONE_OF[facts["variant"]]
    assert (origin.family, origin.architecture) == ("inspyrenet", "inspyrenet")
    assert origin.backbone == backbone
    assert origin.options == {"backbone": backbone, "depth": config["depth"], "base_size": size}
    assert origin.assumed == {"base_size": size}
    kind = torch.float64 if facts.get("dtype") == "float64" else torch.float32
    return case, net.to(kind), torch.from_numpy(case.input()).to(kind)


def named(maps):
    """The maps by their published names."""
    return dict(zip(("d3", "d2", "d1", "d0"), maps.saliency, strict=True)) | dict(
        zip(("p2", "p1", "p0"), maps.laplacian, strict=True)
    )


def forward(net, image):
    """In one pass: the logits, all maps, and what goes on inside, by its published name."""
    inside, seen, whole = {}, [], net.maps

    def context(number):
        def note(_module, inputs, output):
            inside[f"probe_x{number}"], inside[f"probe_c{number}"] = inputs[0], output

        return note

    for number, part in enumerate(net.contexts, start=1):
        part.register_forward_hook(context(number))
    net.decoder.register_forward_hook(lambda _module, _inputs, out: inside.update(probe_f3=out[0]))
    net.maps = lambda x: seen.append(whole(x)) or seen[-1]
    with torch.inference_mode():
        logits = net(image)
    (maps,) = seen
    return logits, maps, inside


@pytest.mark.parametrize("file", NETWORKS, indirect=True)
def test_maps_are_the_published_ones(loaded):
    case, net, image = loaded
    logits, maps, inside = forward(net, image)
    assert torch.equal(logits, maps.logits)
    have = named(maps) | inside
    subject = maps.logits.sigmoid()
    have["pred"] = (subject - subject.min()) / (subject.max() - subject.min())
    inner = ("probe_f2", "probe_f1")  # inside; what they lead to is compared
    names = [name for name in case.outputs if name not in inner]
    for name in names:
        case.check(have[name], name)
    assert names


@pytest.mark.slow
@pytest.mark.parametrize("file", [*NETWORKS, *TRAINING], indirect=True)
def test_inspect_names_the_variant(file, capsys):
    case, path = file
    facts = told(path, capsys)
    backbone = BACKBONE_OF[case.facts["variant"]]
    assert (facts["family"], facts["backbone"]) == ("inspyrenet", backbone)
    depth = case.facts["config"]["depth"]
    assert facts["options"] == {
        "architecture": "inspyrenet",
        "backbone": backbone,
        "depth": depth,
        "base_size": [384, 384],
    }
    assert facts["assumed"] == {"base_size": [384, 384]}


# --- parts -----------------------------------------------------------------------------------------------------------


def filled(module, case, published, ours):
    """The module with the case's weights: `published` is its name there, `ours` that of its like in the network."""
    like = {"selfattn": "decoder.Hattn", "paa_e": "context1", "paa_d": "decoder"}
    start = like.get(published.removesuffix("_h").removesuffix("_w")) or (
        "attention2" if published == "sica3" else "attention1"
    )
    tensors = {
        rename(f"{start}{name.removeprefix(published)}", KEYS).removeprefix(f"{ours}."): value
        for name, value in state(case).items()
        if name.startswith(f"{published}.")
    }
    module.load_state_dict(tensors, strict=True)
    return module.eval()


def test_blocks_alone():
    case = golden.load("inspyrenet", "modules")
    given = {
        name: torch.from_numpy(golden.picture(each["shape"], each["seed"]))
        for name, each in case.facts["input"]["inputs"].items()
    }
    attention = "decoder.attention.height"
    with torch.inference_mode():
        for axis, name in ((2, "selfattn_h"), (3, "selfattn_w")):
            part = filled(SelfAttention(16, axis=axis), case, name, attention)
            check_channels(case, part(given["x16"]), name)
        part = filled(PAAEncoder(12, 16), case, "paa_e", "contexts.0")
        check_channels(case, part(given["x12"]), "paa_e")
        part = filled(PAADecoder(48, 16), case, "paa_d", "decoder")
        feature, saliency = part([given["x16"], given["y16b"], given["y16c"]])
        check_channels(case, feature, "paa_d_f")
        case.check(saliency, "paa_d_d")
        for name, inputs, size in (("sica3", 32, (24, 16)), ("sica5", 16, (48, 32))):
            five = name == "sica5"
            part = SICA(inputs, 16, size=size, laplacian=five)
            part = filled(part, case, name, "refine.1" if five else "refine.2")
            maps = (3 * given["smap"], 3 * given["lmap"] if five else None)
            feature, laplacian = part(given[f"x{inputs}"], *maps)
            check_channels(case, feature, f"{name}_f")
            case.check(laplacian, f"{name}_p")


def check_channels(case, have, name):
    """The case holds the first channels alone."""
    case.check(have[:, : case.outputs[name].shape[1]], name)


def test_the_pyramid():
    case = golden.load("inspyrenet", "ops_64x96")
    pyramid = ImagePyramid()
    assert not pyramid.state_dict()
    x = torch.from_numpy(case.input())
    case.check(pyramid.kernel, "kernel")
    case.check(pyramid.expand(x), "expand")
    case.check(pyramid.reduce(x), "reduce")
    reduced, laplacian = pyramid.deconstruct(x)
    case.check(reduced, "deconstruct_reduced")
    case.check(laplacian, "deconstruct_laplacian")
    case.check(pyramid.reconstruct(reduced, laplacian), "reconstruct")
    reduced, laplacian = pyramid.deconstruct(x[..., :63, :93])
    case.check(reduced, "odd_reduced")
    case.check(laplacian, "odd_laplacian")
    case.check(pyramid.reconstruct(pyramid.reduce(x), x[..., :56, :86]), "reconstruct_mismatch")


def test_the_pyramid_takes_channels_and_the_module_s_device_and_kind():
    x = torch.rand(2, 3, 10, 14, dtype=torch.float64)
    pyramid = ImagePyramid().double()
    assert pyramid.kernel.dtype == torch.float64
    each = torch.stack([pyramid.expand(x[:, [n]])[:, 0] for n in range(3)], dim=1)
    torch.testing.assert_close(pyramid.expand(x), each)
    torch.testing.assert_close(pyramid.reduce(torch.ones(1, 1, 9, 12)), torch.ones(1, 1, 5, 6))


def test_each_laplacian_learns_from_its_own_stage():
    net = nn.build("inspyrenet", **SMALL)
    truth = torch.zeros(2, 1, 64, 64)
    losses = inspyrenet_losses(net(torch.randn(2, 3, 64, 64)), truth)
    losses.bce[1].backward()  # of d2
    assert net.refine[2].head.conv.weight.grad.abs().sum() > 0
    assert net.refine[1].head.conv.weight.grad.abs().sum() == 0
    assert net.decoder.head.weight.grad.abs().sum() == 0  # d3 gets none from d2
    assert net.decoder.enter.conv.weight.grad.abs().sum() > 0  # the features do


def test_losses_refuse_a_truth_of_another_shape():
    maps = nn.build("inspyrenet", **SMALL).eval().maps(torch.zeros(1, 3, 64, 64))
    with pytest.raises(BadInput, match="must be equal"):
        inspyrenet_loss(maps, torch.zeros(1, 64, 64))
    assert InSPyReNetLosses._fields == ("bce", "iou", "consistency")


# --- network ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "parameters", "tensors"),
    [
        ("swin_v1_t", 31.20, 1457),
        ("swin_v1_s", 52.52, 1625),
        ("swin_v1_b", 90.72, 1625),
        ("res2net50", 28.10, 1790),
        ("res2net101", 47.61, 2300),
    ],
)
def test_published_sizes(backbone, parameters, tensors):
    with torch.device("meta"):
        net = nn.build("inspyrenet", backbone=backbone)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 2) == parameters
    assert len(net.state_dict()) == tensors


def test_contexts_are_summed_at_the_base_size():
    torch.manual_seed(0)
    small = nn.build("inspyrenet", **SMALL).eval()
    large = nn.build("inspyrenet", **(SMALL | {"base_size": (128, 96)})).eval()
    large.load_state_dict(small.state_dict(), strict=True)  # the size leaves no trace
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        a, b = small.maps(image), large.maps(image)
    assert torch.equal(a.saliency[0], b.saliency[0])
    assert not torch.allclose(a.laplacian[0], b.laplacian[0], rtol=1e-3)


@pytest.mark.parametrize("wrong", [{"depth": 4}, {"base_size": (384,)}, {"base_size": (2, 384)}])
def test_build_refuses_what_makes_no_network(wrong):
    with pytest.raises(BadInput, match="InSPyReNet needs"):
        nn.build("inspyrenet", **wrong)


# --- recognition -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelling", "backbone"),
    [
        ("plemeri", "swin_v1_t"),
        ("plemeri", "res2net101"),
        ("kirie", "pvt_v2_b0"),
    ],
)
def test_backbone_and_depth_are_told_by_names_and_shapes(backbone, spelling):
    layout = next(
        (each for each in LAYOUTS if spelling == "plemeri" and fits(each, backbone)), LAYOUTS[-1]
    )
    with torch.device("meta"):
        net = nn.build("inspyrenet", backbone=backbone, depth=16)
    tensors = {
        layout.published(name): torch.zeros(()).expand(value.shape)
        for name, value in net.state_dict().items()
    }
    match = recognise(tensors, None, "x.pth")
    assert match.exact
    assert match.arguments == {"backbone": backbone, "depth": 16, "base_size": (384, 384)}


def test_the_nearest_of_all_backbones_is_itself():
    for name in BACKBONES:  # two names may mean the same network
        assert outline(nearest(dict(outline(name)))) == outline(name)


def fits(layout, backbone):
    """Whether the layout is that of networks with this backbone."""
    module = BACKBONES[backbone].target.rpartition(".")[2].partition(":")[0]
    mark = {"swin": "patch_embed", "res2net": "bns"}.get(module)
    return mark in layout.keys


def test_a_damaged_file_is_refused_in_published_names(tmp_path):
    with torch.device("meta"):
        names = nn.build("inspyrenet", backbone="res2net50", depth=16).state_dict()
    layout = next(each for each in LAYOUTS if fits(each, "res2net50"))
    tensors = {layout.published(name): torch.zeros(value.shape) for name, value in names.items()}
    del tensors["attention1.lthreshold"]
    tensors["decoder.conv5.conv.weight"] = torch.zeros(3, 16, 3, 3)
    torch.save(tensors, tmp_path / "latest.pth")
    with pytest.raises(BadCheckpoint) as caught:
        nn.load(tmp_path / "latest.pth")
    assert "nearest to inspyrenet" in str(caught.value)
    assert "1 missing (attention1.lthreshold)" in str(caught.value)
    assert "decoder.conv5.conv.weight is 3×16×3×3 instead of 1×16×3×3" in str(caught.value)


def test_the_size_that_was_trained_at_is_taken_or_assumed(tmp_path):
    net = nn.build("inspyrenet", backbone="mit_b0", depth=8)
    torch.save(net.state_dict(), tmp_path / "own.pth")
    assumed = nn.load(tmp_path / "own.pth")
    assert assumed.base_size == (384, 384)
    assert assumed.origin.assumed == {"base_size": (384, 384)}
    said = nn.load(tmp_path / "own.pth", base_size=(1024, 768))
    assert said.base_size == (1024, 768)
    assert said.refine[1].size == (512, 384)
    assert said.origin.options["base_size"] == (1024, 768)
    with pytest.raises(BadInput, match="patch_order does not apply"):
        nn.load(tmp_path / "own.pth", patch_order="grid")
