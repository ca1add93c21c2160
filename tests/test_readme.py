"""The README's blocks run as they stand, with the embedded model."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from kirie.cli import main

ROOT = Path(__file__).parent.parent
README, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall(README)
LINK = re.compile(r"\]\(([^)]+)\)")


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

    code = next(block for language, block in BLOCKS if "nn.load" in block)
    net = nn.build("u2netp")
    torch.save(net.state_dict(), "u2net.pth")
    scope = {"batch": torch.zeros(1, 3, 64, 64)}
    exec(code, scope)  # noqa: S102  our own README
    assert scope["logits"].shape == (1, 1, 64, 64)


def test_python_of_the_drop_ins():
    scope = {}
    exec(next(block for _, block in BLOCKS if "kirie.compat" in block), scope)  # noqa: S102  our own README
    assert callable(scope["remove"])


@pytest.mark.parametrize("text", [README, CHINESE], ids=["English", "Chinese"])
def test_files_that_the_readme_names_exist(text):
    for target in LINK.findall(text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def without_comments(block):
    """The code of a block: its comments are translated."""
    language, code = block
    if language == "python":
        return ast.dump(ast.parse(code))
    return [shlex.split(line, comments=True) for line in code.splitlines()]


def test_the_chinese_readme_says_the_same():
    """Kept beside the English one: the same code in the same order, headings, points, tables, links and names."""
    assert [without_comments(block) for block in BLOCK.findall(CHINESE)] == [
        without_comments(block) for block in BLOCKS
    ]
    texts = [BLOCK.sub("", text) for text in (README, CHINESE)]
    english, chinese = (
        {
            "headings": re.findall(r"^#+", text, re.MULTILINE),
            "points": len(re.findall(r"^- \*\*", text, re.MULTILINE)),
            "bold": text.count("**"),
            "table cells": [row.count("|") for row in text.splitlines() if row.startswith("|")],
            "paragraphs": len(re.split(r"\n{2,}", text)),
            "links": [link for link in LINK.findall(text) if not link.startswith("README")],
            "code": sorted(re.findall(r"`[^`]+`", text)),
            "numbers": sorted(re.findall(r"\d+(?:\.\d+)?", text)),
        }
        for text in texts
    )
    assert chinese == english, "README.md and README.zh-CN.md say different things"


def test_the_readmes_lead_to_each_other():
    assert "](README.zh-CN.md)" in README
    assert "](README.md)" in CHINESE
