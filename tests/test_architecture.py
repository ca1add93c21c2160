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
    "spec": {"errors"},
    "zoo": {"errors", "spec"},
    "weights": {"errors", "spec", "zoo"},
    "image": {"errors", "spec", "_arrays", "_decode", "_encode", "_files", "_formats", "_profile"},
    "_decode": {"errors", "_arrays", "_exif", "_formats", "_profile"},
    "_encode": {"errors", "_arrays", "_formats", "_png", "_profile"},
    "_files": {"errors", "_formats"},
    "_formats": {"errors"},
    "_arrays": {"errors"},
    "_exif": set(),
    "_png": set(),
    "_profile": set(),
    "_resample": {"errors"},
    "prepare": {"errors", "spec", "_resample"},
    "readout": {"errors", "spec", "prepare"},
    "compose": {"errors", "spec"},
    "edges": {"errors", "spec"},
    "procedure": {"errors", "spec", "engines"},
    "engines": {"errors", "spec", "nn"},
    "nn": {"errors", "spec", "_version"},
    "export": {"errors", "spec", "nn", "_version"},
    "metrics": {"errors"},
}
STANDARD_ONLY = ("errors", "spec", "zoo")

# (file, function or None) that break the size budget, each with its reason
LONG = {}
PARAMETERS = {}


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
    assert ours(path) <= allowed | {area(path)}


@pytest.mark.parametrize("name", STANDARD_ONLY)
def test_the_data_modules_need_the_standard_library_alone(name):
    import sys

    for level, module in imports(ROOT / f"{name}.py"):
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
