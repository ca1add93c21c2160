"""Every script beside the package can at least be loaded: what it takes from the package, and from other scripts, is there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(path for folder in ("benches", "scripts") for path in (ROOT / folder).glob("*.py"))
OTHERS = {"py_sod_metrics", "pyvips", "rembg"}  # compared with, and not installed


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_script_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(path.parent))
    try:
        importlib.import_module(path.stem)
    except ModuleNotFoundError as missing:
        if missing.name not in OTHERS:
            raise
        pytest.skip(f"needs {missing.name}")
    finally:
        for name in set(sys.modules) - before:
            if name in {one.stem for one in SCRIPTS}:
                del sys.modules[name]
