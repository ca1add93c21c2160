"""Trees of files, and the command in a process of its own."""

import subprocess
import sys
from pathlib import Path


def tree(folder):
    """Every file below a folder, hidden ones too, with its content."""
    folder = Path(folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


SLOW = """
import time
import kirie.engines.fake as fake
real = fake.FakeEngine.__call__
fake.FakeEngine.__call__ = lambda *a: time.sleep({seconds}) or real(*a)
"""


def begun(*arguments, script="", **how):
    """`kirie cut` as a process that has just been started; a script can change it before."""
    command = f"import sys\nfrom kirie.cli import main\n{script}\nsys.exit(main(sys.argv[1:]))"
    given = ["cut", *map(str, arguments), "--engine", "fake"]
    return subprocess.Popen([sys.executable, "-c", command, *given], text=True, **how)


def kirie(*arguments, code=1, script="", **how):
    """`kirie cut` in a process of its own, with the fake engine; a script can change it before it starts."""
    command = (
        "import sys, os, signal\nfrom kirie.cli import main\n"
        + script
        + "\nsys.exit(main(sys.argv[1:]))"
    )
    given = ["cut", *map(str, arguments), "--engine", "fake"]
    done = subprocess.run(
        [sys.executable, "-c", command, *given], capture_output=True, text=True, check=False, **how
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, (done.returncode, done.stderr)
    return done
