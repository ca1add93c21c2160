"""IS-Net and its ground-truth encoder against what the authors' networks returned, through `nn.load` of a file."""

import numpy as np
import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")


from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn.layers import published  # noqa: E402

pytestmark = pytest.mark.torch

CASES = golden.names("isnet", "isnet_117x150", "isnet_256", "isnet_gt_encoder_96", "isnet_loss_96")
ARCHITECTURES = {"ISNetDIS": "isnet", "ISNetGTEncoder": "isnet-gt-encoder"}


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
def test_maps_and_features_are_the_published_ones(loaded):
    case, net = loaded
    config = case.facts["config"]
    assert net.origin.family == "isnet"
    assert net.origin.architecture == ARCHITECTURES[config["class"]]
    assert net.origin.options == {
        "classes": config.get("out_ch", 1),
        "channels": config.get("in_ch", 1 if is_encoder(case) else 3),
    }
    _, into = truth_and_image(case)
    with torch.inference_mode():
        maps = net.maps(into)
        assert torch.equal(net(into), maps.logits)
        checked = check_maps(case, maps)
    stored = [n for n in case.outputs if n != "target" and not n.startswith(("loss", "train."))]
    assert checked == len(stored)


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
