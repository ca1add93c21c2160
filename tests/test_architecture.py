"""Who may import whom, and how large things may grow: read from the sources, not from good intentions."""

import ast
from pathlib import Path

import pytest

import kirie

ROOT = Path(kirie.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# module → what it may import of ours (by first component below kirie); absent: not restricted
MAY = {
    "errors": set(),
    "_lengths": {"errors"},
    "_table": {"errors", "_lengths"},
    "options": {"errors", "_table"},
    "spec": {"errors", "options"},
    "zoo": {"errors", "spec"},
    "weights": {"errors", "spec", "zoo", "_download", "_fetch", "_home"},
    "_fetch": {"errors", "spec", "_download", "_home"},
    "_download": {"errors"},
    "_home": {"errors"},
    "image": {
        "errors",
        "spec",
        "_arrays",
        "_decode",
        "_encode",
        "_exif",
        "_files",
        "_formats",
        "_profile",
    },
    "_decode": {"errors", "_arrays", "_exif", "_formats", "_profile"},
    "_encode": {"errors", "_arrays", "_formats", "_png", "_profile"},
    "_files": {"errors", "_formats"},
    "_formats": {"errors"},
    "_arrays": {"errors"},
    "_exif": set(),
    "_png": {"_threads"},
    "_threads": set(),
    "_profile": set(),
    "_resample": {"errors"},
    "prepare": {"errors", "spec", "_resample"},
    "_bilinear": set(),
    "_classmap": {"_bilinear"},
    "_pyramid": {"errors", "_bilinear"},
    "_slide": {"_bilinear"},
    "_legend": set(),
    "readout": {"errors", "spec", "prepare", "_bilinear", "_classmap"},
    "compose": {"errors", "spec", "_threads"},
    "edges": {"errors", "spec", "_threads"},
    "_shape": {"_threads"},
    "matting": {"compose", "_threads"},
    "_pieces": set(),
    "_frame": {"options", "_lengths"},
    "_layers": {"_frame", "_shape"},
    "backgrounds": {"errors", "options", "compose", "_shape"},
    "contour": set(),
    "coco": {"contour"},
    "refine": {
        "errors",
        "options",
        "_lengths",
        "image",
        "edges",
        "compose",
        "backgrounds",
        "matting",
        "_pieces",
        "_shape",
    },
    "arrange": {"options", "image", "compose", "backgrounds", "_frame", "_layers"},
    "procedure": {"errors", "spec", "engines", "prepare", "_pyramid", "_slide"},
    "engines": {"errors", "spec", "nn", "onnxfile", "_machine"},
    "_machine": set(),
    "_overlap": {"errors", "_machine"},
    "batch": {
        *("errors", "spec", "options", "zoo", "image", "cutter", "cutout", "backgrounds"),
        *("_files", "_formats", "_table", "_threads", "_machine", "_overlap", "engines"),
    },
    "foreign": {"errors", "spec", "zoo", "engines", "weights", "_hub"},
    "_hub": {"errors", "spec"},
    "onnxfile": {"errors", "_lookalikes", "_onnx", "_protobuf"},
    "_lookalikes": {"errors"},
    "_onnx": {"_protobuf"},
    "_protobuf": set(),
    "nn": {"errors", "spec", "_home", "_hub", "_lookalikes", "_version"},
    "export": {"errors", "spec", "nn", "_version"},
    "metrics": {"errors"},
    "_layouts": {"errors", "_formats"},
    "_masks": {"errors", "spec", "image", "_arrays", "_files", "_formats"},
    "_measuring": {"errors", "image", "metrics", "_masks"},
    "_evaluation": {"metrics", "_measuring"},
    "_journal": {"_files"},
    "evaluate": {
        *(
            "errors",
            "spec",
            "cutter",
            "segmenter",
            "_evaluation",
            "_formats",
            "_journal",
            "_layouts",
        ),
        *("_measuring", "_version"),
    },
    "reports": {"errors", "image", "metrics", "evaluate", "_evaluation", "_masks", "_version"},
    "compat": {
        *("errors", "spec", "zoo", "engines", "cutter", "image", "prepare", "procedure"),
        *("readout", "compose", "edges", "_arrays", "_bilinear", "_profile", "_resample"),
    },
}
# file → what it may import besides, with the reason
ALSO = {
    # Its caller names a backbone, not a file (`backbone_weights="swin_v1_t"`): it looks the card up when it is called.
    "nn/pretrained.py": {"zoo", "weights"},
}
STANDARD_ONLY = ("errors", "_lengths", "_table", "options", "spec", "zoo")

# (file, function or None) that break the size budget, each with its reason
LONG = {("compat/rembg.py", "remove"): 70}  # thirteen arguments, each described
PARAMETERS = {
    ("compat/rembg.py", "remove"): 13,  # rembg's own signature
    (
        "train/objectives.py",
        "forward",
    ): 7,  # all that the loop knows of a batch and a moment, by name
}


def area(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[int, str]]:
    """(level, module) of every import statement, lazy ones too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.module:
                found.append((node.level, node.module))
            else:
                found += [(node.level, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
    return found


def ours(path: Path) -> set[str]:
    """First components below kirie of what a file imports of ours."""
    depth = len(path.relative_to(ROOT).parts)  # 1 for kirie/x.py
    names = set()
    for level, module in imports(path):
        if level == depth or (level == 0 and module.split(".")[0] == "kirie"):
            names.add(module.removeprefix("kirie.").split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_run_one_way(path):
    allowed = MAY.get(area(path))
    if allowed is None:
        return
    assert ours(path) <= allowed | {area(path)} | ALSO.get(str(path.relative_to(ROOT)), set())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_drop_ins_are_leaves(path):
    assert area(path) == "compat" or "compat" not in ours(path)


@pytest.mark.parametrize("name", STANDARD_ONLY)
def test_the_data_modules_need_the_standard_library_alone(name):
    import sys

    files = [path for path in FILES if area(path) == name]
    assert files
    for level, module in (found for path in files for found in imports(path)):
        assert level > 0 or module.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_size_budget(path):
    text = path.read_text("utf-8")
    name = str(path.relative_to(ROOT))
    assert len(text.splitlines()) <= LONG.get((name, None), 400)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONG.get((name, node.name), 60), f"{node.name} has {length} lines"
            count = len(
                [
                    a
                    for a in (*node.args.args, *node.args.kwonlyargs)
                    if a.arg not in ("self", "cls")
                ]
            )
            # Constructors of networks take their architecture as keyword arguments.
            limit = PARAMETERS.get((name, node.name), 6)
            assert node.name == "__init__" or count <= limit, f"{node.name} has {count} parameters"


def test_public_api_is_small():
    assert len(kirie.__all__) <= 25
