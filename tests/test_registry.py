"""Every card is complete and true to itself."""

import re

import pytest

from kirie import zoo
from kirie.errors import BadCheckpoint, UnknownModel, WeightsCorrupt
from kirie.spec import ModelCard, Preparation, Weights
from kirie.weights import locate, verify

CARDS = pytest.mark.parametrize("card", zoo.MODELS, ids=lambda card: card.name)


def test_names_and_aliases_are_unique():
    names = [name for card in zoo.MODELS for name in (card.name, *card.aliases)]
    assert len(names) == len(set(names))
    assert zoo.DEFAULT in zoo.names()


@CARDS
def test_card_is_complete(card):
    assert card.licence
    assert card.training_sets
    assert card.weights
    for weights in card.weights:
        algorithm, _, digest = weights.hash.partition(":")
        assert algorithm in ("sha256", "md5")
        assert re.fullmatch("[0-9a-f]{64}" if algorithm == "sha256" else "[0-9a-f]{32}", digest)
        assert weights.size > 0


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
    for path, weights in zip(locate(card), [w for w in card.weights if w.embedded], strict=True):
        verify(path, weights)
        assert path.stat().st_size == weights.size


def test_verify_refuses_another_file(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"other")
    with pytest.raises(WeightsCorrupt, match=r"x\.onnx has sha256"):
        verify(path, Weights(file="x.onnx", size=5, hash="sha256:" + "0" * 64))


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
