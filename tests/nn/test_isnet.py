"""IS-Net and its ground-truth encoder against what the authors' networks returned, through `nn.load` of a file."""

import numpy as np
import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie.train.published import (  # noqa: E402
    isnet_feature_losses,
    isnet_loss,
    isnet_losses,
)

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.isnet import KEYS  # noqa: E402
from kirie.nn.layers import published, rename  # noqa: E402

pytestmark = pytest.mark.torch

CASES = golden.names("isnet", "isnet_117x150", "isnet_256", "isnet_gt_encoder_96", "isnet_loss_96")
ARCHITECTURES = {"ISNetDIS": "isnet", "ISNetGTEncoder": "isnet-gt-encoder"}
DISTANCES = {"MSE": "mse", "KL": "kl", "MAE": "mae", "SmoothL1": "smooth_l1"}


def state(case):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}


def save(path, tensors):
    torch.save(tensors, path)
    return path


@pytest.fixture
def loaded(request, tmp_path):
    """(case, the network loaded from a file); the layouts take turns, so that each is read often."""
    case = golden.load("isnet", request.param)
    tensors = state(case)
    if len(request.param) % 2:
        from safetensors.torch import save_file

        path = tmp_path / "net.safetensors"
        save_file(tensors, path)
    else:
        path = save(
            tmp_path / "net.pth", {f"module.{name}": value for name, value in tensors.items()}
        )
    net = nn.load(path)
    path.unlink()
    return case, net.to(kind(case))


def kind(case):
    return torch.float64 if "float64" in str(case.facts.get("dtype")) else torch.float32


def is_encoder(case):
    return case.facts["config"]["class"] == "ISNetGTEncoder"


def truth_and_image(case):
    """The ground truth, stored or made as the case tells, and what goes into the case's network."""
    image = torch.from_numpy(case.input()).to(kind(case))
    if "target" in case.outputs:
        truth = torch.from_numpy(case.outputs["target"]).to(image.dtype)
    else:
        truth = (image[:, :1] > 0.5).to(image.dtype)
    return truth, truth if is_encoder(case) else image


def encoder_of(case):
    """The ground-truth encoder of a case's losses: the case's seed and gain, the encoder's own published names."""
    net = nn.build("isnet-gt-encoder")
    facts = case.facts
    net.load_state_dict(
        {
            name: torch.from_numpy(
                np.asarray(
                    golden.tensor(published(name, KEYS), value.shape, facts["seed"], facts["gain"])
                )
            )
            for name, value in net.state_dict().items()
        }
    )
    return net.eval().to(kind(case))


def check_losses(case, maps, truth, prefix=""):
    """Every loss that the case holds under the prefix; how many."""
    wanted = [name for name in case.outputs if name.startswith(f"{prefix}loss.")]
    encoded = None
    if any(name.endswith(tuple(DISTANCES)) for name in wanted):
        with torch.no_grad():
            encoded = encoder_of(case).maps(truth)
    for name in wanted:
        what, _, mode = name.removeprefix(f"{prefix}loss.").partition(".")
        distance = DISTANCES.get(mode, "mse")
        if what == "levels":
            have = isnet_losses(maps, truth)
        elif what == "first":
            have = isnet_losses(maps, truth)[0]
        elif what == "features":
            have = isnet_feature_losses(maps, encoded, distance=distance)
        else:
            assert what == "total"
            have = isnet_loss(maps, truth, encoded if mode else None, distance=distance)
        case.check(have.detach(), name)
    return len(wanted)


def check_maps(case, maps):
    """Every map and feature that the case holds; how many."""
    checked = 0
    for name in case.outputs:
        head, number = name.rstrip("0123456789"), name.lstrip("logitfeaurd")
        if head == "logit":
            case.check(maps[int(number) - 1], name)
        elif head == "d":
            case.check(maps[int(number) - 1].sigmoid(), name)
        elif head == "feature":
            feature = maps.features[int(number) - 1]
            case.check(feature[:, : case.outputs[name].shape[1]], name)
        else:
            continue
        checked += 1
    return checked


@pytest.mark.parametrize("loaded", CASES, indirect=True)
def test_maps_features_and_losses_are_the_published_ones(loaded):
    case, net = loaded
    config = case.facts["config"]
    assert net.origin.family == "isnet"
    assert net.origin.architecture == ARCHITECTURES[config["class"]]
    assert net.origin.options == {
        "classes": config.get("out_ch", 1),
        "channels": config.get("in_ch", 1 if is_encoder(case) else 3),
    }
    truth, into = truth_and_image(case)
    with torch.inference_mode():
        maps = net.maps(into)
        assert torch.equal(net(into), maps.logits)
        checked = check_maps(case, maps) + check_losses(case, maps, truth)
    stored = [n for n in case.outputs if n != "target" and not n.startswith("train.")]
    assert checked == len(stored)


@pytest.mark.parametrize("loaded", [name for name in CASES if "loss" in name], indirect=True)
def test_one_training_step(loaded):
    case, net = loaded
    truth, into = truth_and_image(case)
    maps = net.train()(into)
    check_losses(case, maps, truth, "train.")
    isnet_loss(maps, truth, None if is_encoder(case) else encoder_of(case).maps(truth)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    buffers = dict(net.named_buffers())
    for name in case.outputs:
        if name.startswith("train.running"):
            _, statistic, layer = name.split(".", 2)
            case.check(buffers[rename(f"{layer}.{statistic}", KEYS)], name)


# --- losses ----------------------------------------------------------------------------------------------------------


def random_maps(*, size=32):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.build("isnet-gt-encoder").eval().maps(torch.rand(2, 1, size, size))


def test_feature_losses_are_what_their_formulas_say():
    maps = random_maps()
    generator = torch.Generator().manual_seed(1)
    other = maps._replace(
        features=tuple(
            f.detach() + torch.randn(f.shape, generator=generator) for f in maps.features
        )
    )
    for index, (have, want) in enumerate(zip(maps.features, other.features, strict=True)):
        gap = (have - want).abs()
        p, q = want.softmax(1), have.softmax(1)  # the encoder's and the network's
        formulas = {
            "mse": gap.square(),
            "mae": gap,
            "smooth_l1": torch.where(gap < 1, gap.square() / 2, gap - 0.5),
            "kl": p * (p / q).log(),
        }
        for distance, terms in formulas.items():
            ours = isnet_feature_losses(maps, other, distance=distance)
            torch.testing.assert_close(ours[index], terms.mean(), rtol=1e-4, atol=1e-7)


def test_no_gradient_reaches_the_encoder():
    maps, encoded = random_maps(), random_maps()
    losses = isnet_feature_losses(maps, encoded)
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(losses.sum(), [encoded.features[0]])


def test_losses_refuse_what_does_not_fit():
    maps = random_maps()
    with pytest.raises(BadInput, match="shape"):
        isnet_loss(maps, torch.zeros(2, 32, 32))
    with pytest.raises(BadInput, match="mse, kl, mae, smooth_l1"):
        isnet_feature_losses(maps, maps, distance="MSE")
    with pytest.raises(BadInput, match="same size"):
        isnet_feature_losses(maps, random_maps(size=64))


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (33, 71), (64, 96)])
def test_the_encoder_takes_any_size(size):
    net = nn.build("isnet-gt-encoder").eval()
    with torch.inference_mode():
        maps = net.maps(torch.rand(1, 1, *size))
    assert all(each.shape == (1, 1, *size) for each in maps[:6])
    assert [f.shape[1] for f in maps.features] == [64, 64, 128, 256, 512, 512]


def test_published_sizes():
    with torch.device("meta"):
        for name, parameters, tensors in [
            ("isnet", 44_046_790, 798),
            ("isnet-gt-encoder", 6_877_734, 439),
        ]:
            net = nn.build(name)
            assert sum(p.numel() for p in net.parameters()) == parameters
            assert len(net.state_dict()) == tensors


def test_build_refuses_nothing_to_read_or_write():
    for name in ("isnet", "isnet-gt-encoder"):
        for argument in ("classes", "channels"):
            with pytest.raises(BadInput, match=f"{argument}=0"):
                nn.build(name, **{argument: 0})


# --- recognition -----------------------------------------------------------------------------------------------------


def skeleton(name, **arguments):
    """A published file's tensors; all zero, and without memory of their own."""
    from kirie.nn.build import ARCHITECTURES as ROWS
    from kirie.nn.build import FAMILIES, resolve

    keys = resolve(FAMILIES[ROWS[name].family].keys)
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in nn.build(name, **arguments).state_dict().items()}
    return {published(k, keys): torch.zeros(()).expand(shape) for k, shape in shapes.items()}


def recognised(tensors):
    from kirie.nn.recognise import misfit, recognise

    match = recognise(tensors, None, "x.pth")
    return match, misfit(match, tensors, "x.pth")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("isnet", {"classes": 1, "channels": 3}),
        ("isnet", {"classes": 4, "channels": 1}),
        ("isnet-gt-encoder", {"classes": 1, "channels": 1}),
        ("isnet-gt-encoder", {"classes": 2, "channels": 3}),
        ("u2net", {"classes": 1, "channels": 3}),
        ("u2net", {"classes": 1, "channels": 64}),
        ("u2net-cloth", {"classes": 4, "channels": 3}),
        ("u2netp", {"classes": 1, "channels": 16}),
    ],
)
def test_relatives_are_told_apart(name, arguments):
    match, _ = recognised(skeleton(name, **arguments))
    assert match.exact
    assert (match.architecture, match.arguments) == (name, arguments)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("isnet", ["conv_in.weight"]),
        ("isnet", ["conv_in.weight", "conv_in.bias"]),
        ("isnet", ["side1.weight", "side1.bias"]),
        ("isnet-gt-encoder", ["conv_in.conv.weight", "conv_in.bn.weight"]),
        ("isnet-gt-encoder", ["stage1.rebnconvin.conv_s1.weight"]),
        ("u2net", ["outconv.weight", "outconv.bias"]),
        ("u2net", ["stage1.rebnconvin.conv_s1.weight"]),
    ],
)
def test_the_nearest_is_named_with_what_is_missing(name, gone):
    tensors = skeleton(name)
    for each in gone:
        del tensors[each]
    match, message = recognised(tensors)
    assert match.architecture == name
    assert (
        f"nearest to {name}, but does not fit it: {len(gone)} missing ({', '.join(gone)})"
        in message
    )


def test_a_damaged_file_is_refused_in_published_names(tmp_path):
    tensors = {
        name: torch.zeros(value.shape, dtype=value.dtype)
        for name, value in skeleton("isnet-gt-encoder").items()
    }
    tensors["conv_in.bn.weight"] = torch.zeros(7)
    with pytest.raises(BadCheckpoint, match=r"conv_in\.bn\.weight is 7 instead of 16"):
        nn.load(save(tmp_path / "net.pth", tensors))
    tensors["conv_in.conv.weight"] = torch.zeros(16, 0, 3, 3)
    with pytest.raises(BadCheckpoint, match=r"16×0×3×3 instead of 16×1×3×3"):
        nn.load(save(tmp_path / "net.pth", tensors))
