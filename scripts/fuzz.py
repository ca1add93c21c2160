"""Feed `kirie cut` damaged files and random options; nothing but a result or a sentence may come back.

    python scripts/fuzz.py [--seed 0] [--count 10000] [--first 0] [--memory 1500] [--seconds 30]

Each case is a small file of one of the readable formats, mutated (bytes flipped, cut off, sizes and offsets replaced,
parts moved, repeated or taken from another file), and a few options, most of which make sense. Cases run in a process of their
own, one after another; the same seed makes the same ones, and `--first N --count 1` runs one again.

A case is bad if it ends in a traceback or by a signal, takes longer than `--seconds` of processor time, lets the process grow beyond
`--memory` MB, says more than short sentences, leaves a temporary file behind, or says that all went well and wrote nothing that can be
read. Bad ones are printed and kept in `--keep`; the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

Random = np.random.Generator
MOST_PIXELS = 2_000_000
MOST_TEXT = 1500  # characters that one case may say
MODEL_EACH = 20  # every 20th case runs the embedded network; the others a threshold
NETWORKS = 120  # seconds without a sign of life after which a process is ended, whatever its processor time


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/one.png", files["plain.png"])
        archive.writestr("two.jpg", files["plain.jpg"])
    return packed.getvalue()


def seeds() -> dict[str, bytes]:
    """A small file of each readable kind, by a name with its ending."""
    ys, xs = np.mgrid[0:96, 0:128]
    rgb = np.dstack([xs * 2, ys * 2, (xs + ys) % 256]).astype(np.uint8)
    rgb[(ys - 48) ** 2 + (xs - 64) ** 2 < 900] = (250, 240, 230)
    base = Image.fromarray(rgb)
    alpha = base.copy()
    alpha.putalpha(Image.fromarray((xs * 2).astype(np.uint8)))
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    exif.get_ifd(34853)[2] = (48.0, 12.0, 30.0)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [base, base.rotate(90), base.rotate(180)]
    deep = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    found: dict[str, bytes] = {}

    def add(name: str, image: Image.Image, **how: Any) -> None:
        buffer = io.BytesIO()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(
            name.rpartition(".")[2], name.rpartition(".")[2].upper()
        )
        image.save(buffer, kind, **how)
        found[name] = buffer.getvalue()

    add("plain.png", base, exif=exif, icc_profile=icc)
    add("alpha.png", alpha)
    add("palette.png", base.convert("P", palette=Image.Palette.ADAPTIVE), transparency=3)
    add("deep.png", deep)
    add("one.png", base.convert("1"))
    add("moving.png", base, save_all=True, append_images=frames[1:])
    add("plain.jpg", base, exif=exif, icc_profile=icc, quality=90)
    add("progressive.jpg", base, progressive=True)
    add("ink.jpg", base.convert("CMYK"))
    add("grey.jpg", base.convert("L"))
    add("lossy.webp", base, exif=exif, icc_profile=icc)
    add("lossless.webp", alpha, lossless=True)
    add("moving.webp", base, save_all=True, append_images=frames[1:])
    add("plain.avif", base, exif=exif)
    add("alpha.avif", alpha)
    add("plain.tif", base, exif=exif)
    for method in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        add(f"{method}.tif", base, compression=method)
    add("deep.tif", deep)
    add("real.tif", Image.fromarray(rgb[..., 0] / np.float32(255)))
    add("pages.tif", base, save_all=True, append_images=frames[1:])
    add("plain.bmp", base)
    add("palette.bmp", base.convert("P"))
    add("plain.gif", base)
    add("moving.gif", base, save_all=True, append_images=frames[1:], transparency=0)
    found["both.zip"] = _packed(found)
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
        add("plain.heif", base, exif=exif)
    return found


EXTREMES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


def _numbers(random: Random, file: bytearray, at: int) -> None:
    """A size or an offset that nobody expects."""
    size = int(random.choice((2, 4)))
    value = int(random.choice(EXTREMES)) & (256**size - 1)
    file[at : at + size] = value.to_bytes(size, "big" if random.random() < 0.5 else "little")


def _repeated(random: Random, file: bytearray, at: int) -> None:
    part = file[at : at + int(random.integers(1, 400))]
    file[at:at] = part * int(random.integers(1, 5))


def _bit(random: Random, file: bytearray, at: int) -> None:
    file[at] ^= 1 << int(random.integers(0, 8))


def _bytes(random: Random, file: bytearray, at: int) -> None:
    for place in random.integers(at, min(len(file), at + 300), random.integers(1, 12)):
        file[place] = random.integers(0, 256)


def _cut_off(_: Random, file: bytearray, at: int) -> None:
    del file[at:]


def _gap(random: Random, file: bytearray, at: int) -> None:
    del file[at : at + int(random.integers(1, 64))]


def _noise(random: Random, file: bytearray, at: int) -> None:
    file[at:at] = random.bytes(int(random.integers(1, 64)))


def _flat(random: Random, file: bytearray, at: int) -> None:
    file[at : at + int(random.integers(1, 200))] = bytes([int(random.choice((0, 255)))]) * 64


MUTATIONS = (_bit, _bytes, _numbers, _cut_off, _gap, _noise, _repeated, _flat)


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """A file with up to three mutations, half of them in its first 300 bytes, where sizes and tables are.

    One in eight stays whole, and one in three has a single bit flipped: what is refused at once tests little else.
    """
    file = bytearray(data)
    fate = random.random()
    if fate < 0.12:
        return data
    if fate < 0.45:
        _bit(random, file, int(random.integers(0, len(file))))
        return bytes(file)
    for _ in range(random.integers(1, 4)):
        most = min(len(file), 300) if random.random() < 0.5 else len(file)
        at = int(random.integers(0, max(1, most)))
        kind = int(random.integers(0, len(MUTATIONS) + 1))
        if not most:
            break
        if kind == len(MUTATIONS):
            start = int(random.integers(0, len(other)))
            file[at : at + 200] = other[start : start + 200]
        else:
            MUTATIONS[kind](random, file, at)
    return bytes(file)


def options(random: Random, photo: str) -> list[str]:
    """A few options of every kind; about one in eight makes no sense."""
    from kirie._table import OPTIONS
    from kirie.cli._options import flag_of

    pools: dict[str, tuple[str, ...]] = {
        "background": (
            "white",
            "#ff880080",
            "blur",
            "dark",
            "greyscale",
            "original",
            "none",
            photo,
        ),
        "outline": ("3", "2%", "4 black", "none", "40"),
        "roi": ("0,0,50%,100%", "10,10,60,60", "90%,90%,100%,100%", "0,0,1,1"),
        "box": ("20%,10%,80%,95%", "0,0,9999,9999", "5,5,6,6"),
        "decontaminate": ("0", "0.3", "1"),
        "threshold": ("0.001", "0.5", "1"),
        "min_area": ("1", "5%", "100%"),
        "shift": ("-500", "-2", "3.5", "500"),
        "feather": ("0", "7", "1000"),
        "crop": ("0", "10%", "30", "300%"),
        "canvas": ("64x48", "1x1", "700x3"),
        "scale": ("1%", "60%", "500%", "original"),
        "position": ("left top", "100%,0%", "bottom"),
        "format": ("png", "webp", "avif", "tiff", "bmp", "jpeg"),
        "depth": ("8", "16"),
        "quality": ("1", "50", "100"),
        "max_pixels": ("100", "5000000"),
    }
    nonsense = (
        "",
        "nan",
        "-1",
        "1e999",
        "١",
        "%",
        "a,b,c,d",
        "0x0",
        "9" * 400,
        "../../x",
        "\udcff",
        "0,0,0,0",
    )
    given: list[str] = []
    names = list(OPTIONS)
    for name in random.choice(names, int(random.integers(0, 5)), replace=False):
        option = OPTIONS[str(name)]
        flag = flag_of(str(name))
        if not option.metavar:
            given.append(flag)
            continue
        values = nonsense if random.random() < 0.06 else option.values or pools[str(name)]
        given.append(f"{flag}={random.choice(values)}")
    return given


class Case:
    """One case: the files and arguments that its number and the seed make."""

    def __init__(self, seed: int, number: int, files: dict[str, bytes], folder: Path) -> None:
        random = np.random.default_rng((seed, number))
        names = sorted(files)
        name = names[number % len(names)]
        self.data = mutated(random, files[name], files[str(random.choice(names))])
        self.source = folder / f"{number}-{name}"
        self.out = folder / f"out-{number}"
        photo = folder / "background.png"
        if not photo.exists():
            photo.write_bytes(files["plain.png"])
        damaged = random.random() < 0.03
        self.arguments = ["cut", str(self.source), "-o", str(self.out)]
        self.arguments += options(random, str(self.source) if damaged else str(photo))
        if not any(text.startswith("--max-pixels") for text in self.arguments):
            self.arguments += ["--max-pixels", str(MOST_PIXELS)]
        if number % MODEL_EACH:
            self.arguments += ["--engine", "fake"]
        if random.random() < 0.2:
            self.arguments.append("--json")


def run(case: Case) -> dict[str, Any]:
    """Run one case in this process: how it ended, and what was wrong with that."""
    from kirie.cli import main

    case.source.write_bytes(case.data)
    said, heard = io.StringIO(), io.StringIO()
    before = time.process_time()
    wrong = ""
    code: Any
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(heard):
            code = main(case.arguments)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  that none comes is what is tested
        code, wrong = "traceback", traceback.format_exc()
    text = said.getvalue()
    if not wrong:
        wrong = _complaint(case, code, text)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    for path in sorted(case.out.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    if case.out.exists():
        case.out.rmdir()
    case.source.unlink()
    outcome = {0: "cut", 1: "refused picture", 2: "refused options"}.get(code, str(code))
    if code == 0 and "damaged" in text:
        outcome = "cut, with a note of damage"
    seconds = round(time.process_time() - before, 2)
    return {"outcome": outcome, "wrong": wrong, "seconds": seconds, "peak_mb": peak, "said": text}


def _complaint(case: Case, code: Any, text: str) -> str:
    """What is wrong with how a case ended; empty if nothing is."""
    if code not in (0, 1, 2):
        return f"exit code {code!r}"
    files = [path for path in case.out.rglob("*") if path.is_file()] if case.out.exists() else []
    results = [path for path in files if path.name[0] != "."]
    technical = any(word in text for word in ("Traceback", "Error:", "Warning:"))
    complaints = {
        "says what only a developer understands": technical,
        f"says {len(text)} characters": len(text) > MOST_TEXT,
        "fails without a word": code and not text.strip(),
        "leaves a temporary file": any(path.name.endswith(".part") for path in files),
        "says that all went well, and wrote nothing": code == 0 and not results,
    }
    found = [complaint for complaint, true in complaints.items() if true]
    return "; ".join([*found, *filter(None, map(_unreadable, results))])


def _unreadable(path: Path) -> str:
    """Why a result cannot be read; empty if it can."""
    try:
        if path.suffix in (".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".jpg"):
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
    except Exception as error:  # noqa: BLE001  whatever a reader raises
        return f"wrote {path.name}, which cannot be read: {error}"
    return ""


def work(given: argparse.Namespace) -> None:
    """The process that runs cases: a line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What C libraries write reaches no user of theirs; what we say goes to the real standard output.
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    files = seeds()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.first, given.first + given.count):
            case = Case(given.seed, number, files, Path(folder))
            channel.write(json.dumps({"begin": number}) + "\n")
            channel.write(json.dumps({"end": number} | run(case)) + "\n")


class Watched:
    """One process at work, and what it has said last."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: Any = self.process.stdout
        self.errors: Any = self.process.stderr
        self.now: int | None = None
        self.since = time.monotonic()
        self.cpu = 0.0
        self.ended = ""

    def used(self) -> float:
        """Processor seconds of the process so far."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return self.cpu

    def watch(self, seconds: float, memory: float) -> None:
        """End the process when its case takes too long, or too much."""
        while self.process.poll() is None:
            time.sleep(0.2)
            if self.now is None:
                continue
            if self.used() - self.cpu > seconds or time.monotonic() - self.since > NETWORKS:
                self.ended = "hang"
            try:
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                resident = int(status.partition("VmRSS:")[2].split()[0]) / 1e3
            except (OSError, IndexError):
                continue
            if resident > memory:
                self.ended = f"{resident:.0f} MB"
            if self.ended:
                self.process.kill()
                return


def batch(
    given: argparse.Namespace, first: int, count: int, note: Callable[[dict[str, Any]], None]
) -> int:
    """Run cases in one process until all are done or it ends early; the number to go on from."""
    command = [sys.executable, __file__, "--work", "--seed", str(given.seed)]
    watched = Watched([*command, "--first", str(first), "--count", str(count)])
    thread = threading.Thread(target=watched.watch, args=(given.seconds, given.memory), daemon=True)
    thread.start()
    drained: list[str] = []
    errors = threading.Thread(target=lambda: drained.append(watched.errors.read()))
    errors.start()
    last = first
    for line in watched.lines:
        said = json.loads(line)
        if "begin" in said:
            watched.since, watched.cpu, watched.now = (
                time.monotonic(),
                watched.used(),
                said["begin"],
            )
        else:
            watched.now, last = None, said["end"] + 1
            note(said)
    code = watched.process.wait()
    errors.join()
    if watched.now is not None:
        why = watched.ended or f"ended by {code}"
        text = "\n".join(drained)[-2000:]
        note(
            {
                "end": watched.now,
                "outcome": why.split()[-1] if "MB" in why else why,
                "wrong": f"{why}\n{text}",
            }
        )
        return watched.now + 1
    if code:
        raise SystemExit(f"The process ended with {code}:\n{''.join(drained)}")
    return last


def main() -> int:
    """Run all, print how many ended how."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of processor time for one case"
    )
    parser.add_argument("--memory", type=float, default=1500.0, help="MB that the process may hold")
    parser.add_argument("--keep", type=Path, help="a folder for the files of bad cases")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given)
        return 0
    outcomes: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    slowest = peak = 0.0
    bad: list[int] = []
    files = seeds()
    names = sorted(files)

    def note(said: dict[str, Any]) -> None:
        nonlocal slowest, peak
        number = said["end"]
        outcomes[said["outcome"]] += 1
        formats[names[number % len(names)].rpartition(".")[2]] += 1
        slowest, peak = max(slowest, said.get("seconds", 0)), max(peak, said.get("peak_mb", 0))
        if said["wrong"]:
            bad.append(number)
            case = Case(given.seed, number, files, given.keep or Path(tempfile.mkdtemp()))
            if given.keep:
                case.source.write_bytes(case.data)
            print(
                f"BAD {number}: {said['wrong']}\n  {' '.join(map(ascii, case.arguments))}",
                flush=True,
            )
            print(f"  said: {said.get('said', '')!r}", flush=True)
        if sum(outcomes.values()) % 500 == 0:
            print(sum(outcomes.values()), dict(outcomes), file=sys.stderr, flush=True)

    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    at, end = given.first, given.first + given.count
    while (
        at < end
    ):  # a new process now and then, so that memory that leaks slowly is not blamed on one case
        at = batch(given, at, min(500, end - at), note)
    print(f"{sum(outcomes.values())} cases, seed {given.seed}: {dict(outcomes.most_common())}")
    print(f"by format: {dict(formats.most_common())}")
    print(f"longest {slowest} s of processor time, most memory {peak:.0f} MB; bad: {bad or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
