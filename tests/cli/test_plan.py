from pathlib import Path

import pytest

from kirie.cli._plan import plan
from kirie.errors import BadInput


def run(inputs, output=None, made="cutout", suffix=None):
    return plan(
        [str(i) for i in inputs], None if output is None else str(output), made=made, suffix=suffix
    )


@pytest.fixture
def folder(tmp_path):
    for name in (
        "a.jpg",
        "sub/b.PNG",
        "sub/deep/a.webp",
        "notes.txt",
        ".hidden.jpg",
        "a-cutout.png",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def test_beside_the_input():
    assert run(["x/photo.jpg"])[0].target == Path("x/photo-cutout.png")
    assert run(["photo.jpg"], made="mask", suffix=".webp")[0].target == Path("photo-mask.webp")


def test_a_folder_is_mirrored_without_hidden_files_and_own_results(folder, tmp_path):
    jobs = run([folder], tmp_path / "out")
    assert {str(j.target.relative_to(tmp_path / "out")) for j in jobs} == {
        "a.png",
        "sub/b.png",
        "sub/deep/a.png",
    }


def test_a_pattern(folder, tmp_path):
    jobs = run([folder / "**" / "a.*"], tmp_path / "out")
    assert {Path(j.source).name for j in jobs} == {"a.jpg", "a.webp"}
    # both would be out/a.png: the second is refused by name, not overwritten
    assert [bool(j.error) for j in jobs] == [False, True]
    assert "already that of" in jobs[1].error


def test_a_name_with_brackets_is_a_file_first(tmp_path):
    path = tmp_path / "odd[1].jpg"
    path.write_bytes(b"x")
    assert run([path])[0].source == str(path)


def test_single_file_and_standard_streams(tmp_path):
    assert run(["a.jpg"], "out.webp")[0].target == Path("out.webp")
    assert run(["a.jpg"], "-")[0].target is None
    assert run(["-"])[0].target is None
    assert run(["-"], tmp_path / "o")[0].target == tmp_path / "o" / "stdin.png"
    with pytest.raises(BadInput, match="one file"):
        run(["a.jpg", "b.jpg"], "out.png")
    with pytest.raises(BadInput, match="one file"):
        run(["a.jpg", "b.jpg"], "-")


def test_an_input_is_never_overwritten(folder):
    (job,) = run([folder / "sub" / "b.PNG"], folder / "sub" / "b.PNG")
    assert "overwrite the input" in job.error


def test_nothing_found_is_said_by_name(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no pictures" in run([tmp_path / "empty"])[0].error
    assert "No file matches" in run([tmp_path / "*.jpg"])[0].error
