"""ZIP archives: writing small ones."""

from __future__ import annotations

import zipfile
from io import BytesIO

__all__ = ["zipped"]


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive of some files, stored as they are: pictures are compressed already. The same files, the same bytes."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()
