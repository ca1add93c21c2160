"""SegFormer against what the authors' and transformers' networks returned, through `nn.load` of a file."""

import numpy as np
import pytest

import golden
from inspected import inspected

torch = pytest.importorskip("torch", reason="needs the extra torch")


from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput  # noqa: E402
from kirie.nn import segformer  # noqa: E402
from kirie.nn.recognise import misfit, recognise  # noqa: E402

pytestmark = pytest.mark.torch

CASES = golden.names(
    "segformer",
    *("hf_b0_150_256", "hf_b0_19_96x160_loss", "hf_b0_19_99x133_odd", "hf_b0_1_128_binary"),
    *("hf_b1_19_192", "hf_b2_150_192x256", "hf_b3_150_128", "hf_b4_19_128", "hf_b5_150_128"),
    *("nvlabs_b0_19_128x160", "nvlabs_b1_150_128", "nvlabs_b2_19_96"),
)
LARGE = ("hf_b3", "hf_b4", "hf_b5")  # read from one kind of file
LAYOUTS = {"hf": ("transformers", 1e-5), "nvlabs": ("NVlabs", 1e-6)}


def written(folder, tensors, suffix):
    """A file as published: safetensors as on the hub, or the state dict inside the authors' training checkpoint."""
    path = folder / f"net{suffix}"
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save({"meta": {"epoch": 1}, "state_dict": tensors}, path)
    return path


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *((name, ".safetensors") for name in CASES),
        *((name, ".pth") for name in CASES if not name.startswith(LARGE)),
    ],
)
def test_maps_are_the_published_ones(name, suffix, tmp_path):
    case = golden.load("segformer", name)
    tensors = {key: torch.from_numpy(value) for key, value in case.weights().items()}
    net = nn.load(written(tmp_path, tensors, suffix))
    origin, config = net.origin, case.facts["config"]
    layout, eps = LAYOUTS[name.partition("_")[0]]
    assert origin.architecture == f"segformer-{config['size']}"
    assert origin.backbone == f"mit_{config['size']}"
    assert origin.options == {"classes": config["num_labels"], "eps": eps}
    assert origin.inferred["layout"] == layout
    assert not origin.assumed
    unused = case.facts.get("unused_keys", [])
    assert all(any(key in note for note in origin.notes) for key in unused)

    image = torch.from_numpy(case.input())
    with torch.inference_mode():
        maps = net.maps(image)
        assert torch.equal(net(image), maps.logits)
    checked = 1
    case.check(maps.logits, "logits")
    for key in [key for key in case.outputs if key.startswith("hidden")]:
        case.check(maps.hidden[int(key.removeprefix("hidden"))], key)
        checked += 1
    if "argmax" in case.outputs:
        size = case.outputs["argmax"].shape[-2:]
        large = torch.nn.functional.interpolate(maps.logits, size=size, mode="bilinear")
        assert (large.argmax(1).numpy() == case.outputs["argmax"]).mean() > 0.9999
        checked += 1
    others = [key for key in case.outputs if key == "labels" or key.startswith(("loss", "train"))]
    assert checked == len(case.outputs) - len(others)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_inspect_names_the_variant(name, tmp_path, capsys):
    case = golden.load("segformer", name)
    config = case.facts["config"]
    facts = inspected(case, tmp_path, capsys)
    layout, eps = LAYOUTS[name.partition("_")[0]]
    assert (facts["family"], facts["backbone"]) == ("segformer", f"mit_{config['size']}")
    assert facts["options"] == {
        "architecture": f"segformer-{config['size']}",
        "classes": config["num_labels"],
        "eps": eps,
    }
    assert facts["inferred"]["layout"] == layout
    assert not facts["assumed"]


def test_published_sizes():
    sizes = [3.753, 13.716, 27.462, 47.338, 64.108, 84.709]
    for n, millions in enumerate(sizes):
        with torch.device("meta"):
            net = nn.build(f"segformer-b{n}")
        assert round(sum(p.numel() for p in net.parameters()) / 1e6, 3) == millions


def test_blocks_are_left_out_more_and_more_often():
    net = nn.build("segformer", backbone="mit_b1", drop_path=0.7)
    rates = [block.drop_path.p for stage in net.backbone.stages for block in stage.blocks]
    np.testing.assert_allclose(rates, np.linspace(0, 0.7, 8), rtol=1e-6)
    branch = net.backbone.stages[3].blocks[1].drop_path.train()
    torch.manual_seed(0)
    kept = branch(torch.ones(10_000, 2, 3))
    assert kept.mean() == pytest.approx(1, abs=0.05)
    assert sorted(kept.unique().tolist()) == pytest.approx([0, 1 / 0.3])
    assert (kept == kept[:, :1, :1]).all()  # whole samples


@pytest.mark.parametrize(
    "wrong", [{"classes": 0}, {"backbone": "swin_v1_t"}, {"backbone": "mit_b6"}, {"width": 0}]
)
def test_build_refuses_what_does_not_exist(wrong):
    with pytest.raises(BadInput, match="SegFormer has the backbones mit_b0"):
        nn.build("segformer", **wrong)


# --- recognition -----------------------------------------------------------------------------------------------------


def skeleton(layout, **arguments):
    """A published file's tensors, halves taken apart; all zero, and without memory of their own."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in nn.build("segformer", **arguments).state_dict().items()}
    tensors = {}
    for name, shape in shapes.items():
        theirs = layout.published(name)
        halves = [theirs.replace("key+value", half) for half in ("key", "value")]
        if halves[0] == theirs:
            tensors[theirs] = torch.zeros(()).expand(shape)
            continue
        for each in halves:
            tensors[each] = torch.zeros(()).expand(shape[0] // 2, *shape[1:])
    return tensors


def recognised(tensors):
    match = recognise(tensors, None, "x.pth")
    return match, misfit(match, tensors, "x.pth")


@pytest.mark.parametrize("layout", segformer.LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize(
    "arguments",
    [
        *({"backbone": f"mit_b{n}", "classes": n + 1} for n in range(6)),
        {"backbone": "mit_b2", "classes": 171, "width": 256},
    ],
    ids=str,
)
def test_every_variant_is_told_in_every_layout(layout, arguments):
    match, _ = recognised(skeleton(layout, **arguments))
    assert match.exact
    assert match.layout is layout
    eps = {"transformers": 1e-5}.get(layout.name, 1e-6)
    given = dict(arguments)
    assert match.architecture == f"segformer-{given.pop('backbone').removeprefix('mit_')}"
    assert match.arguments == {**given, "eps": eps}


@pytest.mark.parametrize("layout", segformer.LAYOUTS, ids=lambda layout: layout.name)
def test_the_nearest_is_named_with_what_differs(layout):
    tensors = skeleton(layout, backbone="mit_b3", classes=19)
    gone = layout.published("backbone.stages.2.blocks.17.mlp.conv.weight")
    del tensors[gone]
    tensors["extra.weight"] = torch.zeros(3)
    bent = layout.published("head.fuse.weight")
    tensors[bent] = torch.zeros(768, 5, 1, 1)
    match, message = recognised(tensors)
    assert match.architecture == "segformer-b3"
    assert f"1 missing ({gone})" in message
    assert "1 unexpected (extra.weight)" in message
    assert f"{bent} is 768×5×1×1 instead of 768×3072×1×1" in message


def test_half_of_an_attention_is_not_enough():
    tensors = skeleton(segformer.TRANSFORMERS, classes=3)
    lost = "segformer.encoder.block.1.0.attention.self.value.weight"
    del tensors[lost]
    match, message = recognised(tensors)
    assert not match.exact
    assert "attention.self.key+value.weight" in message
    tensors[lost] = torch.zeros(64, 63)
    match, message = recognised(tensors)
    assert match.missing == ("backbone.stages.1.blocks.0.attention.kv.weight",)
    assert f"2 unexpected ({lost.replace('value', 'key')}, {lost})" in message


def test_our_own_state_dict_tells_all_but_eps(tmp_path):
    net = nn.build("segformer-b0", classes=2, eps=1e-5).eval()
    again = nn.load(written(tmp_path, net.state_dict(), ".pth"))
    assert again.origin.assumed == {"eps": 1e-6}
    assert again.origin.inferred["classes"] == 2
    assert "eps" not in again.origin.inferred


def test_another_head_is_refused(tmp_path):
    """mmsegmentation's own SegFormer has the same names in the backbone, but another head."""
    tensors = skeleton(segformer.AUTHORS, classes=3)
    tensors = {k: v for k, v in tensors.items() if not k.startswith("decode_head.linear_")}
    tensors |= {f"decode_head.convs.{n}.conv.weight": torch.zeros(256, 64, 1, 1) for n in range(4)}
    with pytest.raises(BadCheckpoint, match=r"nearest to segformer-b0.*missing \(decode_head"):
        nn.load(written(tmp_path, {k: v.clone() for k, v in tensors.items()}, ".pth"))
