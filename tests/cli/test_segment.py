"""`kirie segment`, with the fake engine (dark is the first class, bright the second) and with networks from files."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from kirie.cli import main
from kirie.zoo.labels import CITYSCAPES

MODEL = ("-m", "segformer-b0-ade", "--engine", "fake")
COLOURS = {0: (120, 120, 120), 1: (180, 120, 120)}  # wall and building


def segment(*arguments, model=MODEL):
    return main(["segment", *map(str, arguments), *model])


def read(path):
    with Image.open(path) as image:
        image.load()
        return image


def test_a_class_map_and_an_overlay_beside_the_photo(disc_file, capsys):
    assert segment(disc_file) == 0
    classes = read(disc_file.with_name("disc-classes.png"))
    assert classes.mode == "P"
    values = np.asarray(classes)
    assert values.shape == (120, 160)
    assert values[60, 80] == 1
    assert values[0, 0] == 0
    assert classes.convert("RGB").getpixel((80, 60)) == COLOURS[1]
    overlay = read(disc_file.with_name("disc-overlay.png"))
    assert overlay.mode == "RGB"
    assert overlay.height >= 120
    assert overlay.width > 200  # the legend
    assert not list(disc_file.parent.glob(".*"))
    said = capsys.readouterr().err
    for part in (
        "disc-classes.png",
        "segformer-b0-ade (NVIDIA-NC)",
        "160×120",
        "wall 80%, building 20%",
    ):
        assert part in said


def test_json_says_what_is_there(disc_file, tmp_path, capsys):
    assert segment(disc_file, "-o", tmp_path / "map.png", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    facts = json.loads(line)
    assert facts["input"] == str(disc_file)
    assert facts["output"] == str(tmp_path / "map.png")
    assert facts["overlay"] == str(tmp_path / "map-overlay.png")
    assert facts["model"] == "segformer-b0-ade"
    assert facts["size"] == [120, 160]
    assert [row["name"] for row in facts["classes"]] == ["wall", "building"]
    assert facts["classes"][1]["number"] == 1
    assert facts["error"] is None
    assert (tmp_path / "map-overlay.png").is_file()


def test_folders_are_mirrored_and_failures_named(tmp_path, disc_file, capsys):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(disc_file.read_bytes())
    (folder / "sub" / "b.png").write_bytes(disc_file.read_bytes())
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not really")
    assert segment(folder, tmp_path / "none.jpg", "-o", tmp_path / "out", "--json") == 1
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png"))
    assert made == ["a-overlay.png", "a.png", "sub/b-overlay.png", "sub/b.png"]
    captured = capsys.readouterr()
    facts = [json.loads(line) for line in captured.out.splitlines()]
    assert [bool(row["error"]) for row in facts] == [False, True, False, True]
    assert "2 segmented, 2 failed" in captured.err
    assert "Traceback" not in captured.err


def test_what_it_wrote_is_not_read_again(disc_file, capsys):
    assert segment(disc_file.parent, "--quiet") == 0
    assert segment(disc_file.parent, "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_an_overlay_never_overwrites_another_result(tmp_path, disc_file, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a-overlay.jpg"):
        Image.open(disc_file).convert("RGB").save(folder / name)
    # Named one by one: in a folder, a-overlay beside a is taken for a result.
    assert segment(folder / "a.png", folder / "a-overlay.jpg", "-o", tmp_path / "out") == 1
    assert "a-overlay.png is already the class map of" in capsys.readouterr().err
    assert (
        np.asarray(read(tmp_path / "out" / "a-overlay.png")).ndim == 2
    )  # the map of a-overlay.jpg
    source = tmp_path / "x-overlay.png"
    source.write_bytes(disc_file.read_bytes())
    disc = tmp_path / "x.png"
    disc.write_bytes(disc_file.read_bytes())
    assert segment(disc, source) == 1
    assert source.read_bytes() == disc_file.read_bytes()


@pytest.mark.parametrize(("as_", "mode"), [("classes", "P"), ("overlay", "RGB")])
def test_one_of_the_two(disc_file, as_, mode):
    assert segment(disc_file, "--as", as_) == 0
    assert read(disc_file.with_name(f"disc-{as_}.png")).mode == mode
    assert len(list(disc_file.parent.iterdir())) == 2


def test_named_things_are_cut_out(disc_file, tmp_path, capsys):
    assert segment(disc_file, "--classes", "Building, flag") == 0
    cutout = np.asarray(read(disc_file.with_name("disc-cutout.png")))
    assert cutout.shape == (120, 160, 4)
    assert cutout[60, 80, 3] == 255
    assert cutout[0, 0, 3] == 0
    out = tmp_path / "wall.webp"
    assert segment(disc_file, "--classes", "wall", "--as", "mask", "-o", out, "--json") == 0
    assert np.asarray(read(out).convert("L"))[60, 80] == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["coverage"] == pytest.approx(0.8, abs=0.03)
    assert facts["empty"] is False
    assert segment(disc_file, "--classes", "flag", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["empty"] is True
    assert "No subject" in facts["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", "bulding"], "no class 'bulding'. Did you mean 'building'"),
        (["--as", "cutout"], "give --classes with names"),
        (["--as", "mask", "--classes", " , "], "give --classes with names"),
        (["--as", "overlay", "--classes", "wall"], "goes with --as cutout or mask"),
        (["-o", "map.jpg"], "written as .png"),
        (["-o", "-"], "takes one picture"),
        (["-o", "-", "--as", "overlay", "--json"], "both want standard output"),
        (["--model", "segformer-b9-ade"], "Did you mean 'segformer-b"),
    ],
)
def test_wrong_usage_is_said_before_any_work(disc_file, arguments, said, capsys):
    assert segment(disc_file, model=(*MODEL, *arguments)) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert not captured.out
    assert len(list(disc_file.parent.iterdir())) == 1


def test_without_a_model_it_says_which_to_fetch(disc_file, capsys):
    assert segment(disc_file, model=()) == 2
    assert "kirie models pull segformer-b0-ade" in capsys.readouterr().err


def test_cut_sends_scenes_here(disc_file, capsys):
    assert main(["cut", str(disc_file), *MODEL]) == 2
    assert "kirie segment --classes wall --as cutout" in capsys.readouterr().err


def test_standard_input_and_output(disc_file, monkeypatch, capsysbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(disc_file.read_bytes())))
    assert segment("-", "--as", "classes") == 0
    image = read(io.BytesIO(capsysbinary.readouterr().out))
    assert image.mode == "P"
    assert np.asarray(image)[60, 80] == 1


def test_pictures_over_the_limit_fail_by_themselves(disc_file, capsys):
    assert segment(disc_file, "--max-pixels", 100) == 1
    assert "over the limit" in capsys.readouterr().err


# --- networks from files ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn

    torch.manual_seed(3)
    net = nn.build("segformer-b0", classes=19, eps=1e-5)
    torch.nn.init.normal_(net.head.classify.weight)  # as drawn, one class would win everywhere
    return net.eval()


def test_a_random_checkpoint_goes_from_file_to_picture(network, disc_file, tmp_path, capsys):
    import torch

    from kirie.nn.segformer import TRANSFORMERS

    published = {}
    for name, value in network.state_dict().items():
        theirs = TRANSFORMERS.published(name)
        halves = value.chunk(2) if "key+value" in theirs else [value]
        for half, part in zip(("key", "value"), halves, strict=False):
            published[theirs.replace("key+value", half)] = part.clone()
    path = tmp_path / "pytorch_model.bin"
    torch.save(published, path)
    out = tmp_path / "map.png"
    assert segment(disc_file, "-o", out, model=("-m", str(path))) == 2
    assert "--like segformer-b0-city" in capsys.readouterr().err
    like = ("-m", str(path), "--like", "segformer-b0-city-512", "--json")
    assert segment(disc_file, "-o", out, model=like) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "pytorch_model.bin"
    assert facts["engine"] == "pytorch"
    assert {row["name"] for row in facts["classes"]} <= set(CITYSCAPES.names)
    assert len(np.unique(np.asarray(read(out)))) > 1


def test_an_exported_file_needs_no_pytorch_and_says_the_same(network, disc_file, tmp_path, capsys):
    pytest.importorskip("onnx")
    from kirie import export, zoo

    card = zoo.get("segformer-b0-city")
    path = tmp_path / "scene.onnx"
    export.to_onnx(network, path, card=card, size=(64, 96), half=False)
    export.to_safetensors(network, tmp_path / "scene.safetensors", card=card_of(path))
    maps = []
    for file in (path, path.with_suffix(".safetensors")):
        out = tmp_path / f"{file.suffix[1:]}.png"
        assert segment(disc_file, "-o", out, "--as", "classes", model=("-m", str(file))) == 0
        maps.append(np.asarray(read(out)))
    said = capsys.readouterr().err
    assert "onnx on cpu" in said
    assert "pytorch on cpu" in said
    assert len(np.unique(maps[0])) > 1
    assert (maps[0] == maps[1]).mean() > 0.999


def card_of(path):
    from kirie.engines.onnx import OnnxEngine

    with OnnxEngine(path) as engine:
        return engine.card
