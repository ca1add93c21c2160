"""Hugging Face layout: folders and a hub on the loopback; nothing of a repository is run."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from safetensors.torch import save_file  # noqa: E402

import kirie  # noqa: E402
from hubserver import serving  # noqa: E402
from kirie import _hub, nn, zoo  # noqa: E402
from kirie.cli import main  # noqa: E402
from kirie.errors import (  # noqa: E402
    BadCheckpoint,
    BadInput,
    FetchFailed,
    LicenceRefused,
    MissingExtra,
    Offline,
)
from kirie.nn import hub  # noqa: E402

pytestmark = pytest.mark.torch
CARD = replace(
    zoo.get("u2netp"),
    name="mine",
    licence="CC0-1.0",
    preparation=kirie.spec.Preparation(size=(32, 32)),
    weights=(),
    aliases=(),
)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nn.build("u2netp").eval()


@pytest.fixture
def folder(tmp_path, net):
    return hub.save_pretrained(net, tmp_path / "a" / "folder", card=CARD)


def same(have, want):
    return all(
        torch.equal(value, have.state_dict()[name]) for name, value in want.state_dict().items()
    )


def change(folder, **changes):
    """Write other settings into config.json; None takes one out."""
    path = folder / "config.json"
    content = {**json.loads(path.read_text("utf-8")), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), "utf-8")
    return folder


# --- folders ---------------------------------------------------------------------------------------------------------


def test_there_and_back(folder, net, disc):
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    loaded = hub.from_pretrained(folder)
    assert same(loaded, net)
    assert not loaded.training
    assert loaded.origin.card.to_json() == CARD.to_json()
    assert same(nn.load(folder / "model.safetensors"), net)
    with kirie.load(folder) as cutter:
        assert cutter.card.to_json() == CARD.to_json()
        assert cutter.cut(disc).card.name == "mine"


def test_a_folder_from_the_command_line(folder, disc_file, capsys):
    assert main(["cut", str(disc_file), "-m", str(folder)]) == 0
    assert "mine (CC0-1.0), pytorch" in capsys.readouterr().err
    assert main(["cut", str(disc_file), "-m", str(folder), "--like", "u2netp"]) == 2
    assert "leave `like` out" in capsys.readouterr().err
    assert main(["cut", str(disc_file), "-m", str(disc_file.parent / "a")]) == 2
    assert "has no weights" in capsys.readouterr().err


def test_half_precision_and_saving_again(folder, net):
    size = (folder / "model.safetensors").stat().st_size
    hub.save_pretrained(net, folder, card=CARD, half=True)
    assert (folder / "model.safetensors").stat().st_size < 0.6 * size
    assert any("float16" in note for note in hub.from_pretrained(folder).origin.notes)


def test_a_folder_that_cannot_be_written(folder, net):
    with pytest.raises(BadInput, match="cannot be made"):
        hub.save_pretrained(net, folder / "config.json" / "x", card=CARD)
    with pytest.raises(BadInput, match="other weights"):
        hub.save_pretrained(net, folder, card=replace(CARD, architecture="u2net"))


def test_a_card_in_config_alone(folder, net):
    """As another tool saves the weights again, without their header."""
    save_file(net.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    assert hub.from_pretrained(folder).origin.licence == "CC0-1.0"
    with kirie.load(folder) as cutter:
        assert cutter.card.name == "mine"
    change(folder, kirie_card=None)
    assert hub.from_pretrained(folder).origin.card is None
    with pytest.raises(BadCheckpoint, match=r"--like u2netp"):
        kirie.load(folder)
    with kirie.load(folder, like="u2netp") as cutter:
        assert cutter.card.licence == "not stated"


def test_two_cards_that_differ(folder):
    other = json.loads(replace(CARD, licence="MIT").to_json())
    change(folder, kirie_card=other)
    for load in (hub.from_pretrained, kirie.load):
        with pytest.raises(BadCheckpoint, match="otherwise than in its weights"):
            load(folder)


def test_code_in_a_repository_is_not_run(folder, net, tmp_path, monkeypatch):
    """The layout of BiRefNet on the hub: auto_map names Python files that lie beside the weights."""
    target = tmp_path / "run"
    (folder / "birefnet.py").write_text(f"open({str(target)!r}, 'w')\nclass BiRefNet: pass\n")
    (folder / "kirie_card.py").write_text((folder / "birefnet.py").read_text())
    maps = {"AutoModelForImageSegmentation": "birefnet.BiRefNet"}
    change(folder, auto_map=maps, architectures=["BiRefNet"], trust_remote_code=True)
    monkeypatch.chdir(folder)
    loaded = hub.from_pretrained(folder)
    assert same(loaded, net)
    assert any("auto_map" in note for note in loaded.origin.notes)
    assert not target.exists()


TRANSFORMERS = {
    "model_type": "segformer",
    "architectures": ["SegformerForSemanticSegmentation"],
    "num_attention_heads": [1, 2, 5, 8],
    "strides": [4, 2, 2, 2],
    "hidden_act": "gelu",
    "kirie_card": None,
}


@pytest.fixture
def theirs(folder, net):
    """As transformers writes a folder; the network is another one, with one class, which does not matter here."""
    save_file(net.state_dict(), folder / "model.safetensors")
    return change(folder, **TRANSFORMERS)


def test_names_of_classes(theirs):
    change(theirs, id2label={"0": "sky"})
    assert hub.from_pretrained(theirs).origin.labels == ("sky",)
    change(theirs, id2label=None)
    assert hub.from_pretrained(theirs).origin.labels == ()
    change(theirs, model_type="birefnet", id2label={"0": "sky", "1": "sea"})
    assert hub.from_pretrained(theirs).origin.labels == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "relu"}, "hidden_act='relu'"),
        ({"num_attention_heads": [1, 1, 1, 1]}, "num_attention_heads"),
        ({"reshape_last_stage": False}, "reshape_last_stage"),
        ({"id2label": {"0": "sky", "1": "sea"}}, "classes of its network (1)"),
        ({"id2label": {"1": "sky"}}, "classes of its network (1)"),
        ({"id2label": {"0": 7}}, "classes of its network (1)"),
        ({"id2label": {"0": "\x1b[31m"}}, "classes of its network (1)"),
        ({"id2label": ["sky"]}, "classes of its network (1)"),
        ({"id2label": 7}, "classes of its network (1)"),
        ({"id2label": {}}, "classes of its network (1)"),
    ],
)
def test_settings_that_weights_do_not_show(theirs, changes, words):
    change(theirs, **changes)
    with pytest.raises(BadCheckpoint) as caught:
        hub.from_pretrained(theirs)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"kirie_card": 3}',
        b'{"kirie_card": {"kirie": 1}}',
        b'{"kirie_card": "' + b"x" * 2_000_000 + b'"}',
    ],
)
def test_hostile_settings(folder, content):
    (folder / "config.json").write_bytes(content)
    for load in (hub.from_pretrained, kirie.load):
        with pytest.raises(BadCheckpoint) as caught:
            load(folder)
        assert len(str(caught.value)) < 600


def test_settings_of_any_size_are_not_read(folder):
    with (folder / "config.json").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(BadCheckpoint, match="far more than a description"):
        hub.from_pretrained(folder)


# --- several files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def shards(folder, net):
    """The folder with its weights in three files, and how to write their index."""
    state = net.state_dict()
    (folder / "model.safetensors").unlink()
    table = {name: f"model-{n % 3}.safetensors" for n, name in enumerate(state)}
    for file in set(table.values()):
        part = {name: state[name] for name in state if table[name] == file}
        save_file(part, folder / file)

    def write(**changes):
        content = {"metadata": {}, "weight_map": {**table, **changes}}
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps(content), "utf-8")
        return index

    return write


def test_weights_in_several_files(folder, net, shards, disc):
    index = shards()
    assert same(hub.from_pretrained(folder), net)
    loaded = nn.load(index)
    assert same(loaded, net)
    assert "read from 3 files" in loaded.origin.notes
    with kirie.load(folder) as cutter:
        assert cutter.cut(disc).card.name == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "/etc/passwd",
        "sub/x.safetensors",
        "..\\x.safetensors",
        ".safetensors",
        "x.bin",
        "x\x1b.safetensors",
        "",
        7,
    ],
)
def test_an_index_names_only_files_beside_it(shards, name):
    with pytest.raises(BadCheckpoint, match="may only name") as caught:
        nn.load(shards(x=name))
    assert str(caught.value).isprintable()


def test_an_index_of_what_is_not_there(folder, shards, net):
    with pytest.raises(BadCheckpoint, match=r"No such.*gone\.safetensors"):
        nn.load(shards(x="gone.safetensors"))
    torch.save(net.state_dict(), folder / "old.safetensors")
    with pytest.raises(BadCheckpoint, match="no safetensors file"):
        nn.load(shards(x="old.safetensors"))
    save_file(net.state_dict(), folder / "twice.safetensors")
    with pytest.raises(BadCheckpoint, match="both hold"):
        nn.load(shards(x="twice.safetensors"))
    with pytest.raises(BadCheckpoint, match="names 1003 files"):
        nn.load(shards(**{f"x{n}": f"x{n}.safetensors" for n in range(1000)}))
    index = shards()
    for content in ("{}", '{"weight_map": {}}', '{"weight_map": []}', "x"):
        index.write_text(content)
        with pytest.raises(BadCheckpoint):
            nn.load(index)


# --- the hub ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path, monkeypatch, folder):
    """A hub with the folder as `me/mine`, an empty cache, and nobody's settings."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KIRIE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    for name in ("KIRIE_OFFLINE", "KIRIE_ACCEPT"):
        monkeypatch.delenv(name, raising=False)
    with serving() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.address)
        made.files["me/mine"] = {path.name: path.read_bytes() for path in folder.iterdir()}
        yield made


def test_from_the_hub(served, net, disc):
    loaded = hub.from_pretrained("me/mine")
    assert same(loaded, net)
    assert loaded.origin.card.name == "mine"
    with kirie.load("hf://me/mine@main") as cutter:
        assert cutter.cut(disc).card.name == "hf://me/mine@main"
    assert hub.from_pretrained("me/mine", revision=served.commit("me/mine"))
    fetched = {path.rpartition("/")[2] for method, path in served.asked if "/resolve/" in path}
    assert fetched == {"config.json", "model.safetensors"}


def test_only_what_is_needed_is_fetched(served, shards, folder, net):
    shards()
    extra = {
        "birefnet.py": b"x",
        "evil.pkl": b"x",
        "optimizer.pt": b"x",
        "unused.safetensors": b"x",
    }
    own = {path.name: path.read_bytes() for path in folder.iterdir()}
    served.files["me/mine"] = {**own, **extra}
    assert same(hub.from_pretrained("me/mine"), net)
    fetched = {path.rpartition("/")[2] for method, path in served.asked if method == "GET"}
    assert not fetched & set(extra)
    assert "model-2.safetensors" in fetched


def test_offline_not_one_packet(served, monkeypatch, net):
    monkeypatch.setenv("KIRIE_OFFLINE", "1")
    for load in (hub.from_pretrained, lambda name: kirie.load(f"hf://{name}")):
        with pytest.raises(Offline, match="nothing may be fetched"):
            load("me/mine")
    with pytest.raises(Offline, match="nothing may leave"):
        hub.push_to_hub(net, "me/other", card=CARD)
    assert served.asked == []
    monkeypatch.delenv("KIRIE_OFFLINE")
    hub.from_pretrained("me/mine")
    served.asked.clear()
    monkeypatch.setenv("KIRIE_OFFLINE", "1")
    assert same(hub.from_pretrained("me/mine"), net)
    with kirie.load("hf://me/mine") as cutter:
        assert cutter.card.licence == "CC0-1.0"
    with pytest.raises(Offline):
        kirie.load("hf://me/mine", fetch=kirie.Fetch(offline=True), engine="onnx")
    assert served.asked == []


def test_a_hub_that_cannot_be_reached(served, monkeypatch, net):
    hub.from_pretrained("me/mine")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    loaded = hub.from_pretrained("me/mine")
    assert same(loaded, net)
    assert any("cannot be reached" in note for note in loaded.origin.notes)
    with pytest.raises(Offline, match="cannot be reached"):
        hub.from_pretrained("me/other")


def test_what_the_hub_refuses(served, monkeypatch):
    served.gated.add("me/gated")
    served.files["me/empty"] = {"config.json": b"{}", "weights.h5": b"x"}
    for name, words in (
        ("me/none", "no me/none on the hub"),
        ("me/mine@v9", "no me/mine at v9 on the hub"),
        ("me/gated", "accept its terms"),
        ("me/empty", "has none of model"),
    ):
        with pytest.raises(FetchFailed, match=words):
            kirie.load(f"hf://{name}")
    for name in ("mine", "a/b/c", "../etc", "me/..", "https://x/y", ""):
        with pytest.raises(BadInput, match="neither a folder nor"):
            hub.from_pretrained(name or "hf://")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"kirie\[hub\]"):
        kirie.load("hf://me/mine")


def test_the_licence_gate_stands_before_the_weights(served, folder, net, monkeypatch):
    card = replace(CARD, licence="academic", commercial=False, name="kirie-mini")
    hub.save_pretrained(net, folder, card=card)
    served.files["me/mine"] = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(LicenceRefused, match=r"hf://me/mine \(academic\)"):
        kirie.load("hf://me/mine")
    assert not any("model.safetensors" in path for _, path in served.asked)
    accepted = kirie.Fetch(accept_licence=("hf://me/mine",))
    for fetch in (accepted, None):  # remembered
        with kirie.load("hf://me/mine", fetch=fetch) as cutter:
            assert cutter.card.name == "hf://me/mine"


def test_pushing(served, net, monkeypatch):
    address = hub.push_to_hub(net, "me/new", card=CARD, message="First")
    assert address.startswith(f"{served.address}/me/new/commit/")
    assert served.private["me/new"] in {True, "private"}
    assert set(served.files["me/new"]) == {"README.md", "config.json", "model.safetensors"}
    page = served.files["me/new"]["README.md"].decode()
    assert 'license: "cc0-1.0"' in page
    assert "hf://me/new" in page
    assert same(hub.from_pretrained("me/new"), net)
    with pytest.raises(BadInput, match="revision"):
        hub.push_to_hub(net, "me/new@v1", card=CARD)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchFailed, match="could not be uploaded"):
        hub.push_to_hub(net, "me/new", card=CARD)


def test_addresses():
    assert _hub.split("hf://me/x") == ("me/x", None)
    assert _hub.split("me/x-1.0@refs/pr/1") == ("me/x-1.0", "refs/pr/1")
    for revision in ("../../y", "a b", "-x", "a" * 300, "a\n"):
        with pytest.raises(BadInput, match="no revision"):
            _hub.split(f"me/x@{revision}")
