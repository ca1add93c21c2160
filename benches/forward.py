"""What one picture costs in each network: pictures a second, peak memory, and where the time goes.

    python benches/forward.py [NETWORK ...] [--device cuda] [--precision float32 bfloat16] [--compile] [--runs 3]

Untrained networks (extra torch) in inference mode, one picture at a time; each configuration in a process of its own, so that the
peak of memory is its own. JSON lines, then a table with times as ratios to the first row. Times are medians, after one call
that is not counted; `cpu_s` beside them is the processor's, which counts where other programs run. The shares are those of one
more call, with clocks around the parts (none with --compile). Peak memory is the process's on a CPU, with Python and PyTorch in
it, and what PyTorch took on a GPU. BiRefNet's offsets are drawn about a pixel wide.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

# name → what `nn.build` takes, and the side of the picture
NETWORKS: dict[str, tuple[str, dict[str, Any], int]] = {
    "birefnet-swin_t": ("birefnet", {"backbone": "swin_v1_t"}, 1024),
    "birefnet-swin_l": ("birefnet", {"backbone": "swin_v1_l"}, 1024),
    "segformer-b0": ("segformer-b0", {}, 512),
    "segformer-b2": ("segformer-b2", {}, 512),
    "inspyrenet-swin_b": (
        "inspyrenet",
        {"backbone": "swin_v1_b", "base_size": (1024, 1024)},
        1024,
    ),
    "inspyrenet-res2net50": ("inspyrenet", {"backbone": "res2net50"}, 384),
}
PARTS = ("backbone", "deformable", "rest")
MEGABYTE = 1e6
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def built(name: str, device: str, precision: str) -> tuple[Any, Any]:
    """A network and its picture."""
    import torch

    from kirie import nn

    torch.manual_seed(0)
    architecture, arguments, side = NETWORKS[name]
    net = nn.build(architecture, **arguments).eval()
    for module in deformable(net):
        torch.nn.init.uniform_(module.offset.bias, -1, 1)
    kind = getattr(torch, precision)
    image = torch.randn(1, 3, side, side)
    return net.to(device, kind), image.to(device, kind)


def deformable(net: Any) -> list[Any]:
    from kirie.nn.birefnet_blocks import DeformableConv

    return [module for module in net.modules() if isinstance(module, DeformableConv)]


@contextmanager
def watched(net: Any, wait: Callable[[], None]) -> Iterator[dict[str, float]]:
    """The seconds that parts take, added up while this is open."""
    seconds = dict.fromkeys(PARTS[:2], 0.0)
    inside: set[str] = set()

    def timing(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*inputs: Any) -> Any:
            if part in inside:  # a backbone's forward calls its other methods
                return call(*inputs)
            inside.add(part)
            wait()
            start = perf_counter()
            output = call(*inputs)
            wait()
            seconds[part] += perf_counter() - start
            inside.remove(part)
            return output

        return timed

    watching = [(part, module, "forward") for part, module in parts(net)]
    watching += [
        ("backbone", net.backbone, name)
        for name in ("stem", "features")
        if hasattr(net.backbone, name)
    ]
    for part, module, name in watching:
        setattr(module, name, timing(part, getattr(module, name)))
    yield seconds
    for _part, module, name in watching:
        delattr(module, name)


def parts(net: Any) -> list[tuple[str, Any]]:
    """Modules, and the part of the network that each is; all that is left is the rest."""
    return [("backbone", net.backbone), *(("deformable", each) for each in deformable(net))]


def measure(name: str, device: str, precision: str, given: argparse.Namespace) -> dict[str, Any]:
    """One configuration, in this process."""
    import torch

    if given.threads:
        torch.set_num_threads(given.threads)
    gpu = device.startswith("cuda")
    wait = torch.cuda.synchronize if gpu else (lambda: None)
    net, image = built(name, device, precision)
    call = torch.compile(net) if given.compile else net

    def timed() -> float:
        start = perf_counter()
        call(image)
        wait()
        return perf_counter() - start

    with torch.inference_mode():
        first = timed()
        worked = process_time()
        times = [timed() for _ in range(given.runs)]
        worked = process_time() - worked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
        peak = torch.cuda.max_memory_allocated() if gpu else peak
        shares = {}
        if not given.compile:
            with watched(net, wait) as seconds:
                whole = timed()
            shares = {part: seconds[part] / whole for part in PARTS[:2]}
            shares["rest"] = 1 - sum(shares.values())
    middle = statistics.median(times)
    return {
        "network": name,
        "size": f"{image.shape[2]}x{image.shape[3]}",
        "device": torch.cuda.get_device_name() if gpu else processor(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "compiled": given.compile,
        "first_s": round(first, 3),
        "seconds": round(middle, 4),
        "best_s": round(min(times), 4),
        "cpu_s": round(worked / given.runs, 4),  # of all threads
        "pictures_a_second": round(1 / middle, 3),
        "peak_mb": round(peak / MEGABYTE),
        "shares": {part: round(share, 3) for part, share in shares.items()},
        "torch": torch.__version__,
        "torchvision": "torchvision" in sys.modules,  # whose deformable convolution is taken then
    }


def processor() -> str:
    """The CPU's name."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def table(rows: list[dict[str, Any]]) -> None:
    """Print times as ratios to the first row's."""
    base = rows[0]["seconds"]
    print("\n| network | precision | compiled | time | pictures/s | peak MB | shares |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        shares = ", ".join(f"{part} {share:.0%}" for part, share in row["shares"].items() if share)
        cells = (
            f"{row['network']} {row['size']}",
            row["precision"],
            "yes" if row["compiled"] else "no",
            f"{row['seconds'] / base:.2f}",
            row["pictures_a_second"],
            row["peak_mb"],
            shares,
        )
        print("| " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = set(given.networks) - set(NETWORKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    if given.here:
        (name,), (precision,) = given.networks, given.precision
        print(json.dumps(measure(name, given.device, precision, given)))
        return
    same = ["--device", given.device, "--runs", str(given.runs), "--threads", str(given.threads)]
    same += ["--compile"] if given.compile else []
    rows = []
    for name in given.networks or NETWORKS:
        for precision in given.precision:
            command = [sys.executable, __file__, name, "--precision", precision, *same, "--here"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            print(done.stdout, end="", flush=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    table(rows)


if __name__ == "__main__":
    main()
