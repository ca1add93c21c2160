"""The version, in one place: the build, `kirie --version` and checkpoint headers read it."""

__version__ = "0.1.0"
