"""Looks at this machine: versions, devices, threads, optional parts, and what would be used for a picture.

Takes nothing, gives a Report. Opens no model and draws nothing.
"""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import torch

from mezzotint import __version__
from mezzotint.engine.placement import devices, place
from mezzotint.engine.telling.report import Report, Row, Section, rows

_CORE = ("torch", "safetensors", "tokenizers", "numpy", "pillow", "pydantic")
_EXTRAS = (
    ("train", ("resvg_py", "webdataset", "matplotlib")),
    ("dev", ("diffusers", "transformers", "pytest")),
)


def doctor() -> Report:
    """Everything a bug report needs, and what `mezzotint PROMPT` would run on."""
    chosen = place()
    return Report(
        (
            Section(
                "Versions", (("mezzotint", __version__), ("python", sys.version.split()[0]), *_versions())
            ),
            Section("Machine", rows([("system", platform.platform(terse=True)), *_devices()])),
            Section(
                "A picture would be drawn with",
                rows(
                    [
                        ("device", chosen.device),
                        ("threads", chosen.threads),
                        ("kernels", chosen.kernels),
                        ("numerics", "exact, float32, unless asked otherwise"),
                    ]
                ),
            ),
            Section("Optional parts", tuple(_extra(name, modules) for name, modules in _EXTRAS)),
        )
    )


def _versions() -> list[Row]:
    return [(name, _version(name)) for name in _CORE]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> list[Row]:
    found: list[Row] = [("cpu", f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}")]
    for name in devices()[1:]:
        memory = torch.cuda.mem_get_info(name)[1] / 2**30
        found.append((name, f"{torch.cuda.get_device_name(name)}, {memory:.0f} GiB"))
    return found


def _extra(name: str, modules: tuple[str, ...]) -> Row:
    absent = [module for module in modules if find_spec(module) is None]
    return name, f"not complete: pip install 'mezzotint[{name}]'" if absent else "installed"
