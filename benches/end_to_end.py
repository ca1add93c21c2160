"""kirie against rembg, whole commands and warm calls, both running the same 320×320 network file.

    python benches/end_to_end.py [--photos FOLDER] [--runs 7]

Makes one environment for each under `.bench/` (the first time), gives both the same ONNX file, and alternates them, so
that a machine whose speed drifts disturbs both alike. Prints ratios rembg / kirie of medians; above 1 kirie is better.

cold: `kirie cut IN -o OUT.png` and `rembg i IN OUT.png`, as whole processes, wall time and peak memory.
warm: bytes of the file → bytes of a PNG in a process that has done it before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ("kitten-on-lawn.jpg", "chelsea.png")
WARM_KIRIE = """
import sys, time, json, pathlib, kirie
from kirie import CutOptions
data = pathlib.Path(sys.argv[1]).read_bytes()
cutter = kirie.load(sys.argv[2])
options = CutOptions(edges=sys.argv[3])
times = []
for _ in range(int(sys.argv[4])):
    start = time.perf_counter()
    png = cutter.cut(data, options).encode("png")
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""
WARM_REMBG = """
import sys, time, json, pathlib
from rembg import new_session, remove
data = pathlib.Path(sys.argv[1]).read_bytes()
session = new_session("u2netp")
times = []
for _ in range(int(sys.argv[4])):
    start = time.perf_counter()
    png = remove(data, session=session)
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""


def environment(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages; its python."""
    python = folder / "bin" / "python"
    done = folder / "done.txt"
    wanted = "\n".join(packages)
    if not done.exists() or done.read_text() != wanted:
        print(f"installing {' '.join(packages)} …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*map(str, pip), *packages], check=True)
        done.write_text(wanted)
    return python


def network(target: Path, size: int = 320) -> None:
    """kirie-mini at `size`², its sigmoid inside, so that rembg and kirie can both read the same file."""
    import onnx

    from kirie import export, nn, zoo
    from kirie.spec import ModelCard, Preparation, ReadOut
    from kirie.weights import locate

    card = zoo.get("kirie-mini")
    net = nn.load(locate(card, (".safetensors",)).path)
    target.parent.mkdir(parents=True, exist_ok=True)
    export.to_onnx(net, target, card=card, size=(size, size))
    model = onnx.load(target)
    logits = model.graph.output[0].name
    model.graph.node.append(onnx.helper.make_node("Sigmoid", [logits], ["alpha"]))
    model.graph.output[0].name = "alpha"
    for value in (model.graph.input[0], model.graph.output[0]):
        for axis, n in enumerate((1, 3 if value is model.graph.input[0] else 1, size, size)):
            value.type.tensor_type.shape.dim[axis].dim_value = n
    del model.metadata_props[:]
    changed = ModelCard(
        name="kirie-mini-320",
        title="kirie-mini at 320×320",
        architecture=card.architecture,
        arguments=card.arguments,
        licence=card.licence,
        commercial=True,
        preparation=Preparation(size=(size, size), filter=card.preparation.filter),
        readout=ReadOut(activation="none", levels=card.readout.levels),
        procedure=type(card.procedure)(maps=("alpha",)),
    )
    onnx.helper.set_model_props(model, {"kirie": changed.to_json()})
    onnx.save(model, target)


def whole(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """(seconds, peak MB) of one process."""
    start = perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    if status:
        text = process.stderr.read().decode() if process.stderr else ""
        raise SystemExit(f"{' '.join(command)} failed:\n{text}")
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return seconds, usage.ru_maxrss / scale


def warm(python: Path, script: str, arguments: list[str], env: dict[str, str], runs: int) -> float:
    """Median seconds of the calls after the first two."""
    command = [str(python), "-c", script, *arguments, str(runs + 2)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return statistics.median(json.loads(done.stdout.splitlines()[-1])[2:])


def installed(python: Path) -> float:
    """MB of an environment's packages, without pip and setuptools."""
    site = next((python.parent.parent / "lib").glob("python*/site-packages"))
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    files = (f for p in site.iterdir() if not p.name.startswith(tools) for f in (p, *p.rglob("*")))
    return sum(f.lstat().st_size for f in files if f.is_file()) / 1e6


def measure(photo: Path, tools: dict[str, Path], work: Path, runs: int) -> list[dict[str, object]]:
    """Rows of the table for one photo."""
    model = work / "home" / "u2netp.onnx"
    env = os.environ | {"U2NET_HOME": str(model.parent), "MODEL_CHECKSUM_DISABLED": "1"}
    outputs = {name: work / f"{photo.stem}-{name}.png" for name in ("rembg", "clean", "raw")}
    kirie, rembg = tools["kirie"].parent / "kirie", tools["rembg"].parent / "rembg"
    cut = [str(kirie), "cut", str(photo), "-m", str(model), "--quiet"]
    commands = {
        "rembg": [str(rembg), "i", "-m", "u2netp", str(photo), str(outputs["rembg"])],
        "clean": [*cut, "-o", str(outputs["clean"])],
        "raw": [*cut, "-o", str(outputs["raw"]), "--edges", "raw"],
    }
    for command in commands.values():
        whole(command, env)  # caches of the file system and of bytecode
    cold: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            cold[name].append(whole(command, env))
    calls: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(3):
        for name in commands:
            python, script = (
                (tools["rembg"], WARM_REMBG) if name == "rembg" else (tools["kirie"], WARM_KIRIE)
            )
            calls[name].append(warm(python, script, [str(photo), str(model), name], env, runs))
    rows = []
    for name in ("clean", "raw"):
        pairs = zip(cold["rembg"], cold[name], strict=True)
        rows.append(
            {
                "photo": photo.name,
                "edges": name,
                "cold": statistics.median(a[0] / b[0] for a, b in pairs),
                "warm": statistics.median(
                    a / b for a, b in zip(calls["rembg"], calls[name], strict=True)
                ),
                "memory": statistics.median(m for _, m in cold[name])
                / statistics.median(m for _, m in cold["rembg"]),
                "file": outputs[name].stat().st_size / outputs["rembg"].stat().st_size,
                "cold_s": [statistics.median(s for s, _ in cold[n]) for n in ("rembg", name)],
                "warm_s": [statistics.median(calls[n]) for n in ("rembg", name)],
                "memory_mb": [statistics.median(m for _, m in cold[n]) for n in ("rembg", name)],
                "file_kb": [outputs[n].stat().st_size / 1e3 for n in ("rembg", name)],
            }
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("KIRIE_DATA")
    parser.add_argument("--photos", type=Path, default=Path(data) / "photos" if data else None)
    parser.add_argument("--rembg", default="rembg[cpu,cli]>=2.0.66,<2.1")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--work", type=Path, default=ROOT / ".bench")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.photos is None:
        raise SystemExit("Give --photos, or set KIRIE_DATA: a folder with " + " and ".join(PHOTOS))
    work = given.work.resolve()
    # In a process of its own: what this one has held at its peak would count as the commands' own.
    make = f"import end_to_end, pathlib; end_to_end.network(pathlib.Path({str(work / 'home' / 'u2netp.onnx')!r}))"
    subprocess.run([sys.executable, "-c", make], cwd=ROOT / "benches", check=True)
    tools = {
        "rembg": environment(work / "rembg", given.rembg),
        "kirie": environment(work / "kirie", "-c", str(ROOT / "constraints.txt"), str(ROOT)),
    }
    rows = [row for name in PHOTOS for row in measure(given.photos / name, tools, work, given.runs)]
    sizes = {name: installed(python) for name, python in tools.items()}
    if given.json:
        print(json.dumps({"rows": rows, "installed_mb": sizes}, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    columns = (
        "photo",
        "edges",
        "cold ×",
        "warm ×",
        "memory",
        "file",
        "cold s",
        "warm s",
        "MB",
        "kB",
    )
    table = Table(
        *columns, title="rembg / kirie (memory and file: kirie / rembg); then rembg → kirie"
    )
    for row in rows:
        arrows = (
            " → ".join(format(value, form) for value in row[key])  # type: ignore[attr-defined]
            for key, form in (
                ("cold_s", ".2f"),
                ("warm_s", ".3f"),
                ("memory_mb", ".0f"),
                ("file_kb", ".0f"),
            )
        )
        ratios = (f"{row[key]:.2f}" for key in ("cold", "warm", "memory", "file"))
        table.add_row(str(row["photo"]), str(row["edges"]), *ratios, *arrows)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    console.print(
        f"installed: rembg {sizes['rembg']:.0f} MB, kirie {sizes['kirie']:.0f} MB: "
        f"{sizes['kirie'] / sizes['rembg']:.2f} of it"
    )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
