"""Backbones from their publishers' ImageNet files: names, leftovers, classifiers, and what does not fit."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

from kirie import nn, weights, zoo  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput, LicenceRefused, UnknownModel  # noqa: E402
from kirie.nn.backbones import BACKBONES, build_backbone  # noqa: E402
from kirie.nn.build import construct, resolve  # noqa: E402
from kirie.nn.pretrained import load_backbone  # noqa: E402

pytestmark = pytest.mark.torch

# What an ImageNet file has besides: the classifier, the norm before it, masks for the one size it was trained at.
BESIDES = {
    "authors": {"head.weight": (10, 4), "head.bias": (10,)},
    "transformers": {"classifier.weight": (10, 4), "classifier.bias": (10,)},
    "microsoft": {
        "head.weight": (10, 4),
        "norm.weight": (4,),
        "layers.0.blocks.1.attn_mask": (64, 49, 49),
    },
}
SMALL = ["mit_b0", "pvt_v2_b0", "swin_v1_t"]
WAYS = [(name, way) for name in SMALL for way in resolve(BACKBONES[name].published)]


def published(name, way, *, meta=False):
    """A publisher's file, with random numbers: (its tensors, what they are in the backbone by our names)."""
    generator = torch.Generator().manual_seed(7)
    with torch.device("meta" if meta else "cpu"):
        state = build_backbone(name).state_dict()
    tensors, wanted = {}, {}
    for ours, built in state.items():
        if not way.has(f"backbone.{ours}"):
            continue
        value = built.clone()
        if value.is_floating_point() and not meta:
            value.normal_(generator=generator)
        wanted[ours] = value
        theirs = way.published(f"backbone.{ours}")
        if "key+value" in theirs:
            for half, part in zip(("key", "value"), value.chunk(2), strict=True):
                tensors[theirs.replace("key+value", half)] = part.clone()
        else:
            tensors[theirs] = value
    for theirs, shape in BESIDES.get(way.name, {}).items():
        tensors[theirs] = torch.ones(shape)
    return tensors, wanted


def write(path, tensors, wrapper="model"):
    torch.save({wrapper: tensors, "epoch": 300} if wrapper else tensors, path)
    return path


@pytest.mark.parametrize("wrapper", ["model", ""])
@pytest.mark.parametrize(("name", "way"), WAYS, ids=lambda x: getattr(x, "name", x))
def test_every_tensor_comes_from_the_file(name, way, wrapper, tmp_path):
    tensors, wanted = published(name, way)
    backbone = build_backbone(name)
    as_built = {key: value.clone() for key, value in backbone.state_dict().items()}
    load_backbone(backbone, name, write(tmp_path / "x.pth", tensors, wrapper))
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, wanted.get(key, as_built[key])), key
    assert len(wanted) > 0.9 * len(as_built)


def test_half_precision_and_prefixes_are_taken(tmp_path):
    from safetensors.torch import save_file

    (way,) = resolve(BACKBONES["swin_v1_t"].published)
    tensors, wanted = published("swin_v1_t", way)
    half = {f"module.{k}": v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    save_file(half, tmp_path / "x.safetensors")
    net = build_backbone("swin_v1_t")
    load_backbone(net, "swin_v1_t", tmp_path / "x.safetensors")
    assert all(p.dtype == torch.float32 for p in net.parameters())
    key = next(key for key in wanted if key.endswith("attention.qkv.weight"))
    assert torch.equal(net.state_dict()[key], wanted[key].half().float())


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_fits_its_own_files(name):
    from kirie.nn.pretrained import _best

    for way in resolve(BACKBONES[name].published):
        tensors, _ = published(name, way, meta=True)
        with torch.device("meta"):
            whole = torch.nn.ModuleDict({"backbone": build_backbone(name)})
        match = _best(tensors, name, whole, "x.pth")[1]
        assert match.exact
        assert match.layout.name == way.name


def test_build_fills_the_backbone_and_draws_the_head(tmp_path):
    authors, _ = resolve(BACKBONES["mit_b0"].published)
    tensors, wanted = published("mit_b0", authors)
    path = write(tmp_path / "mit_b0.pth", tensors)
    net = nn.build("segformer-b0", classes=3, backbone_weights=path)
    for key, value in net.backbone.state_dict().items():
        assert torch.equal(value, wanted[key])
    assert net.head.classify.weight.std() > 0
    again = nn.build("segformer", classes=3, backbone_weights=str(path))
    assert torch.equal(again.backbone.stages[0].norm.weight, wanted["stages.0.norm.weight"])


def test_what_does_not_fit_is_refused_and_nothing_is_loaded(tmp_path):
    (way,) = resolve(BACKBONES["swin_v1_t"].published)
    tensors, _ = published("swin_v1_t", way)
    del tensors["layers.3.blocks.1.mlp.fc2.bias"]
    tensors["layers.9.weight"] = torch.ones(3)
    backbone = build_backbone("swin_v1_t")
    as_built = {key: value.clone() for key, value in backbone.state_dict().items()}
    with pytest.raises(BadCheckpoint, match=r"does not fit the backbone swin_v1_t: 1 missing") as e:
        load_backbone(backbone, "swin_v1_t", write(tmp_path / "x.pth", tensors))
    assert "layers.3.blocks.1.mlp.fc2.bias" in str(e.value)
    assert "1 unexpected (layers.9.weight)" in str(e.value)
    assert all(torch.equal(v, as_built[k]) for k, v in backbone.state_dict().items())


def test_another_size_is_named(tmp_path):
    authors, _ = resolve(BACKBONES["pvt_v2_b0"].published)
    path = write(tmp_path / "x.pth", published("pvt_v2_b0", authors)[0])
    with pytest.raises(BadCheckpoint, match=r"instead of .*; this one is of pvt_v2_b0\."):
        nn.build("segformer-b0", backbone_weights=path)


@pytest.mark.parametrize("broken", ["nan", "text", "absent"])
def test_damaged_files_are_refused(broken, tmp_path):
    path = tmp_path / "x.pth"
    authors, _ = resolve(BACKBONES["mit_b0"].published)
    tensors, _ = published("mit_b0", authors)
    if broken == "nan":
        tensors["norm1.weight"][3] = float("nan")
        write(path, tensors)
    elif broken == "text":
        path.write_text("hello")
    with pytest.raises(BadCheckpoint, match=r"not finite|is text|No such weights file"):
        nn.build("segformer-b0", backbone_weights=path)


def test_networks_without_a_backbone_refuse_weights_for_it(tmp_path):
    with pytest.raises(BadInput, match="u2netp has no backbone"):
        nn.build("u2netp", backbone_weights=tmp_path / "x.pth")


def test_a_name_stands_for_its_cards_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KIRIE_HOME", str(tmp_path / "home"))
    _, hub = resolve(BACKBONES["mit_b0"].published)
    tensors, wanted = published("mit_b0", hub)
    path = write(tmp_path / "pytorch_model.bin", tensors, "")
    with pytest.raises(LicenceRefused, match="NVIDIA"):
        nn.build("segformer-b0", backbone_weights="mit_b0")
    card = zoo.backbone("mit_b0")
    weights.add(card, path, weights.Fetch(accept_licence=("mit_b0",)))
    net = nn.build("segformer-b0", backbone_weights="mit_b0")
    assert torch.equal(net.backbone.stages[0].norm.weight, wanted["stages.0.norm.weight"])
    with pytest.raises(UnknownModel, match="Did you mean 'mit_b5'"):
        nn.build("segformer-b0", backbone_weights="mit_b55")


def test_a_card_cannot_name_a_file():
    with pytest.raises(BadInput, match="no argument 'backbone_weights'"):
        construct("segformer-b0", {"backbone_weights": "/etc/passwd"})
