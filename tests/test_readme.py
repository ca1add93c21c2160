"""The README's blocks run as they stand, with the embedded model."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from kirie.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def here(tmp_path, monkeypatch, disc):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "shoe.jpg", "a.jpg", "b.jpg", "photos/c.jpg"):
        Image.fromarray(disc).save(name)
    return tmp_path


def test_commands(here):
    lines = [line for language, block in BLOCKS if not language for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("kirie ")]
    assert len(commands) == 3
    for command in commands:
        assert main(command[1:]) == 0
    for name in ("photo-cutout.png", "cutouts/c.png", "shop.webp"):
        with Image.open(here / name) as made:
            assert made.size == (160, 120)


def test_python(here):
    code = next(block for language, block in BLOCKS if language == "python")
    exec(code, {})  # noqa: S102  our own README
    with Image.open(here / "white.jpg") as made:
        assert made.mode == "RGB"


def test_python_with_torch(here):
    torch = pytest.importorskip("torch")
    from kirie import nn

    code = [block for language, block in BLOCKS if language == "python"][1]
    net = nn.build("u2netp")
    torch.save(net.state_dict(), "u2net.pth")
    scope = {"batch": torch.zeros(1, 3, 64, 64)}
    exec(code, scope)  # noqa: S102  our own README
    assert scope["logits"].shape == (1, 1, 64, 64)


def test_files_that_the_readme_names_exist():
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
