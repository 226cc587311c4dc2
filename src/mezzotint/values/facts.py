"""What a run was: versions, device and time, recorded beside the recipe.

Takes and gives plain values, as a mapping that fits JSON and back. Facts explain a difference between two pictures
of one recipe; nothing here may change a pixel. Knows no way to find a fact out.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType, NoneType
from typing import Any, Self, cast

from mezzotint.values.errors import BadValue, shorten

MAX_TEXT = 4096
_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "program_version": (str,),
        "torch_version": (str,),
        "device": (str,),
        "threads": (int,),
        "kernels": (str,),
        "model_digest": (str, NoneType),
    }
)


@dataclass(frozen=True)
class RunFacts:
    """How one picture was made. `kernels` names the chosen kernels; `seconds` is wall time for
    this picture and is not kept in files."""

    program_version: str
    torch_version: str
    device: str
    threads: int
    kernels: str
    model_digest: str | None
    seconds: float

    def to_plain(self) -> dict[str, object]:
        """The facts as a mapping that fits JSON, without the time: equal runs must give equal files."""
        return {name: value for name, value in asdict(self).items() if name != "seconds"}

    @classmethod
    def from_plain(cls, plain: object) -> Self:
        """The facts in a mapping, `seconds` 0.0.

        Raises `BadValue` naming the field that is absent, unknown or of a wrong type.
        """
        if not isinstance(plain, Mapping):
            raise BadValue("facts", f"must be an object with fields, not {shorten(plain)}", "check the file")
        given = cast(Mapping[str, Any], plain)
        for name in (*_TYPES, *given):
            if name not in _TYPES or name not in given or not _fits(given[name], _TYPES[name]):
                raise BadValue(f"facts.{shorten(name)}", "is not what it should be", "check the file")
        return cls(**given, seconds=0.0)


def _fits(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, str):
        return str in types and len(value) <= MAX_TEXT
    return isinstance(value, types) and not isinstance(value, bool)
