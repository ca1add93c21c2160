import io
import os
import zipfile
from pathlib import Path

import pytest

from kirie.batch.plan import Wishes, plan
from kirie.errors import BadInput


def run(inputs, output=None, made="cutout", suffix=None, **wishes):
    return plan(
        [str(i) for i in inputs],
        None if output is None else str(output),
        made=made,
        suffix=suffix,
        wishes=Wishes(**wishes),
    )


def targets(jobs, folder):
    return {str(job.target.relative_to(folder)) for job in jobs}


@pytest.fixture
def folder(tmp_path):
    for name in (
        "a.jpg",
        "sub/b.PNG",
        "sub/deep/a.webp",
        "notes.txt",
        ".hidden.jpg",
        ".thumbs/c.jpg",
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
    assert targets(jobs, tmp_path / "out") == {"a.png", "sub/b.png", "sub/deep/a.png"}
    assert {job.root for job in jobs} == {tmp_path / "out"}
    assert targets(run([folder], tmp_path / "out", recursive=False), tmp_path / "out") == {"a.png"}


def test_results_inside_the_input_folder_are_no_inputs(folder):
    (folder / "out").mkdir()
    (folder / "out" / "a.png").write_bytes(b"x")
    (folder / "done").mkdir()
    (folder / "done" / "z.png").write_bytes(b"x")
    jobs = run([folder], folder / "out", leave=(folder / "done",))
    assert targets(jobs, folder / "out") == {"a.png", "sub/b.png", "sub/deep/a.png"}


def test_a_pattern_is_mirrored_from_its_fixed_part(folder, tmp_path):
    jobs = run([folder / "**" / "a.*"], tmp_path / "out")
    assert {Path(j.source).name for j in jobs} == {"a.jpg", "a.webp"}
    assert targets(jobs, tmp_path / "out") == {"a.png", "sub/deep/a.png"}


def test_collisions_are_refused_before_the_start(folder, tmp_path):
    (folder / "a.tiff").write_bytes(b"x")
    (folder / "sub" / "b.bmp").write_bytes(b"x")
    with pytest.raises(
        BadInput, match=r"would both become .*1 more like that.*nothing was started"
    ):
        run([folder], tmp_path / "out")
    jobs = run([folder], tmp_path / "out", template="{stem}-{suffix}{ext}")
    assert targets(jobs, tmp_path / "out") == {
        *("a-jpg.png", "a-tiff.png", "sub/b-PNG.png", "sub/b-bmp.png", "sub/deep/a-webp.png"),
    }
    loose = run([folder], tmp_path / "out", strict=False)
    assert sum(bool(job.error) for job in loose) == 2


def test_the_same_file_twice_is_one_job(folder, tmp_path):
    assert (
        len(run([folder / "a.jpg", folder, folder / "sub" / ".." / "a.jpg"], tmp_path / "o")) == 3
    )


def test_a_name_with_brackets_is_a_file_first(tmp_path):
    path = tmp_path / "odd[1].jpg"
    path.write_bytes(b"x")
    assert run([path])[0].source == str(path)


def test_single_file_and_standard_streams(tmp_path):
    assert run(["a.jpg"], "out.webp")[0].target == Path("out.webp")
    assert run(["a.jpg"], "out.svg", made="contour")[0].target == Path("out.svg")
    assert run(["a.jpg"], "out.zip", made="layers")[0].target == Path("out.zip")
    assert run(["a.jpg"], "-")[0].target is None
    assert run(["-"])[0].target is None
    assert run(["-"], tmp_path / "o")[0].target == tmp_path / "o" / "stdin.png"
    assert run(["a.jpg"], tmp_path / "o")[0].root is None  # one file needs no journal
    with pytest.raises(BadInput, match="one file"):
        run(["a.jpg", "b.jpg"], "out.png")
    with pytest.raises(BadInput, match="one file"):
        run(["a.jpg", "b.jpg"], "-")


def test_an_input_is_never_overwritten(folder):
    with pytest.raises(BadInput, match="overwrite the input"):
        run([folder / "sub" / "b.PNG"], folder / "sub" / "b.PNG")
    (folder / "sub" / "b.PNG").rename(folder / "sub" / "b.png")
    with pytest.raises(BadInput, match="overwrite the input"):
        run([folder], folder)


def test_nothing_found_is_said_by_name(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no pictures" in run([tmp_path / "empty"])[0].error
    assert "No file matches" in run([tmp_path / "*.jpg"])[0].error


@pytest.mark.parametrize("between", ["\n", "\r\n", "\0"])
def test_a_list_keeps_folders_as_they_are_written(tmp_path, monkeypatch, between):
    monkeypatch.chdir(tmp_path)
    names = ["photos/a/1.jpg", "photos/b/1.jpg", str(tmp_path / "far" / "2.jpg"), "../up/3.jpg"]
    (tmp_path / "list.txt").write_text(between.join(names) + between)
    jobs = run([], "out", lists=("list.txt",))
    found = targets(jobs, "out")
    inside = (tmp_path / "far" / "2.png").relative_to(tmp_path.anchor).as_posix()
    assert found == {"photos/a/1.png", "photos/b/1.png", inside, "up/3.png"}


def test_a_list_from_standard_input(monkeypatch, tmp_path):
    class Input:
        buffer = io.BytesIO(b"x/1.jpg\n\nx/2 \xc3\xa4.jpg\n")

    monkeypatch.setattr("sys.stdin", Input)
    monkeypatch.chdir(tmp_path)
    assert targets(run([], "out", lists=("-",)), "out") == {"x/1.png", "x/2 ä.png"}


def test_lists_that_say_nothing_are_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(BadInput, match="is empty"):
        run([], "out", lists=(str(tmp_path / "empty.txt"),))
    with pytest.raises(BadInput, match="cannot be read"):
        run([], "out", lists=(str(tmp_path / "gone.txt"),))
    (tmp_path / "folders.txt").write_text(str(tmp_path))
    assert "is a folder" in run([], "out", lists=(str(tmp_path / "folders.txt"),))[0].error


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}-{model}{ext}", "photo-kirie-mini.webp"),
        ("{made}/{n:04}-{stem}", "cutout/0001-photo.webp"),
        ("x", "x.webp"),
        ("{stem}.{suffix}{ext}", "photo.jpg.webp"),
    ],
)
def test_names(tmp_path, template, name):
    (job,) = run(["in/photo.jpg"], tmp_path, suffix=".webp", template=template, model="kirie-mini")
    assert job.target == tmp_path / name
    (beside,) = run(["in/photo.jpg"], suffix=".webp", template=template, model="kirie-mini")
    assert beside.target == Path("in") / name


@pytest.mark.parametrize(
    "template",
    [
        "",
        " ",
        "{stem",
        "{0}",
        "{stem.__class__}",
        "{n:>9}",
        "{stem:3}",
        "../{stem}",
        "/{stem}",
        "a/../../b",
        "{name}",
        "{ext}",
    ],
)
def test_templates_that_lead_nowhere_are_refused(tmp_path, template):
    with pytest.raises(BadInput, match="name"):
        run(["in/photo.jpg"], tmp_path, template=template)


def test_a_models_name_makes_no_folders(tmp_path):
    (job,) = run(["a.jpg"], tmp_path, template="{model}", model="../../etc/x.onnx")
    assert job.target.parent == tmp_path


def archive(path, *names, **contents):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"x")
        for name, data in contents.items():
            file.writestr(name, data)
    return path


def test_an_archive_is_a_tree(tmp_path):
    path = archive(tmp_path / "in.zip", "a.jpg", "sub/b.png", "__MACOSX/._a.jpg", "readme.txt")
    jobs = run([path], tmp_path / "out")
    assert targets(jobs, tmp_path / "out") == {"a.png", "sub/b.png"}
    beside = run([path])
    assert {job.packed for job in beside} == {tmp_path / "in-cutout.zip"}
    assert beside[1].shown == f"{tmp_path / 'in-cutout.zip'}/sub/b.png"
    packed = run([path], tmp_path / "o.zip")
    assert {job.packed for job in packed} == {tmp_path / "o.zip"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_said(folder, tmp_path):
    (folder / "sub").chmod(0)
    jobs = run([folder], tmp_path / "out")
    (folder / "sub").chmod(0o755)
    assert any("cannot be read" in job.error for job in jobs)


@pytest.mark.parametrize("output", ["one.png", "-"])
def test_a_template_and_one_name(tmp_path, output):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BadInput, match="both say what the result is called"):
        plan(
            [str(tmp_path / "a.png")],
            output,
            made="cutout",
            suffix=None,
            wishes=Wishes(template="{stem}"),
        )
