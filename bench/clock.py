"""Seconds since this process began, on the wall and on the processors; shared by both sides of the comparison."""

import os
import time
from pathlib import Path

_STARTED_FIELD = 21


def since_start() -> float:
    """Wall seconds since the process was started, its interpreter's own start included (Linux)."""
    stat = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(stat[_STARTED_FIELD - 2])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / os.sysconf("SC_CLK_TCK")


def processor() -> float:
    """Processor seconds of all threads of this process."""
    return time.process_time()
