"""Small generated pictures and the engine that needs no network."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kirie

SETTINGS = ("KIRIE_HOME", "KIRIE_MIRROR", "KIRIE_OFFLINE", "KIRIE_ACCEPT", "KIRIE_TRUST")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty place for models, which does not exist yet: no test sees or changes the user's own."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KIRIE_HOME", str(tmp_path / "home of kirie"))
    return tmp_path / "home of kirie"


@pytest.fixture
def disc():
    """A white disc on dark green, (120, 160, 3) uint8; the fake engine finds the disc."""
    ys, xs = np.mgrid[0:120, 0:160]
    inside = (ys - 60) ** 2 + (xs - 80) ** 2 < 35**2
    pixels = np.empty((120, 160, 3), np.uint8)
    pixels[:] = (20, 60, 30)
    pixels[inside] = (250, 245, 240)
    return pixels


@pytest.fixture
def disc_file(tmp_path, disc):
    path = tmp_path / "disc.png"
    Image.fromarray(disc).save(path)
    return path


@pytest.fixture
def cutter():
    """The whole line with the fake engine."""
    with kirie.load(engine="fake") as opened:
        yield opened


@pytest.fixture
def data_folder():
    """The folder with evaluation and demo pictures, where KIRIE_DATA names one."""
    folder = os.environ.get("KIRIE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("KIRIE_DATA names no folder with pictures")
    return Path(folder)


@pytest.fixture
def site():
    """A loopback web server that misbehaves as told."""
    import serving

    with serving.serving() as running:
        yield running
