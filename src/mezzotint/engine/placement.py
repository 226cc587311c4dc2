"""Where and how networks run: the device, the number of threads, the number format.

Takes wishes (a device name, a thread count) and gives a `Placement` that the rest of the engine obeys. Nothing else
in the package asks torch for devices or sets threads. Knows no model and no recipe.
"""

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch

from mezzotint.values.errors import BadValue, MezzotintError, UnknownName

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
)
"""The number formats of networks by the name that recipes use."""

WORK_OF_A_THREAD = 1e9
"""Multiply-adds of one network call that keep one more processor thread busy. Threads meet after every layer; where
a layer is too short they wait longer than they compute, and many times longer beside other work (docs/log.md)."""

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Placement:
    """One device with its thread count, which is `fixed` when somebody asked for it. `kernels` names what computes,
    for the facts beside a picture."""

    device: torch.device
    threads: int
    kernels: str
    fixed: bool = False

    def suited(self, work: float) -> "Placement":
        """The same with as many of its threads as network calls of `work` multiply-adds keep busy; all if `fixed`."""
        if self.fixed:
            return self
        return replace(self, threads=max(1, min(self.threads, int(work / WORK_OF_A_THREAD))))

    @contextmanager
    def pinned(self, exact: bool) -> Generator[None]:
        """Inside: inference only, this many threads and, for `exact`, kernels that repeat bit for bit.

        The settings are torch's own and hold for the process, so they are put back on the way out; never yield to
        a caller inside.
        """
        threads = torch.get_num_threads()
        if threads != self.threads:
            torch.set_num_threads(self.threads)
        try:
            with torch.inference_mode(), _kernels(self.device, exact):
                yield
        except (RuntimeError, MemoryError) as error:
            if not _is_memory(error):
                raise
            raise NotEnoughMemory(
                f"{self.device} has not enough memory for a picture of this size",
                hint="ask for a smaller width and height or fewer pictures at once",
            ) from error
        finally:
            if threads != self.threads:
                torch.set_num_threads(threads)


class NotEnoughMemory(MezzotintError):
    """The device has no room for what was asked for."""

    code = "not_enough_memory"
    exit_code = 1


def place(device: str | None = None, threads: int | None = None) -> Placement:
    """The placement for `device` ("cpu", "cuda", "cuda:1"; None = the fastest present) and `threads` (None = at most
    as many as this process may use, see `Placement.suited`).

    Raises UnknownName for a device that is not there and BadValue for a thread count outside 1..1024.
    """
    present = devices()
    name = device or present[-1]
    known = {"cuda": "cuda:0"}.get(name, name)
    if known not in present:
        raise UnknownName("device", name, present)
    if threads is not None and not 1 <= threads <= 1024:
        raise BadValue("threads", f"{threads} is out of range", "use 1 to 1024")
    chosen = torch.device(known)
    return Placement(chosen, threads or usable_threads(), _kernel_names(chosen), threads is not None)


def devices() -> tuple[str, ...]:
    """The devices that are present, the slowest first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cpu", *(f"cuda:{i}" for i in reversed(range(count))))


def usable_threads() -> int:
    """How many threads torch would use, but no more than the processor share of this process (affinity, cgroup)."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), cores, _quota() or cores))


def _quota() -> int | None:
    """The processor quota of the control group in whole cores; None where there is none."""
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        return max(1, int(quota) // int(period)) if quota != "max" else None
    except (OSError, ValueError):
        return None


@contextmanager
def _kernels(device: torch.device, exact: bool) -> Generator[None]:
    # The processor's kernels repeat for one shape and one thread count; a GPU must be told to.
    if device.type == "cpu":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=exact, allow_tf32=not exact):
        yield


def _kernel_names(device: torch.device) -> str:
    if device.type == "cpu":
        return f"cpu {torch.backends.cpu.get_cpu_capability().lower()}"
    major, minor = torch.cuda.get_device_capability(device)
    return f"cuda {torch.version.cuda} sm_{major}{minor}"


def _is_memory(error: RuntimeError | MemoryError) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
