"""Cards for files that tests make up."""

import hashlib

from kirie.spec import ModelCard, Preparation, Weights


def card(url, data, *, name="some-net", file="net.onnx", commercial=True, **row):
    """A model of one file; without data its size and hash are not known."""
    if data is not None:
        row = {"size": len(data), "hash": f"sha256:{hashlib.sha256(data).hexdigest()}", **row}
    return ModelCard(
        name=name,
        title="a test's network",
        architecture="mini",
        licence="test-licence",
        commercial=commercial,
        training_sets=("none",),
        preparation=Preparation(size=(32, 32)),
        weights=(Weights(file=file, url=url, **row),),
        aliases=(f"{name}-alias",),
        source="https://example.invalid/net",
    )
