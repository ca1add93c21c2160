"""Files that are wrapped, halved, renamed, damaged or hostile."""

import hashlib
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from safetensors.torch import save_file  # noqa: E402

from kirie import nn  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput, KirieError, UnknownModel  # noqa: E402
from kirie.nn.layers import published  # noqa: E402
from kirie.nn.u2net import KEYS  # noqa: E402
from kirie.spec import ModelCard, Preparation  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nn.build("u2netp").eval()


@pytest.fixture(scope="module")
def state(net):
    """The weights under their published names."""
    return {published(name, KEYS): value.clone() for name, value in net.state_dict().items()}


def card(**changes):
    facts = {
        "name": "mine",
        "title": "Mine",
        "architecture": "u2netp",
        "licence": "CC0-1.0",
        "commercial": True,
        "preparation": Preparation(size=(64, 96)),
    }
    return ModelCard(**{**facts, **changes})


def same(have, want):
    return all(
        torch.equal(value, have.state_dict()[name]) for name, value in want.state_dict().items()
    )


def refused(path, *words):
    """The message with which a file is refused."""
    with pytest.raises(BadCheckpoint) as caught:
        nn.load(path)
    text = str(caught.value)
    assert path.name in text
    assert len(text) < 700
    for word in words:
        assert word in text, text
    return text


# --- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "wrap", "prefix"),
    [
        (True, None, ""),
        (False, None, ""),
        (False, None, "module."),
        (True, None, "module._orig_mod."),
        (False, None, "_orig_mod.module.module."),
        (True, "state_dict", "model."),
        (False, "model", "some_net."),
        (True, "anything", ""),
    ],
)
def test_layouts_wrappers_and_prefixes(tmp_path, net, state, *, new, wrap, prefix):
    content = OrderedDict((prefix + name, value) for name, value in state.items())
    if wrap:
        momentum = {"state": {0: {"step": torch.tensor(3.0)}}}
        content = {"epoch": 3, "optimizer": momentum, wrap: content}
    path = tmp_path / "net.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new)
    loaded = nn.load(path)
    assert same(loaded, net)
    assert not loaded.training
    assert loaded.origin.architecture == "u2netp"
    assert loaded.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.origin.parameters == 1_131_181
    assert bool(prefix) == any("prefixes" in note for note in loaded.origin.notes)


def test_a_wrapper_in_the_middle_and_leftovers_of_tools(tmp_path, net, state):
    content = {
        name.replace("stage1.", "stage1._fsdp_wrapped_module."): v for name, v in state.items()
    }
    content |= {"total_ops": torch.zeros(1), "stage1.total_params": torch.zeros(1), "epoch": 1}
    path = tmp_path / "net.pth"
    torch.save(content, path)
    assert same(nn.load(path), net)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_was_trained_beside_the_network_is_left_out(tmp_path, net, state, prefix):
    """As Lightning stores an IS-Net in training: `net.*` and `gt_encoder.*`."""
    beside = nn.build("isnet-gt-encoder").state_dict()
    content = {f"{prefix}net.{name}": value for name, value in state.items()}
    content |= {f"{prefix}gt_encoder.{name}": value for name, value in beside.items()}
    path = tmp_path / "net.ckpt"
    torch.save({"state_dict": content, "epoch": 3}, path)
    loaded = nn.load(path)
    assert same(loaded, net)
    assert any(f"gt_encoder.* ({len(beside)} tensors)" in note for note in loaded.origin.notes)
    alone = {name: value for name, value in content.items() if "gt_encoder." in name}
    torch.save({"state_dict": alone}, path)
    assert nn.load(path).origin.architecture == "isnet-gt-encoder"


def test_the_suffix_does_not_matter_and_links_are_followed(tmp_path, net, state):
    save_file(state, tmp_path / "net.pth")
    assert same(nn.load(tmp_path / "net.pth"), net)
    torch.save(state, tmp_path / "other.safetensors")
    assert same(nn.load(tmp_path / "other.safetensors"), net)
    (tmp_path / "link.bin").symlink_to(tmp_path / "other.safetensors")
    assert same(nn.load(str(tmp_path / "link.bin")), net)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(tmp_path, net, state, kind):
    path = tmp_path / "net.safetensors"
    save_file({name: value.to(kind) for name, value in state.items()}, path)  # the counters too
    loaded = nn.load(path)
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    assert any("float32" in note for note in loaded.origin.notes)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value.to(kind).to(value.dtype))


@pytest.mark.parametrize("names", ["own", "published"])
def test_a_card_tells_the_network(tmp_path, net, state, names):
    tensors = net.state_dict() if names == "own" else state
    save_file(tensors, tmp_path / "net.safetensors", metadata={"kirie": card().to_json()})
    loaded = nn.load(tmp_path / "net.safetensors")
    assert same(loaded, net)
    assert loaded.origin.licence == "CC0-1.0"
    assert loaded.origin.card.name == "mine"
    assert "64×96" in loaded.origin.input


@pytest.mark.parametrize("padding", range(16))
def test_a_header_of_any_length(tmp_path, padding):
    """The length's first byte can be that of a pickle (0x80)."""
    tiny, path = {"a.weight": torch.zeros(1)}, tmp_path / "net.safetensors"
    save_file(tiny, path, metadata={"x": "y" * (8 * padding)})
    refused(path, "no network that kirie knows")


def test_own_names_without_a_card_and_files_without_counters(tmp_path, net):
    tensors = {n: v for n, v in net.state_dict().items() if not n.endswith("num_batches_tracked")}
    save_file(tensors, tmp_path / "net.safetensors")
    loaded = nn.load(tmp_path / "net.safetensors")
    assert same(loaded, net)
    assert loaded.origin.licence is None


@pytest.mark.parametrize(
    ("name", "arguments", "variant"),
    [
        ("u2net-cloth", {}, "u2net-cloth"),
        ("u2netp", {"classes": 4}, "u2netp"),
        ("u2netp", {"classes": 7, "channels": 1}, "u2netp"),
        ("u2net", {"classes": 2, "channels": 4}, "u2net"),
    ],
)
def test_variants_are_told_from_shapes(tmp_path, name, arguments, variant):
    built = nn.build(name, **arguments)
    torch.save(built.state_dict(), tmp_path / "net.pth")
    loaded = nn.load(tmp_path / "net.pth")
    assert loaded.origin.architecture == variant
    assert loaded.origin.inferred["channels"] == arguments.get("channels", 3)
    assert same(loaded, built)


def test_loading_leaves_the_random_numbers_alone(tmp_path, state):
    torch.save(state, tmp_path / "net.pth")
    torch.manual_seed(7)
    want = torch.rand(3)
    torch.manual_seed(7)
    nn.load(tmp_path / "net.pth")
    assert torch.equal(torch.rand(3), want)


# --- what does not fit -----------------------------------------------------------------------------------------------


def test_missing_unexpected_and_misshaped_are_named(tmp_path, state):
    changed = dict(state)
    del changed["stage3.rebnconv2d.bn_s1.weight"]
    changed["extra.weight"] = torch.zeros(2)
    changed["side4.weight"] = torch.zeros(5, 64, 3, 3)
    torch.save(changed, tmp_path / "net.pth")
    refused(
        tmp_path / "net.pth",
        "nearest to u2netp",
        "1 missing (stage3.rebnconv2d.bn_s1.weight)",
        "1 unexpected (extra.weight)",
        "side4.weight is 5×64×3×3 instead of 1×64×3×3",
    )


def test_half_of_a_network_is_refused(tmp_path, state):
    part = {name: value for name, value in state.items() if name.startswith("stage1")}
    torch.save({**part, "side1.bias": state["side1.bias"]}, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "missing", "…")


def test_another_family_is_said_to_be_unknown(tmp_path):
    torch.save(torch.nn.Linear(3, 4).state_dict(), tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "no network that kirie knows", "bias", "U²-Net")


def test_cards_that_do_not_fit(tmp_path, net):
    path = tmp_path / "net.safetensors"
    tensors = net.state_dict()
    save_file(tensors, path, metadata={"kirie": card(architecture="u2net").to_json()})
    refused(path, "by its card u2net", "of another shape")
    save_file(tensors, path, metadata={"kirie": card(architecture="u3net").to_json()})
    refused(path, "'u3net'", "upgrade")
    for arguments in ({"classes": 0}, {"classes": 10**9}, {"classes": "x"}, {"depth": 3}):
        save_file(tensors, path, metadata={"kirie": card(arguments=arguments).to_json()})
        refused(path)
    save_file(tensors, path, metadata={"kirie": "{"})
    with pytest.raises(BadCheckpoint, match="card"):
        nn.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(tmp_path, state, value):
    broken = {name: tensor.clone() for name, tensor in state.items()}
    broken["stage4.rebnconvin.conv_s1.weight"][0, 0, 0, :2] = value
    torch.save(broken, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "not finite", "2 in")


def test_the_same_weights_twice(tmp_path, state):
    torch.save({**state, **{f"_orig_mod.{n}": v for n, v in state.items()}}, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "twice")


@pytest.mark.parametrize(
    "options", [{"scale_inputs": "cat"}, {"patch_order": "grid"}, {"base_size": (384, 384)}]
)
def test_options_of_other_families(tmp_path, state, options):
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(BadInput, match=r"does not apply.*u2netp"):
        nn.load(tmp_path / "net.pth", **options)


@pytest.mark.parametrize(
    "options", [{"scale_inputs": "cats"}, {"patch_order": ""}, {"base_size": 384}]
)
def test_options_that_do_not_exist(tmp_path, options):
    with pytest.raises(BadInput, match=next(iter(options))):
        nn.load(tmp_path / "any.pth", **options)


# --- hostile and damaged files ---------------------------------------------------------------------------------------


class Payload:
    """Would write a file, if it were unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("layout", ["zip", "legacy", "pickle"])
def test_code_in_a_pickle_is_not_run(tmp_path, state, layout):
    path, target = tmp_path / "net.pth", tmp_path / "run"
    content = {**state, "payload": Payload(target)}
    if layout == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    text = refused(path)
    assert layout == "pickle" or "system" in text
    assert not target.exists()


def test_a_whole_module_is_refused_with_advice(tmp_path, net):
    torch.save(net, tmp_path / "net.pth")
    refused(tmp_path / "net.pth", "U2Net", "plain state dict")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"weights, honestly\n", "text"),
        (b"<!DOCTYPE html><html>quota exceeded</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (bytes(range(1, 200)), "damaged"),
        (b"\x80\x02nonsense", "damaged"),
        (b"PK\x03\x04nonsense", "cut short"),
        (b"\x80", "damaged"),
        (struct.pack("<Q", 2**63) + b"{" * 100, "header"),
        (struct.pack("<Q", 50) + b"{" * 58, "safetensors"),
        (struct.pack("<Q", 2) + b"{}", "no weights"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weights_file(tmp_path, content, word, suffix):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    refused(path, word)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_truncated_files(tmp_path, state, kind, share):
    path = tmp_path / "net.bin"
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


def test_folders_missing_files_and_onnx(tmp_path):
    refused(tmp_path, "folder")
    refused(tmp_path / "none.pth", "No such")
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    refused(tmp_path / "loop.pth")
    (tmp_path / "net.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    refused(tmp_path / "net.onnx", "ONNX", "kirie cut")


def test_archives_that_are_not_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("net.pth", b"x")
    refused(tmp_path / "net.zip", "unpack")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/data.pkl", b"x")
        archive.writestr("script/constants.pkl", b"x")
    refused(tmp_path / "script.pt", "TorchScript")
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(10_000_000))
    refused(tmp_path / "bomb.pth", "ten times")


def test_contents_that_are_not_weights(tmp_path):
    path = tmp_path / "net.pth"
    circle = {}
    circle["self"] = circle
    for content in (
        3,
        [torch.zeros(2)],
        {},
        {"a": 1},
        {1: torch.zeros(2)},
        {"x": {"y": {}}},
        circle,
    ):
        torch.save(content, path)
        refused(path)


def test_tensors_of_other_kinds(tmp_path, state):
    path = tmp_path / "net.pth"
    name = "stage1.rebnconv1.conv_s1.weight"
    for tensor in (
        torch.zeros(16, 64, 3, 3, device="meta"),
        torch.zeros(16, 64, 3, 3, dtype=torch.complex64),
        torch.zeros(16, 64, 3, 3).to_sparse(),
        torch.zeros(16, 64, 3, 3, dtype=torch.int8),
    ):
        torch.save({**state, name: tensor}, path)
        refused(path, name)
    torch.save({**state, name: torch.zeros(1).expand(10**6, 10**6)}, path)
    refused(path, "claims")


def test_a_header_that_lies(tmp_path):
    entry = {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 8]}
    text = json.dumps({"side1.weight": entry}).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    refused(path, "safetensors")


def test_an_old_pytorch_reads_no_pickles(tmp_path, state, monkeypatch):
    torch.save(state, tmp_path / "net.pth")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(KirieError, match=r"kirie\[torch\]"):
        nn.load(tmp_path / "net.pth")


# --- build -----------------------------------------------------------------------------------------------------------


def test_unknown_names_and_arguments():
    with pytest.raises(UnknownModel, match="Did you mean 'u2netp'"):
        nn.build("u2netpp")
    with pytest.raises(BadInput, match="classes"):
        nn.build("u2net", klasses=3)
    with pytest.raises(BadInput, match="variant"):
        nn.build("u2net", variant="huge")
