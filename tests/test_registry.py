"""Every card is complete and true to itself."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import golden
from kirie import readout, weights, zoo
from kirie.engines import ENGINES
from kirie.errors import BadCheckpoint, UnknownModel
from kirie.prepare import Geometry, prepare
from kirie.spec import ModelCard, Preparation

CARDS = pytest.mark.parametrize("card", zoo.MODELS, ids=lambda card: card.name)
ALL = pytest.mark.parametrize("card", [*zoo.MODELS, *zoo.BACKBONES], ids=lambda card: card.name)
REMBG = (
    *("u2net", "u2netp", "u2net_human_seg", "u2net_cloth_seg", "silueta"),
    *("isnet-general-use", "isnet-anime"),
)


def test_names_and_aliases_are_unique():
    cards = (*zoo.MODELS, *zoo.BACKBONES)
    names = [name for card in cards for name in (card.name, *card.aliases)]
    assert all(zoo.find(name) in cards for name in names)
    assert len(names) == len(set(names))
    assert zoo.DEFAULT in zoo.names()


@pytest.mark.parametrize("name", REMBG)
def test_rembgs_names_are_known(name):
    (row,) = [row for row in zoo.get(name).weights if row.file == f"{name}.onnx"]
    assert row.hash.startswith("md5:")
    assert row.publisher_hash
    assert row.url.endswith(f"/{name}.onnx")


@pytest.mark.parametrize(
    "name",
    [
        f"birefnet-{each}"
        for each in ("general", "general-lite", "portrait", "dis", "massive", "cod", "hrsod")
    ],
)
def test_rembgs_birefnets_are_known(name):
    card = zoo.get(name)
    assert card.weights[0].hash.startswith("md5:")
    assert Path(card.weights[0].url).name == card.weights[0].file


@ALL
def test_card_is_complete(card):
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", card.name)  # also a folder's name
    assert card.title
    assert 0 < len(card.task) <= 16
    assert card.licence
    assert card.training_sets
    assert card.source
    assert card.weights
    files = [row.file for row in card.weights]
    assert len(files) == len(set(files))


@ALL
def test_files_are_described_well(card):
    readable = [suffix for group in ENGINES.values() for suffix in group]
    for row in card.weights:
        assert Path(row.file).suffix in readable
        assert Path(row.file).name == row.file
        assert (row.size or row.about or 0) > 0
        assert row.embedded or (urlsplit(row.url).scheme == "https" and urlsplit(row.url).netloc)
        assert re.fullmatch("(?:[0-9a-f]{8})?", row.begins)
        assert row.begins in row.file
        if row.hash:
            algorithm, _, digest = row.hash.partition(":")
            assert re.fullmatch("[0-9a-f]{64}" if algorithm == "sha256" else "[0-9a-f]{32}", digest)
            assert algorithm == "sha256" or (algorithm == "md5" and row.publisher_hash)
            assert row.size or row.publisher_hash
        else:
            assert not row.publisher_hash
        if "drive.google.com" in row.url:
            assert row.by_hand


@CARDS
def test_converted_files_are_read_as_their_checkpoint(card):
    """A file of its own way differs in what the conversion put inside, and in nothing else."""
    for row in card.weights:
        if row.readout:
            assert replace(row.readout, activation=card.readout.activation) == card.readout
        if row.procedure:
            assert replace(row.procedure, ordered=card.procedure.ordered) == card.procedure


@CARDS
def test_the_network_of_the_card_exists(card):
    torch = pytest.importorskip("torch")
    from kirie import nn

    with torch.device("meta"):
        net = nn.build(card.architecture, **card.arguments).eval()
        logits = net(torch.zeros(1, 3, 64, 64))
    assert logits.shape[1] == max(1, len(card.readout.classes))


def test_u2nets_card_is_the_published_script():
    published = golden.load("u2net", "preprocess_96")
    card = zoo.get("u2net")
    picture = published.outputs["image"][0].astype(np.uint8)
    batch, _ = prepare(picture, replace(card.preparation, size=(96, 96)))
    published.check(batch, "repo")
    height, width = published.outputs["repo_mask"].shape[1:]
    alpha = readout.alpha(
        published.outputs["map"][0],
        card.for_file(card.weights[0]).readout,
        Geometry(picture=(height, width), network=(96, 96)),
    )
    published.check(np.round(alpha * 255)[None], "repo_mask")


@CARDS
def test_card_survives_its_json(card):
    again = ModelCard.from_json(card.to_json())
    assert again.to_json() == card.to_json()
    assert (again.preparation, again.readout, again.procedure) == (
        card.preparation,
        card.readout,
        card.procedure,
    )


@CARDS
def test_embedded_files_are_the_ones_of_the_card(card):
    for file, problem in weights.verify(card):
        assert file.weights.embedded
        assert not problem


def test_backbones_are_those_of_the_networks_and_no_models():
    pytest.importorskip("torch")
    from kirie.nn.backbones import BACKBONES

    assert [card.name for card in zoo.BACKBONES if card.name not in BACKBONES] == []
    assert all(card.task == "backbone" and card.architecture == card.name for card in zoo.BACKBONES)
    with pytest.raises(UnknownModel, match="Unknown model 'swin_v1_t'"):
        zoo.get("swin_v1_t")
    with pytest.raises(UnknownModel, match=r"Unknown backbone 'u2net'.* There are swin_v1_t"):
        zoo.backbone("u2net")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownModel, match="Did you mean 'kirie-mini'"):
        zoo.get("kirie-mimi")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"kirie": 2}',
        '{"kirie": 1, "name": "x"}',
        '{"kirie": 1, "preparation": {"size": [0, 0]}}',
    ],
)
def test_a_broken_card_is_refused(text):
    with pytest.raises(BadCheckpoint, match="model card"):
        ModelCard.from_json(text)


PLACES = [
    (*place, value)
    for place, values in {
        ("name",): [7, None, "a\nb", "\x1b[31mred", "x" * 2000, ["x"]],
        ("licence",): [True, {}],
        ("commercial",): [1, "yes"],
        ("training_sets",): ["DUTS", [3], [["x"]]],
        ("arguments",): [[], "x", None],
        ("preparation",): [None, [], {"size": "64"}],
        ("preparation", "size"): [[64], [64, 64.0], [True, 64], [64, 10**30], "ab", None],
        ("preparation", "mean"): [[0, 0], [0, 0, None], [0, 0, 1e400], [0, 0, 10**400], "abc"],
        ("preparation", "std"): [[1, 1, 0], [1, 1, -1], [1, 1, 1e-300], [[1], 1, 1]],
        ("preparation", "filter"): [3, ["bilinear"]],
        ("preparation", "extra"): [1],
        ("readout", "stretch"): [1, "false"],
        ("readout", "levels"): [[0.5, 0.1], [0], [0, "1"], None],
        ("readout", "classes"): [[1], "abc"],
        ("procedure", "name"): ["magic", []],
        ("procedure", "maps"): [[], [3], "logits"],
        ("procedure", "ordered"): [0],
        ("unheard",): [1],
    }.items()
    for value in values
]


@pytest.mark.parametrize("change", PLACES, ids=repr)
def test_a_card_of_wrong_types_is_refused(change):
    """Cards travel in files that anybody can write."""
    *path, last, value = change
    content = json.loads(zoo.get("kirie-mini").to_json())
    place = content
    for step in path:
        place = place[step]
    place[last] = value
    with pytest.raises(BadCheckpoint) as caught:
        ModelCard.from_json(json.dumps(content))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have(constant):
    text = zoo.get("kirie-mini").to_json().replace("0.229", constant)
    with pytest.raises(BadCheckpoint, match="no number"):
        ModelCard.from_json(text)


def test_cards_without_end():
    for text in ("[" * 900_000, '{"a":' * 100_000, '{"kirie": 1, "x": "' + "y" * 2_000_000 + '"}'):
        with pytest.raises(BadCheckpoint, match="model card"):
            ModelCard.from_json(text)


@pytest.mark.parametrize(
    "bad",
    [
        {"size": (0, 5)},
        {"size": (9000, 5)},
        {"size": (5, 5), "filter": "magic"},
        {"size": (5, 5), "std": (1, 1, 0)},
    ],
)
def test_a_preparation_checks_itself(bad):
    from kirie.errors import BadInput

    with pytest.raises(BadInput):
        Preparation(**bad)
