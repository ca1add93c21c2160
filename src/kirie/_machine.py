"""What there is of cores and memory, for this process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cores", "free_memory"]

UNKNOWN = 4 << 30  # bytes of free memory to reckon with where the system says nothing


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that can be taken without pushing anything out."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii", "replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (OSError, ValueError, IndexError, AttributeError):
        return UNKNOWN
