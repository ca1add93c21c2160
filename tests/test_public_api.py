"""The public surface: exact, sorted, light to import."""

import subprocess
import sys

import pytest

import kirie


def test_all_is_sorted_and_every_name_is_there():
    assert kirie.__all__ == sorted(kirie.__all__)
    for name in kirie.__all__:
        assert getattr(kirie, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        kirie.nothing_here  # noqa: B018


@pytest.mark.parametrize(
    "command", ["import kirie", "import kirie, kirie.cli", "import kirie; kirie.models()"]
)
def test_importing_kirie_is_light(command):
    heavy = [
        "torch",
        "openvino",
        "fastapi",
        "scipy",
        "numba",
        "cv2",
        "onnx",
        "ray",
        "rich",
        "numpy",
        "PIL",
        "onnxruntime",
    ]
    script = f"{command}\nimport sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_cutting_never_imports_the_heavy_ones():
    script = (
        "import sys, numpy as np, kirie\n"
        "kirie.load().cut(np.zeros((40, 60, 3), np.uint8)).encode()\n"
        "print([m for m in ('torch', 'openvino', 'fastapi', 'scipy', 'numba', 'cv2', 'onnx', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing(option):
    script = (
        "import sys; from kirie.cli import main\n"
        f"try: main(['{option}'])\nexcept SystemExit as end: assert not end.code\n"
        "print([m for m in ('numpy', 'onnxruntime', 'PIL', 'pyvips', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
