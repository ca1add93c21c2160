import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kirie.cli import main

FAKE = ("--engine", "fake")


def cut(*arguments):
    return main(["cut", *map(str, arguments), *FAKE])


def read(path):
    with Image.open(path) as image:
        image.load()
        return image


def test_beside_the_photo(disc_file, capsys):
    assert cut(disc_file) == 0
    assert read(disc_file.with_name("disc-cutout.png")).mode == "RGBA"
    said = capsys.readouterr().err
    for part in (
        "disc-cutout.png",
        "kirie-mini (Apache-2.0)",
        "fake on cpu",
        "fp32",
        "160×120",
        " s;",
    ):
        assert part in said


@pytest.mark.parametrize(("as_", "mode"), [("mask", "L"), ("trimap", "L"), ("overlay", "RGB")])
def test_as(disc_file, as_, mode):
    assert cut(disc_file, "--as", as_) == 0
    assert read(disc_file.with_name(f"disc-{as_}.png")).mode == mode


def test_background_and_format(disc_file, tmp_path):
    assert cut(disc_file, "--background", "#ff0000", "-o", tmp_path / "red.jpg") == 0
    assert read(tmp_path / "red.jpg").getpixel((0, 0)) == pytest.approx((254, 0, 0), abs=3)
    assert cut(disc_file, "--background", "blur", "--format", "webp") == 0
    assert read(tmp_path / "disc-cutout.webp").format == "WEBP"


def test_many_with_failures(tmp_path, disc_file, capsys):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    good = disc_file.read_bytes()
    (folder / "good 1'\".png").write_bytes(good)
    (folder / "sub" / "良い.png").write_bytes(good)
    (folder / "truncated.jpg").write_bytes(jpeg()[:2000])
    (folder / "huge.png").write_bytes(huge_png())
    (folder / "text.jpg").write_text("hello, I am a text")
    (folder / "empty.png").write_bytes(b"")
    out = tmp_path / "out"
    assert cut(folder, "-o", out) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    for name in ("truncated.jpg", "huge.png", "text.jpg", "empty.png"):
        assert len([line for line in said.splitlines() if name in line]) == 1
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        ".kirie-journal.jsonl",
        "good 1'\".png",
        "sub/良い.png",
    ]
    assert "2 cut, 4 failed" in said


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission(disc_file, capsys):
    disc_file.chmod(0)
    assert cut(disc_file) == 1
    assert "ermission" in capsys.readouterr().err


def test_json_is_one_object_per_picture(disc_file, tmp_path, capsys):
    (tmp_path / "black.png").write_bytes(black())
    assert (
        cut(
            disc_file,
            tmp_path / "black.png",
            tmp_path / "gone.png",
            "-o",
            tmp_path / "o",
            "--json",
            "--quiet",
        )
        == 1
    )
    first, empty, gone = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    keys = (
        "input output model licence engine device precision size seen coverage bbox empty touches_border confidence notes "
        "timings skipped error"
    )
    for line in (first, empty, gone):
        assert list(line) == keys.split()
    assert first["size"] == [120, 160]
    assert first["seen"] == [[288, 288]]
    assert first["error"] is None
    assert empty["empty"] is True
    assert empty["bbox"] is None
    assert "gone.png" in gone["error"]
    assert gone["output"] is None


def test_every_option_reaches_the_cut(disc_file, tmp_path):
    """A crop, where the option stands alone before the input; a negative number; a file of another kind."""
    assert cut("--crop", disc_file, "--shift", "-3", "-o", tmp_path / "small.png") == 0
    assert cut("--crop", "10", disc_file, "-o", tmp_path / "wide.png") == 0
    small, wide = (read(tmp_path / f"{name}.png").size for name in ("small", "wide"))
    assert small[0] == pytest.approx(64, abs=2)
    assert wide[0] == pytest.approx(90, abs=2)
    assert cut(disc_file, "--as", "contour") == cut(disc_file, "--as", "coco", "-o", tmp_path) == 0
    assert disc_file.with_name("disc-contour.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "disc.json").read_text())["annotations"]


def test_standard_input_and_output(disc_file):
    command = [sys.executable, "-m", "kirie", "cut", "-", "-o", "-", *FAKE]
    done = subprocess.run(command, input=disc_file.read_bytes(), capture_output=True, check=True)
    assert read(io.BytesIO(done.stdout)).mode == "RGBA"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x.jpg", "--background", "nonsense"], "neither a colour"),
        (["x.jpg", "-o", "x.out.jpg"], "JPEG cannot be transparent"),
        (["x.jpg", "--format", "docx"], "docx"),
        (["x.jpg", "-m", "u3net"], "Unknown model"),
        (["x.jpg", "--max-pixels", "0"], "max_pixels"),
        (["x.jpg", "y.jpg", "-o", "z.png"], "one file"),
        (["x.jpg", "--as", "mask", "--background", "white"], "goes with a cutout"),
        (["-", "-o", "-", "--json"], "standard output"),
        (["x.jpg", "--shift", "far"], "shift is 'far'"),
        (["x.jpg", "--roi", "1,2,3"], "roi is '1,2,3'"),
        (["x.jpg", "--outline", "5 nocolour"], "no colour"),
        (["x.jpg", "--depth", "16", "--format", "webp"], "depth 16"),
        (["x.jpg", "--depth", "16", "-o", "y.webp"], "depth 16"),
        (["x.jpg", "--as", "contour", "--format", "png"], "SVG files"),
        (["x.jpg", "--edges", "raw", "--decontaminate", "0.5"], "choose one"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(arguments, said, capsys):
    assert main(["cut", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_wrong_option_is_one_sentence_and_code_2(capsys):
    with pytest.raises(SystemExit) as end:
        main(["cut", "x.jpg", "--as", "sketch"])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_device_cuda_without_a_gpu(disc_file, capsys):
    from kirie.engines.onnx import providers

    if "CUDAExecutionProvider" in providers():
        pytest.skip("this onnxruntime has a CUDA part")
    assert main(["cut", str(disc_file), "--device", "cuda"]) == 2
    assert "No GPU can be used" in capsys.readouterr().err
    assert not disc_file.with_name("disc-cutout.png").exists()


def test_models_and_doctor(capsys):
    assert main(["models", "list"]) == 0
    assert "kirie-mini" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "kirie-mini"
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "onnxruntime" in said
    assert "the embedded model runs" in said
    assert main(["doctor", "--json"]) == 0
    assert {f["state"] for f in json.loads(capsys.readouterr().out)} <= {"ok", "missing", "problem"}


def jpeg():
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def black():
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def huge_png():
    """A PNG header that promises 60 000 × 60 000 pixels, and nothing else."""
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    )


def test_names_that_lead_nowhere(tmp_path, monkeypatch, disc_file, capsys):
    """An unset variable is not the current folder; a loop of links and an address are one sentence each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, said in (
        ("", "empty name"),
        ("loop.png", "loop.png"),
        ("https://x/y.png", "the web"),
    ):
        assert cut(name) == 1
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1
    assert not list(tmp_path.glob("*-cutout.png"))


def test_a_small_limit_is_said_in_pixels(disc_file, capsys):
    assert cut(disc_file, "--max-pixels", "10") == 1
    assert "over the limit of 10:" in capsys.readouterr().err


def test_damaged_exif_data_are_no_business_of_a_user(tmp_path, capfd):
    """Pillow warns of them, with the line of its own source; the picture is whole."""
    tags = Image.Exif()
    tags[274], tags[271] = 6, "Maker" * 9
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, "AVIF", exif=tags)
    data = bytearray(buffer.getvalue())
    at = data.index(b"MM\x00*") if b"MM\x00*" in data else data.index(b"II*\x00")
    data[at + 8 : at + 10] = b"\x7f\x7f"  # the number of entries
    (tmp_path / "a.avif").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "kirie", "cut", str(tmp_path / "a.avif"), *FAKE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Warning" not in done.stderr
    assert done.returncode == 0
