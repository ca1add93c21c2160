"""Where weights live, what is remembered of them, and what is refused."""

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kirie
import published
from kirie import weights
from kirie._fetch import Job
from kirie.errors import (
    BadCheckpoint,
    BadInput,
    FetchFailed,
    LicenceRefused,
    WeightsCorrupt,
)
from kirie.spec import Procedure, ReadOut, Weights
from kirie.weights import Fetch

DATA = np.random.default_rng(1).bytes(50_000)
TRUST = Fetch(trust_first_use=True)


@pytest.fixture
def card(site):
    return published.card(site.put("/net.onnx", DATA), DATA)


@pytest.fixture
def hashless(site):
    """A model whose publisher gives no hash."""
    return published.card(site.put("/net.onnx", DATA), None)


def get(card, fetch=None, suffixes=(".onnx",)):
    return weights.locate(card, suffixes, fetch).path


def tables(home):
    return {path.stem: json.loads(path.read_text("utf-8")) for path in home.glob("*.json")}


# --- the folder ------------------------------------------------------------------------------


def test_embedded_files_need_no_home(home, monkeypatch):
    monkeypatch.setenv("KIRIE_HOME", "/dev/null/nowhere")
    with kirie.load() as cutter:
        assert cutter.card.name == "kirie-mini"
    assert not home.exists()


def test_the_home_is_the_platforms_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("KIRIE_HOME")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "kirie")
    assert weights.Settings.read().home == tmp_path / "kirie"
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/kirie"))
    with pytest.raises(FetchFailed, match=r"has no home folder.*set KIRIE_HOME"):
        weights.Settings.read()


def test_a_tilde_in_the_setting_is_the_users(monkeypatch):
    monkeypatch.setenv("KIRIE_HOME", "~/some models")
    assert weights.Settings.read().home == Path("~/some models").expanduser()


@pytest.mark.parametrize(
    ("text", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)]
)
def test_offline_can_be_switched_off_too(monkeypatch, text, offline):
    monkeypatch.setenv("KIRIE_OFFLINE", text)
    assert weights.Settings.read().offline is offline


def test_looking_makes_nothing(card, home):
    assert [file.state for file in weights.files(card)] == ["absent"]
    assert list(weights.verify(card)) == []
    assert weights.remove(card) == 0
    assert not home.exists()


def test_a_file_in_the_homes_place(card, home):
    home.write_text("a file")
    with pytest.raises(FetchFailed, match=r"Nothing can be stored in .* set KIRIE_HOME"):
        get(card)
    assert home.read_text() == "a file"


@contextmanager
def read_only(folder):
    """As a user who may read the folder, but not write to it."""
    if os.geteuid():
        modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")]}
        try:
            for path in sorted(modes, reverse=True):
                path.chmod(0o555)
            yield
        finally:
            for path in sorted(modes):
                path.chmod(modes[path])
        return
    try:
        os.seteuid(65534)
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of another kind")
def test_a_read_only_home(card, site, monkeypatch):
    """What is there works, checked at its first use and with no note of it; what is not there cannot be stored."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        monkeypatch.setenv("KIRIE_HOME", folder)
        path = home / "models" / "some-net" / "net.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(DATA)
        other = published.card(site.url + "/net.onnx", DATA, name="other-net")
        unknown = published.card(site.url + "/net.onnx", None)
        with read_only(home):
            assert get(card) == path
            with pytest.raises(FetchFailed, match=r"permission denied.*set KIRIE_HOME"):
                get(other)
            with pytest.raises(FetchFailed, match=r"permission denied.*set KIRIE_HOME"):
                get(unknown, TRUST)  # its hash could not be remembered
            with pytest.raises(FetchFailed, match=r"permission denied"):
                weights.remove(card)
            assert get(card) == path
        assert site.requests == []
        assert [p.name for p in path.parent.iterdir()] == ["net.onnx"]


# --- what is here ------------------------------------------------------------------------------


def test_a_file_is_read_whole_only_when_it_changed(card, monkeypatch):
    path = get(card)
    read = []
    real = Job.check
    monkeypatch.setattr(Job, "check", lambda *a, **k: read.append(1) or real(*a, **k))
    assert get(card) == path
    assert read == []
    os.utime(path)
    assert get(card) == path
    assert get(card) == path
    assert read == [1]


@pytest.mark.parametrize("damage", [DATA[:-1], DATA[:-1] + b"?", b""])
def test_a_damaged_file_is_refused(card, home, damage):
    path = get(card)
    path.write_bytes(damage)
    with pytest.raises(WeightsCorrupt, match="kirie models remove some-net"):
        get(card)
    ((file, problem),) = weights.verify(card)
    assert (file.path, bool(problem)) == (path, True)
    assert weights.remove(card) == len(damage)
    assert get(card).read_bytes() == DATA


def test_remove_leaves_other_models_alone(card, site, home):
    other = published.card(site.url + "/net.onnx", DATA, name="other-net")
    get(card)
    get(other)
    assert weights.remove(card) == len(DATA)
    assert [path.name for path in (home / "models").iterdir()] == ["other-net"]
    assert weights.remove(card) == 0


def test_an_engine_needs_its_own_file_alone(site, home):
    rows = tuple(
        published.card(site.put(f"/net{suffix}", DATA + suffix.encode()), DATA + suffix.encode(), file=f"net{suffix}").weights[0]
        for suffix in (".onnx", ".pth")
    )  # fmt: skip
    card = replace(published.card("", DATA), weights=rows)
    assert get(card, suffixes=(".pth", ".pt")).name == "net.pth"
    assert site.paths() == ["/net.pth"]
    both = (".onnx", ".safetensors", ".pth")
    assert get(card, suffixes=both).name == "net.pth"  # it is here already
    assert get(card, suffixes=(".onnx",)).name == "net.onnx"
    assert get(card, suffixes=both).name == "net.onnx"
    with pytest.raises(
        BadCheckpoint, match=r"published as net\.onnx, net\.pth, but .* reads \.xml"
    ):
        get(card, suffixes=(".xml",))


def test_a_file_may_answer_otherwise_than_its_card(site, card):
    own = ReadOut(activation="none")
    row = replace(card.weights[0], readout=own, procedure=Procedure(ordered=True))
    found = weights.locate(replace(card, weights=(row,)), (".onnx",)).card
    assert found.readout == own
    assert found.procedure.ordered
    assert found.preparation == card.preparation
    assert weights.locate(card, (".onnx",)).card == card


# --- trust at first use --------------------------------------------------------------------------


def test_without_a_hash_trust_is_asked_for(hashless, site, home):
    with pytest.raises(FetchFailed, match=r"gives no hash for net\.onnx.*--trust-first-use"):
        get(hashless)
    assert site.requests == []
    path = get(hashless, TRUST)
    assert path.read_bytes() == DATA
    assert list(tables(home)["trusted"]) == ["some-net/net.onnx"]
    assert get(hashless) == path  # trusted once


@pytest.mark.parametrize("name", ["some-net", "other, some-net-alias"])
def test_trust_by_environment(hashless, monkeypatch, name):
    monkeypatch.setenv("KIRIE_TRUST", name)
    assert get(hashless).is_file()


def test_a_trusted_file_that_changes_is_refused(hashless, site):
    path = get(hashless, TRUST)
    path.write_bytes(DATA[::-1])
    with pytest.raises(
        WeightsCorrupt, match=r"that of its first use here.*remove some-net --everything"
    ):
        get(hashless, TRUST)
    weights.remove(hashless)
    site.put("/net.onnx", DATA[::-1])  # the publisher changed it
    with pytest.raises(WeightsCorrupt, match="that of its first use here"):
        get(hashless, TRUST)
    assert not path.exists()
    weights.remove(hashless, everything=True)
    assert get(hashless, TRUST).read_bytes() == DATA[::-1]


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Sign in</p>", b"404: not found\n", b""])
def test_a_page_is_not_trusted(hashless, site, home, page):
    site.put("/net.onnx", page)
    with pytest.raises(WeightsCorrupt, match="a text or a web page"):
        get(hashless, TRUST)
    assert "trusted" not in tables(home)
    assert not list((home / "models").rglob("*.onnx*"))


def test_a_file_that_was_just_put_there_is_not_used_unchecked(hashless, home):
    path = home / "models" / "some-net" / "net.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    with pytest.raises(FetchFailed, match="--trust-first-use"):
        get(hashless)
    assert get(hashless, TRUST) == path
    assert "some-net/net.onnx" in tables(home)["trusted"]


# --- licences ------------------------------------------------------------------------------------


@pytest.fixture
def restricted(site):
    return published.card(site.put("/net.onnx", DATA), DATA, commercial=False)


def test_a_licence_is_accepted_once(restricted, site, home):
    with pytest.raises(LicenceRefused) as refused:
        get(restricted)
    for part in ("test-licence", "https://example.invalid/net", "--accept-licence some-net"):
        assert part in str(refused.value)
    with pytest.raises(LicenceRefused):
        get(restricted, Fetch(accept_licence=("other-net",)))
    assert site.requests == []
    path = get(restricted, Fetch(accept_licence=("some-net",)))
    assert get(restricted) == path
    with pytest.raises(LicenceRefused):  # another text than was accepted
        get(replace(restricted, licence="worse"))
    weights.remove(restricted, everything=True)
    with pytest.raises(LicenceRefused):
        get(restricted)


def test_a_licence_is_accepted_by_environment(restricted, monkeypatch):
    monkeypatch.setenv("KIRIE_ACCEPT", "x,some-net-alias")
    assert get(restricted).is_file()
    monkeypatch.delenv("KIRIE_ACCEPT")
    assert get(restricted).is_file()


def test_a_file_that_is_here_is_behind_the_gate_too(restricted, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(DATA)
    with pytest.raises(LicenceRefused):
        weights.add(restricted, path)
    weights.add(restricted, path, Fetch(accept_licence=("some-net",)))
    weights.remove(restricted)
    weights.add(restricted, path)


def test_weights_without_a_word_on_commercial_use_are_not_gated(site):
    assert get(published.card(site.put("/net.onnx", DATA), DATA, commercial=None)).is_file()


def test_one_name_is_not_a_list_of_letters():
    with pytest.raises(BadInput, match=r"\('some-net',\)"):
        Fetch(accept_licence="some-net")


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_damaged_memory_is_said(restricted, home, text):
    home.mkdir()
    (home / "accepted.json").write_text(text)
    with pytest.raises(FetchFailed, match=r"accepted\.json .*delete it"):
        get(restricted)


# --- files fetched by hand -------------------------------------------------------------------------


@pytest.fixture
def fetched(tmp_path):
    """A file as a browser leaves it."""
    path = tmp_path / "net (1).onnx"
    path.write_bytes(DATA)
    return path


def test_the_first_digits_of_a_hash_are_checked_and_not_enough(site, home):
    digest = hashlib.sha256(DATA).hexdigest()
    right, wrong = (
        published.card(site.put("/net.onnx", DATA), None, begins=digits)
        for digits in (digest[:8], f"{int(digest[:8], 16) ^ 1:08x}")
    )
    with pytest.raises(
        WeightsCorrupt, match=f"its publisher's begins with {wrong.weights[0].begins}"
    ):
        get(wrong, TRUST)
    with pytest.raises(FetchFailed, match="no hash"):
        get(right)
    assert get(right, TRUST).read_bytes() == DATA
    assert tables(home)["trusted"] == {"some-net/net.onnx": f"sha256:{digest}"}


def test_add_checks_the_hash(card, fetched, site):
    target, digest = weights.add(card, fetched)
    assert digest == card.weights[0].hash
    assert fetched.exists()
    assert get(card) == target
    assert site.requests == []
    fetched.write_bytes(DATA[::-1])
    with pytest.raises(WeightsCorrupt, match=r"net\.onnx has the hash"):
        weights.add(card, fetched)
    assert get(card) == target  # the right one stays
    assert sorted(p.name for p in target.parent.iterdir()) == ["net.onnx", "net.onnx.checked"]


def test_add_remembers_what_nobody_published(fetched, home):
    card = published.card("https://drive.invalid/x", None, by_hand=True)
    target, digest = weights.add(card, fetched)
    assert digest.startswith("sha256:")
    assert tables(home)["trusted"] == {"some-net/net.onnx": digest}
    assert get(card) == target
    fetched.write_bytes(DATA[::-1])
    with pytest.raises(WeightsCorrupt, match="that of its first use here"):
        weights.add(card, fetched)


def test_add_refuses_what_is_not_there_or_does_not_fit(card, fetched, tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        weights.add(card, tmp_path / "gone.onnx")
    other = fetched.rename(tmp_path / "net.pth")
    with pytest.raises(BadInput, match=r"does not fit some-net, which is published as net\.onnx"):
        weights.add(card, other)
    with pytest.raises(BadInput, match="inside the package"):
        weights.add(kirie.models()[0], other)
    place, _ = weights.add(card, other.rename(tmp_path / "net.onnx"))
    with pytest.raises(BadInput, match="in its place already"):
        weights.add(card, place)


def test_add_finds_the_one_of_several(site, fetched, tmp_path):
    rows = (Weights(file="a.onnx"), Weights(file="b.onnx"), Weights(file="c.pth"))
    card = replace(published.card("", DATA), weights=rows)
    with pytest.raises(BadInput, match="does not fit"):
        weights.add(card, fetched)
    target, _ = weights.add(card, fetched.rename(tmp_path / "b.onnx"))
    assert target.name == "b.onnx"


# --- from the card to the picture ----------------------------------------------------------------------


def network(outputs, *, sigmoid):
    """A brightness threshold as ONNX: one 1×1 convolution to each output; the first is the answer."""
    onnx = pytest.importorskip("onnx")
    make, real = onnx.helper, onnx.TensorProto.FLOAT
    nodes, constants, values = [], [], []
    for place, (name, scores) in enumerate(outputs.items()):
        kernel = np.asarray(scores, np.float32).reshape(-1, 3, 1, 1)
        constants.append(onnx.numpy_helper.from_array(kernel, f"kernel{place}"))
        raw = f"raw{place}" if sigmoid else name
        nodes.append(make.make_node("Conv", ["input.1", f"kernel{place}"], [raw]))
        if sigmoid:
            nodes.append(make.make_node("Sigmoid", [raw], [name]))
        values.append(make.make_tensor_value_info(name, real, [1, len(kernel), 32, 32]))
    picture = make.make_tensor_value_info("input.1", real, [1, 3, 32, 32])
    graph = make.make_graph(nodes, "g", [picture], values, constants)
    opset = [make.make_opsetid("", 11)]
    return make.make_model(graph, opset_imports=opset, ir_version=6).SerializeToString()


def alpha_of(site, data, picture, monkeypatch, **row):
    made = published.card(site.put("/net.onnx", data), data, **row)
    monkeypatch.setattr("kirie.zoo.MODELS", (made,))
    weights.remove(made)
    with kirie.load("some-net", device="cpu") as cutter:
        return [cutout.alpha for cutout in cutter.cut_many([picture, picture[::-1]])]


def test_a_converted_file_gives_the_answer_of_the_checkpoint(site, disc, monkeypatch):
    """As rembg's: the sigmoid inside, outputs with numbers for names, one picture at a time."""
    kernel = [2, 2, 2]
    plain = network({"logits": kernel}, sigmoid=False)
    converted = network({"1959": kernel, "1960": [-5, 1, 0]}, sigmoid=True)
    want = alpha_of(site, plain, disc, monkeypatch)
    row = {"readout": ReadOut(activation="none"), "procedure": Procedure(ordered=True)}
    have = alpha_of(site, converted, disc, monkeypatch, **row)
    np.testing.assert_allclose(have, want, atol=1e-6)
    assert want[0].max() > 0.9
    with pytest.raises(BadCheckpoint, match="1959"):  # by name it has no logits
        alpha_of(site, converted, disc, monkeypatch)


def test_garments_together_are_the_subject(site, disc, monkeypatch):
    """The clothes network's four classes: everything but the background."""
    scores = [[0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3]]
    data = network({"1": scores, "2": scores[::-1]}, sigmoid=False)
    cloth = kirie.zoo.get("u2net-cloth")
    row = {"readout": cloth.readout, "procedure": cloth.weights[0].procedure}
    alpha = alpha_of(site, data, disc, monkeypatch, **row)[0]
    bright = ((disc[60, 80] / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)) * 3
    power = np.exp(bright).sum()
    assert alpha[60, 80] == pytest.approx(power / (1 + power), abs=1e-3)
    assert alpha[0, 0] < 0.2
