"""Files from elsewhere: used like a model that has a card, or refused with advice; never guessed at."""

import json
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx", reason="needs onnx to write files")
import kirie  # noqa: E402
from kirie import zoo  # noqa: E402
from kirie.cli import main  # noqa: E402
from kirie.errors import BadCheckpoint, BadInput, UnknownModel  # noqa: E402
from onnxmodels import GREY, brightness, constant, model, port, save  # noqa: E402

LIKE = "isnet-general-use"  # mean 0.5, std 1, min-max


@pytest.fixture
def foreign(tmp_path):
    """Write a model that finds what is bright, for pictures that are prepared as LIKE's."""

    def write(name="found.onnx", **how):
        return save(brightness(mean=0.5, **how), tmp_path / name)

    return write


def cut(path, disc, like=LIKE):
    with kirie.load(path, like=like) as cutter:
        return cutter.cut(disc)


def is_disc(alpha):
    ys, xs = np.mgrid[0:120, 0:160]
    distance = np.hypot(ys - 59.5, xs - 79.5)
    return (alpha[distance < 32] > 0.9).all() and (alpha[distance > 38] < 0.1).all()


# --- ONNX ------------------------------------------------------------------------------------------------------------


def test_a_foreign_file_is_refused_with_advice(foreign):
    with pytest.raises(BadCheckpoint, match=r"no model card.*wrong masks.*--like MODEL"):
        kirie.load(foreign("zzz.onnx"))
    with pytest.raises(BadCheckpoint, match=r"--like silueta, or"):
        kirie.load(foreign("silueta.onnx", size=(320, 320)))
    with pytest.raises(BadCheckpoint, match=r"--like isnet-general-use, or isnet"):
        kirie.load(foreign("isnet-general.onnx", size=(1024, 1024)))


def test_logits_and_probabilities_are_told_apart(foreign, disc):
    plain, squashed = cut(foreign(), disc), cut(foreign("p.onnx", end=["Sigmoid"]), disc)
    assert is_disc(plain.alpha)
    np.testing.assert_allclose(plain.alpha, squashed.alpha, atol=1e-5)
    assert plain.notes == ()
    assert "ends with probabilities" in squashed.notes[0]
    assert (plain.card.name, plain.card.licence, plain.card.commercial) == (
        "found.onnx",
        "not stated",
        None,
    )
    assert plain.card.preparation == zoo.get(LIKE).preparation


def test_logits_like_a_model_that_holds_probabilities(foreign, disc, monkeypatch):
    own = replace(zoo.get(LIKE), name="own", readout=kirie.spec.ReadOut(activation="none"))
    monkeypatch.setattr(zoo, "MODELS", (own,))
    told = cut(foreign(), disc, "own")
    assert is_disc(told.alpha)
    assert "a sigmoid is applied" in told.notes[0]
    untold = foreign("u.onnx", end=["Neg", "Neg"])
    with pytest.raises(BadCheckpoint, match=r"from -1.* says that these are probabilities"):
        cut(untold, disc, "own")


def test_operators_that_do_not_tell_are_said(foreign, disc):
    answer = cut(foreign(end=["Neg", "Neg"]), disc)
    assert is_disc(answer.alpha)
    assert "do not tell" in answer.notes[0]


def test_the_first_of_several_outputs_is_the_map(tmp_path, disc):
    nodes = [
        ("Conv", ["x", "grey", "bias"], ["logits"], {}),
        ("Sigmoid", ["logits"], ["1959"], {}),
        *[("Identity", ["x"], [str(1960 + n)], {}) for n in range(3)],
    ]
    made = model(
        nodes,
        [constant("grey", 40 * GREY), constant("bias", [0])],
        inputs=[port("input.1", (1, 3, 320, 320))],
        outputs=[port(str(1959 + n), None) for n in range(4)],
    )
    for node in made.graph.node:
        node.input[:] = ["input.1" if name == "x" else name for name in node.input]
    answer = cut(save(made, tmp_path / "n.onnx"), disc)
    assert is_disc(answer.alpha)
    assert any("320×320 only, isnet-general-use 1024×1024" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("size", "prepared"), [((64, 96), (64, 96)), ((256, "w"), (256, 1024)), (("h", "w"), None)]
)
def test_the_size_is_the_file_s_where_that_is_fixed(foreign, disc, size, prepared):
    answer = cut(foreign(size=size), disc)
    assert is_disc(answer.alpha)
    assert answer.card.preparation.size == (prepared or (1024, 1024))
    assert bool(prepared) == any("prepared at the file's size" in note for note in answer.notes)


def test_sizes_that_no_network_has(foreign):
    with pytest.raises(BadCheckpoint, match="100000×100000, larger than any"):
        kirie.load(foreign(size=(100_000, 100_000)), like=LIKE)


def test_pixels_are_not_normalised_twice(tmp_path, disc):
    made = model(
        [("Cast", ["x"], ["f"], {"to": 1}), ("Conv", ["f", "grey", "bias"], ["y"], {})],
        [constant("grey", 40 / 255 * GREY), constant("bias", [-20])],
        inputs=[port("x", kind=onnx.TensorProto.UINT8)],
    )
    answer = cut(save(made, tmp_path / "n.onnx"), disc)
    assert is_disc(answer.alpha)
    assert "takes pixels" in answer.notes[0]


def test_more_maps_than_the_model_reads(tmp_path, disc):
    made = model([("Identity", ["x"], ["y"], {})], outputs=[port("y")])
    with pytest.raises(BadCheckpoint, match=r"3 maps .* reads 1"):
        cut(save(made, tmp_path / "n.onnx"), disc)
    with pytest.raises(BadCheckpoint, match=r"1 map .* reads 4"):
        cut(save(brightness(), tmp_path / "o.onnx"), disc, "u2net-cloth")
    classes = model([("ArgMax", ["x"], ["c"], {"axis": 1}), ("Cast", ["c"], ["y"], {"to": 1})])
    with pytest.raises(BadCheckpoint, match="class numbers"):
        cut(save(classes, tmp_path / "p.onnx"), disc, "u2net-cloth")


def test_our_own_onnx_needs_nothing_else_and_takes_nothing_else(tmp_path, disc):
    card = replace(zoo.get(LIKE), name="mine", procedure=kirie.spec.Procedure(maps=("logits",)))
    path = save(brightness(mean=0.5, card=card.to_json()), tmp_path / "n.onnx")
    answer = cut(path, disc, None)
    assert is_disc(answer.alpha)
    assert answer.card.name == "mine"
    with pytest.raises(BadInput, match="leave `like` out"):
        kirie.load(path, like=LIKE)


def test_like_goes_with_a_file_and_names_a_model(foreign):
    with pytest.raises(BadInput, match="leave `like` out"):
        kirie.load("kirie-mini", like=LIKE)
    with pytest.raises(UnknownModel, match="Did you mean 'u2net'"):
        kirie.load(foreign(), like="u2ned")
    with pytest.raises(UnknownModel, match="Unknown model ''"):
        kirie.load("")


# --- through the command line ----------------------------------------------------------------------------------------


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def test_notes_of_the_model_are_said_once(foreign, disc_file, tmp_path, capsys):
    copies = [tmp_path / f"{n}.png" for n in range(3)]
    for copy in copies:
        copy.write_bytes(disc_file.read_bytes())
    path = foreign(end=["Sigmoid"])
    told = ("cut", *copies, "-m", path, "--like", LIKE, "-o", tmp_path / "out", "--json")
    code, out, err = run(capsys, *told)
    assert code == 0
    assert err.count("ends with probabilities") == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert all("ends with probabilities" in line["notes"][0] for line in lines)
    assert {line["model"] for line in lines} == {"found.onnx"}


def test_numbers_that_are_none_are_no_empty_picture(tmp_path, disc_file, capsys):
    path = save(brightness(mean=0.5, end=["Log", "Sigmoid"]), tmp_path / "n.onnx")
    code, _, err = run(capsys, "cut", disc_file, "-m", path, "--like", LIKE)
    assert code == 1
    assert "not a finite map" in err
    assert not disc_file.with_name("disc-cutout.png").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.onnx", b"", "is empty"),
        ("a.onnx", b"<html>gone</html>", "web page"),
        ("a.onnx", b"\x08\x08\x3a\x7f", "cut short"),
        ("a.pth", b"", "is empty"),
        ("a.pth", b"weights, honestly", "is text"),
        ("a.pth", b"PK\x03\x04nonsense", "cut short"),
        ("a.ckpt", pickle.dumps({"a": 1}), "damaged"),
        ("a.safetensors", b"\x02\0\0\0\0\0\0\0{}", "no weights"),
    ],
)
def test_what_is_no_model_is_one_sentence(tmp_path, disc_file, capsys, *, name, content, words):
    if not name.endswith(".onnx"):
        pytest.importorskip("torch", reason="needs the extra torch")
    path = tmp_path / name
    path.write_bytes(content)
    for like in ([], ["--like", LIKE]):
        code, out, err = run(capsys, "cut", disc_file, "-m", path, *like)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert name in err
        assert words in err
    assert not disc_file.with_name("disc-cutout.png").exists()


# --- checkpoints -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights():
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from kirie import nn

    torch.manual_seed(0)
    return nn.build("u2netp").state_dict()


def checkpoint(tensors, path):
    import torch

    torch.save(tensors, path)
    return path


@pytest.mark.torch
def test_a_checkpoint_like_a_model(tmp_path, weights, disc):
    path = checkpoint(weights, tmp_path / "own.pth")
    with pytest.raises(BadCheckpoint, match=r"--like u2netp, or u2net,"):
        kirie.load(path)
    answer = cut(path, disc, "u2netp")
    assert answer.card.architecture == "u2netp"
    assert answer.card.licence == "not stated"
    assert answer.card.readout == zoo.get("u2netp").readout
    with pytest.raises(BadCheckpoint, match=r"holds the network u2netp, .* isnet"):
        kirie.load(path, like=LIKE)


@pytest.mark.torch
def test_a_checkpoint_and_its_conversion_agree(tmp_path, weights, disc):
    """As published: logits in the .pth, probabilities under numbers in the .onnx."""
    import torch

    from kirie import nn

    net = nn.build("u2netp").eval()
    net.load_state_dict(weights)

    class Published(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return tuple(each.sigmoid() for each in self.net.maps(x))

    names = [f"o{1959 + n}" for n in range(7)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is called outdated
        torch.onnx.export(
            Published().eval(),
            (torch.zeros(1, 3, 64, 64),),
            tmp_path / "u2netp.onnx",
            dynamo=False,
            opset_version=11,
            input_names=["input.1"],
            output_names=names,
        )
    checkpoint(weights, tmp_path / "own.pth")
    card = replace(zoo.get("u2netp"), preparation=kirie.spec.Preparation(size=(64, 64)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "MODELS", (card,))
        have, want = (cut(tmp_path / n, disc, "u2netp").alpha for n in ("u2netp.onnx", "own.pth"))
    assert np.abs(have - want).max() <= 1 / 255
    assert have.std() > 0.1


@pytest.mark.torch
def test_a_damaged_checkpoint_is_explained(tmp_path, weights, disc_file, capsys):
    changed = dict(weights)
    name = next(name for name in changed if name.endswith("conv.weight"))
    del changed[name]
    missing = checkpoint(changed, tmp_path / "missing.pth")
    changed[name] = weights[name][:1]
    misshaped = checkpoint(changed, tmp_path / "misshaped.pth")
    unknown = checkpoint({"a.weight": weights[name]}, tmp_path / "unknown.pth")
    for path, words in ((missing, "1 missing"), (misshaped, "shape"), (unknown, "no network that")):
        code, _, err = run(capsys, "cut", disc_file, "-m", path, "--like", "u2netp")
        assert code == 2
        assert words in err


class Payload:
    """Would write a file, if it were unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.mark.torch
def test_a_payload_is_never_run(tmp_path, weights, disc_file, capsys):
    target = tmp_path / "run"
    path = checkpoint({**weights, "x": Payload(target)}, tmp_path / "own.pth")
    for command in (["cut", disc_file, "-m", path, "--like", "u2netp"],):
        code, _, err = run(capsys, *command)
        assert code == 2
        assert "runs no code from a file" in err
    assert not target.exists()


def test_a_picture_stays_what_it_was(disc_file, foreign, capsys):
    before = disc_file.read_bytes()
    assert run(capsys, "cut", disc_file, "-m", foreign(), "--like", LIKE)[0] == 0
    assert disc_file.read_bytes() == before
    with Image.open(disc_file.with_name("disc-cutout.png")) as made:
        assert made.mode == "RGBA"
