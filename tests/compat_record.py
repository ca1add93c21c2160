"""What rembg and transparent-background themselves answer: the cases, and the script that records them.

    python tests/compat_record.py networks                                    # builds tests/golden/compat/*.onnx
    python tests/compat_record.py rembg --python PYTHON                       # an interpreter with rembg[cpu]
    python tests/compat_record.py transparent-background --python PYTHON      # one with transparent-background

The tools run in interpreters of their own (`answer`, which needs nothing of kirie) on small networks of ours, since what
is compared is what they do before and behind the network. The networks see brightness at an eighth of the size, with
some noise; their masks are soft and wide, so that every step shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).resolve().parent / "golden" / "compat"
NETWORK, CLOTHES = GOLDEN / "network.onnx", GOLDEN / "clothes.onnx"

# name → (session, picture, arguments of remove)
REMBG = {
    "u2net": ("u2net", "rgb", {"only_mask": True}),
    "dark": ("u2netp", "dark", {"only_mask": True}),
    "rgba": ("u2net_human_seg", "rgba", {"only_mask": True}),
    "grey": ("silueta", "grey", {"only_mask": True}),
    "palette": ("u2net", "palette", {"only_mask": True}),
    "cmyk": ("u2net", "cmyk", {"only_mask": True}),
    "turned": ("u2net", "turned", {"only_mask": True}),
    "tiny": ("u2net", "tiny", {"only_mask": True}),
    "custom": ("u2net_custom", "rgb", {"only_mask": True}),
    "dis custom": ("dis_custom", "rgb", {"only_mask": True}),
    "ben custom": ("ben_custom", "rgb", {"only_mask": True}),
    "isnet": ("isnet-general-use", "rgb", {"only_mask": True}),
    "anime": ("isnet-anime", "rgb", {"only_mask": True}),
    "birefnet": ("birefnet-general-lite", "rgb", {"only_mask": True}),
    "bria": ("bria-rmbg", "rgb", {"only_mask": True}),
    "clothes": ("u2net_cloth_seg", "rgb", {"only_mask": True}),
    "attire": ("u2net_cloth_seg", "rgb", {"only_mask": True, "cc": "attire"}),
    "lower": ("u2net_cloth_seg", "rgb", {"cloth_category": "lower"}),
    "post": ("u2net", "rgb", {"only_mask": True, "post_process_mask": True}),
    "plain": ("u2net", "rgb", {}),
    "plain rgba": ("u2net", "rgba", {}),
    "plain grey": ("u2net", "grey", {}),
    "plain palette": ("u2net", "palette", {}),
    "plain cmyk": ("u2net", "cmyk", {}),
    "plain turned": ("u2net", "turned", {}),
    "putalpha": ("u2net", "rgb", {"putalpha": True}),
    "putalpha rgba": ("u2net", "rgba", {"putalpha": True}),
    "putalpha grey": ("u2net", "grey", {"putalpha": True}),
    "colour": ("u2net", "rgb", {"bgcolor": [255, 120, 0, 200]}),
    "decontaminate": ("u2net", "rgb", {"decontaminate": True}),
    "matting": ("u2net", "rgb", {"alpha_matting": True}),
    "matting rgba": ("u2net", "rgba", {"alpha_matting": True, "alpha_matting_erode_size": 0}),
    "matting levels": (
        "u2net",
        "rgb",
        {
            "alpha_matting": True,
            "alpha_matting_foreground_threshold": 180,
            "alpha_matting_background_threshold": 70,
            "alpha_matting_erode_size": 5,
        },
    ),
    "matting fails": (
        "u2net",
        "rgb",
        {"alpha_matting": True, "alpha_matting_foreground_threshold": 255},
    ),
}

# name → (kind of input, type, other arguments of process)
REMOVER = {
    "map": ("image", "map", {}),
    "map of an array": ("array", "map", {}),
    "map hard": ("image", "map", {"threshold": 0.4}),
    "map reversed": ("image", "map", {"reverse": True}),
    "map hard reversed": ("image", "map", {"threshold": "0.4", "reverse": True}),
    "rgba": ("image", "rgba", {}),
    "rgba hard": ("image", "rgba", {"threshold": 0.6}),
    "rgba reversed": ("image", "rgba", {"reverse": True}),
    "green": ("image", "green", {}),
    "white": ("image", "white", {}),
    "colour": ("image", "[255, 30, 7]", {}),
    "blur": ("image", "blur", {}),
    "overlay": ("image", "overlay", {}),
    "overlay hard": ("image", "overlay", {"threshold": 0.3}),
    "background": ("image", "background.png", {}),
    "dynamic": ("image", "map", {"resize": "dynamic"}),
    "dynamic large": ("large", "map", {"resize": "dynamic"}),
}
THIN = 16  # of the large picture's answers every 16th pixel is kept
BASE = 384  # of transparent-background's mode `fast`


def rgb(height: int = 60, width: int = 88, seed: int = 1) -> np.ndarray:
    """A bright blob with coloured texture on a dark ground, (height, width, 3) uint8."""
    draw = np.random.default_rng(seed)
    ys, xs = np.mgrid[0:height, 0:width]
    away = np.hypot((ys - 0.55 * height) / (0.42 * height), (xs - 0.45 * width) / (0.36 * width))
    blob = 1 / (1 + np.exp(9 * (away - 0.8)))
    ground = np.array([30.0, 70.0, 50.0]) + 30 * np.sin(xs / 7)[..., None]
    subject = np.array([225.0, 200.0, 170.0]) + 25 * np.cos(ys / 5 + xs / 9)[..., None]
    mixed = blob[..., None] * subject + (1 - blob[..., None]) * ground
    return (mixed + draw.normal(0, 6, mixed.shape)).clip(0, 255).astype(np.uint8)


def pictures() -> dict[str, Image.Image | bytes]:
    """What the tools are given; files as bytes."""
    colours = rgb()
    alpha = np.linspace(-80, 340, colours.shape[1]).clip(0, 255).astype(np.uint8)
    plain = Image.fromarray(colours)
    return {
        "rgb": plain,
        "dark": Image.fromarray(colours // 3),
        "rgba": Image.fromarray(np.dstack([colours, np.broadcast_to(alpha, colours.shape[:2])])),
        "grey": plain.convert("L"),
        "palette": plain.quantize(17),
        "cmyk": plain.convert("CMYK"),
        "turned": _jpeg(plain),
        "tiny": Image.fromarray(rgb(3, 2)),
        "image": plain,
        "array": plain,
        "large": Image.fromarray(rgb(1300, 1400, 2)),
    }


def background() -> Image.Image:
    """For the tool that lays cutouts on pictures: smaller than the picture."""
    return Image.fromarray(rgb(20, 31, 3)[::-1])


def _jpeg(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90°
    out = BytesIO()
    image.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def recorded(tool: str) -> dict[str, np.ndarray]:
    """The stored answers of a tool, by case."""
    with np.load(GOLDEN / f"{tool}.npz") as stored:
        return {name: stored[name] for name in stored.files}


# --- networks ----------------------------------------------------------------------------------------------------


def build_network(path: Path, channels: int) -> None:
    """Brightness at an eighth of the size, as `alpha` (the first output) and `logits`; for clothes four scores."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(channels)
    first = 0.1 * draw.standard_normal((6, 3, 3, 3)) + 0.06
    second = 0.1 * draw.standard_normal((channels, 6, 3, 3)) + 0.05
    bias = np.full(1, -0.3)
    if channels > 1:  # each class wins where it is a little brighter
        steps = np.arange(channels)
        second = second[:1] * steps[:, None, None, None]
        bias = 0.4 * steps - 0.5 * steps**2
    constants = {
        "first": first.astype(np.float32),
        "second": second.astype(np.float32),
        "bias": bias.astype(np.float32),
        "scales": np.array([1, 1, 8, 8], np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "first"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["seen"], ["lit"]),
        helper.make_node("Conv", ["lit", "second", "bias"], ["scores"], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["scores", "", "scales"], ["logits"], mode="linear"),
        helper.make_node("Sigmoid", ["logits"], ["alpha"]),
    ]
    shape = ["N", channels, "H", "W"]
    names = ("alpha", "logits") if channels == 1 else ("logits",)
    graph = helper.make_graph(
        nodes if channels == 1 else nodes[:-1],
        "test",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


# --- the tools' side: runs where they are installed ------------------------------------------------------------------


def answer(folder: Path) -> None:
    """Answer the cases of `folder`/job.json by the tool that it names; write `folder`/answers.npz."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    run = answer_rembg if job["tool"] == "rembg" else answer_remover
    np.savez_compressed(folder / "answers.npz", **run(folder, job["cases"]))


def answer_rembg(folder: Path, cases: dict) -> dict[str, np.ndarray]:
    """By rembg, whose home the folder is: its models lie where rembg would have put them.

    A network and pictures that lie in the folder come before those of this file.
    """
    os.environ["U2NET_HOME"] = str(folder)
    from rembg import new_session, remove

    answers, given, sessions = {}, pictures(), {}
    for name, (model, picture, arguments) in cases.items():
        if model not in sessions:
            own = folder / "network.onnx"
            file = CLOTHES if "cloth" in model else own if own.is_file() else NETWORK
            place = folder / "models" / model / f"{model}.onnx"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
            custom = {"model_path": str(place)} if model.endswith("_custom") else {}
            sessions[model] = new_session(model, **custom)
        path = folder / picture
        source = path.read_bytes() if path.is_file() else given[picture]
        made = remove(source, session=sessions[model], **arguments)
        image = Image.open(BytesIO(made)) if isinstance(made, bytes) else made
        answers[name] = np.asarray(image)
    return answers


def answer_remover(folder: Path, cases: dict) -> dict[str, np.ndarray]:
    """By transparent-background, its network replaced: it returns the stretched sigmoid of ours."""
    import onnxruntime
    import torch
    from transparent_background import Remover, utils

    session = onnxruntime.InferenceSession(str(NETWORK), providers=["CPUExecutionProvider"])

    def network(batch):  # as its InSPyReNet returns it
        alpha = torch.from_numpy(session.run(["alpha"], {"image": batch.numpy()})[0])
        return (alpha - alpha.min()) / (alpha.max() - alpha.min() + 1e-8)

    torch.load = lambda *_args, **_kwargs: {}
    torch.nn.Module.load_state_dict = lambda *_args, **_kwargs: None
    os.environ["TRANSPARENT_BACKGROUND_FILE_PATH"] = str(folder)
    background().save(folder / "background.png")
    removers = {}
    for resize in ("static", "dynamic"):
        removers[resize] = Remover(mode="fast", device="cpu", ckpt=str(folder), resize=resize)
        removers[resize].model = network
    assert utils.IMG_EXTS
    answers, given = {}, pictures()
    for name, (picture, kind, arguments) in cases.items():
        source = given[picture]
        source = np.asarray(source) if picture == "array" else source
        remover = removers[arguments.pop("resize", "static")]
        what = str(folder / kind) if kind.endswith(".png") else kind
        made = np.asarray(remover.process(source, type=what, **arguments))
        answers[name] = made[::THIN, ::THIN] if picture == "large" else made
    return answers


# --- our side --------------------------------------------------------------------------------------------------------


def ask(python: str, tool: str, cases: dict, folder: Path) -> dict[str, np.ndarray]:
    """Have the cases answered by a tool in its own interpreter."""
    (folder / "job.json").write_text(json.dumps({"tool": tool, "cases": cases}), "utf-8")
    command = [python, str(Path(__file__).resolve()), "answer", "--folder", str(folder)]
    subprocess.run(command, check=True)
    with np.load(folder / "answers.npz") as stored:
        return {name: stored[name] for name in stored.files}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["networks", "rembg", "transparent-background", "answer"])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.what == "answer":
        answer(given.folder)
        return
    GOLDEN.mkdir(parents=True, exist_ok=True)
    if given.what == "networks":
        build_network(NETWORK, 1)
        build_network(CLOTHES, 4)
        return
    cases = REMBG if given.what == "rembg" else REMOVER
    with tempfile.TemporaryDirectory() as folder:
        answers = ask(given.python, given.what, cases, Path(folder))
    np.savez_compressed(GOLDEN / f"{given.what}.npz", **answers)
    for name, values in answers.items():
        print(f"{name}: {values.shape}, {values.min()}…{values.max()}")  # noqa: T201


if __name__ == "__main__":
    main()
