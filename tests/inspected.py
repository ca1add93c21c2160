"""What `kirie models inspect FILE --json` says of a reference case's file."""

import json

import numpy as np


def inspected(case, folder, capsys):
    """The command's facts about a file that holds the case's weights under their published names."""
    from safetensors.numpy import save_file

    from kirie.cli import main

    path = folder / "net.safetensors"
    save_file({name: np.asarray(value) for name, value in case.weights().items()}, path)
    try:
        assert main(["models", "inspect", str(path), "--json"]) == 0
    finally:
        path.unlink()
    facts = json.loads(capsys.readouterr().out)
    assert facts["file"] == str(path)
    return facts
