"""The examples of the pages for users run as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from kirie._table import OPTIONS
from kirie.cli import main
from kirie.cli._options import flag_of

DOCS = Path(__file__).parent.parent / "docs"


def commands(page):
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    lines = (line for block in blocks for line in block.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line.startswith("kirie ")]


@pytest.mark.torch
def test_files_from_elsewhere(tmp_path, monkeypatch, disc):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    pytest.importorskip("onnx", reason="needs onnx to write files")
    from kirie import nn, zoo
    from kirie.nn import hub
    from onnxmodels import brightness, save

    monkeypatch.chdir(tmp_path)
    Image.fromarray(disc).save("photo.jpg")
    save(brightness(mean=0.5, end=["Sigmoid"], size=(64, 64)), tmp_path / "some.onnx")
    net = nn.build("u2netp")
    torch.save(net.state_dict(), "mine.pth")
    hub.save_pretrained(net, "folder", card=zoo.get("u2netp"))
    local = [line for line in commands("files-from-elsewhere.md") if "hf://" not in " ".join(line)]
    assert len(local) == 7
    for line in local:
        assert main(line[1:]) == 0, line
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [
        *("mine.pth", "mine.safetensors", "photo-cutout.png", "photo.jpg"),
        *("small.onnx", "some.onnx"),
    ]


@pytest.fixture
def street(tmp_path, monkeypatch, disc):
    """A folder with the pages' pictures; models are opened as the fake engine, which needs no weights."""
    import kirie.cutter

    real = kirie.cutter.load

    def load(model, *, engine="auto", **how):
        return real(model, engine="pytorch" if str(model).endswith(".pth") else "fake", **how)

    monkeypatch.setattr(kirie.cutter, "load", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("street.jpg", "a.jpg", "b.jpg", "photos/a.jpg", "photos/sub/b.jpg"):
        Image.fromarray(disc).save(name)
    return tmp_path


@pytest.mark.torch
def test_segment_commands(street):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn

    torch.save(nn.build("segformer-b0", classes=19).state_dict(), "mine.pth")
    lines = commands("segment.md")
    assert len(lines) == 6
    for line in lines:
        assert main(line[1:]) == 0, line
    made = ("street-classes.png", "street-overlay.png", "street-cutout.png", "look.jpg", "sky.png")
    assert all(
        (street / name).is_file() for name in (*made, "maps/a.png", "maps/sub/b-overlay.png")
    )


def test_segment_python(street):
    text = (DOCS / "segment.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code, {})  # noqa: S102  our own page
    made = ("people-and-cars.png", "overlay.png", "classes.png")
    assert all((street / name).is_file() for name in made)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)h#][^)#]*)", (DOCS / page).read_text("utf-8")):
        assert (DOCS / target).exists(), target


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_there_with_its_help_and_an_example(name):
    text = (DOCS / "options.md").read_text("utf-8")
    head = f"### `{flag_of(name)}"
    assert head in text, "run python scripts/gallery.py"
    part = text.split(head)[1].split("\n###")[0]
    assert OPTIONS[name].help[1:] in part, "run python scripts/gallery.py"
    assert "kirie cut photo.jpg" in part
    assert flag_of(name) in part.split("```")[1]


def test_every_picture_is_there():
    text = (DOCS / "options.md").read_text("utf-8")
    files = [part.split(")")[0] for part in text.split("](")[1:]]
    assert len(files) > 15
    assert all((DOCS / file).is_file() for file in files)
