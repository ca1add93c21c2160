"""What `kirie models inspect FILE --json` says of a reference case's file."""

import json

import numpy as np
import pytest

import golden


def inspected(case, folder, capsys):
    """The command's facts about a file that holds the case's weights under their published names."""
    from safetensors.numpy import save_file

    path = folder / "net.safetensors"
    save_file({name: np.asarray(value) for name, value in case.weights().items()}, path)
    try:
        return told(path, capsys)
    finally:
        path.unlink()


def told(path, capsys):
    """The command's facts about a file."""
    from kirie.cli import main

    assert main(["models", "inspect", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["file"] == str(path)
    return facts


def filed(family, write):
    """A fixture for all tests of a case: (case, the file that `write(folder, case)` made). Its weights are millions of random numbers."""

    @pytest.fixture(scope="module")
    def file(request, tmp_path_factory):
        case = golden.load(family, request.param)
        path = write(tmp_path_factory.mktemp("published"), case)
        yield case, path
        path.unlink()

    return file
