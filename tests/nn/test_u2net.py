"""U²-Net against what the authors' networks returned, through `nn.load` of a file in the published layout."""

import numpy as np
import pytest

import golden

torch = pytest.importorskip("torch", reason="needs the extra torch")


from kirie import nn  # noqa: E402

pytestmark = pytest.mark.torch

NETWORKS = [
    name
    for name in golden.names(
        "u2net",
        *(f"{net}_{size}" for net in ("u2net", "u2netp") for size in ("160", "187x251", "320")),
        *(f"{net}_batch2_96x128" for net in ("u2net", "u2netp")),
        *("u2net_cloth_128x96", "u2net_loss_96", "u2netp_loss_96", "u2netp_loss_75x101"),
    )
    if "preprocess" not in name
]


def state(case):
    return {name: torch.from_numpy(np.asarray(value)) for name, value in case.weights().items()}


def write(path, tensors):
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.fixture
def loaded(request, tmp_path):
    """(case, the network loaded from a file); the layouts take turns, so that each is read often."""
    case = golden.load("u2net", request.param)
    tensors = state(case)
    if len(request.param) % 2:
        path = write(tmp_path / "net.safetensors", tensors)
    else:
        path = write(
            tmp_path / "net.pth", {f"module.{name}": value for name, value in tensors.items()}
        )
    net = nn.load(path)
    path.unlink()
    return case, net


def check_origin(origin, case):
    """The variant and its size, as the case tells them."""
    assert origin.family == "u2net"
    assert origin.architecture == case.facts["variant"].removesuffix("-loss")
    assert origin.options == {
        "classes": case.facts["config"]["out_ch"],
        "channels": case.facts["config"]["in_ch"],
    }
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    assert origin.parameters == sum(
        int(np.prod(shape))
        for name, (shape, _) in case.facts["keys"].items()
        if not name.endswith(buffers)
    )


@pytest.mark.parametrize("loaded", NETWORKS, indirect=True)
def test_maps_are_the_published_ones(loaded):
    case, net = loaded
    check_origin(net.origin, case)
    with torch.inference_mode():
        maps = net.maps(torch.from_numpy(case.input()))
    checked = 0
    for name in case.outputs:
        if name.startswith(("loss", "train", "target")):
            continue
        if name.startswith("logit"):
            case.check(maps[int(name.removeprefix("logit"))], name)
        elif name == "labels":
            assert (maps.logits.argmax(1).numpy() == case.outputs[name]).mean() > 0.9999
        else:
            case.check(maps[int(name.removeprefix("d"))].sigmoid(), name)
        checked += 1
    assert checked


def test_published_sizes():
    assert sum(p.numel() for p in nn.build("u2netp").parameters()) == 1_131_181
    with torch.device("meta"):
        assert sum(p.numel() for p in nn.build("u2net").parameters()) == 44_009_869
        assert len(nn.build("u2net").state_dict()) == 798
