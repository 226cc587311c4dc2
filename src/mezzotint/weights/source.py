"""Named tensors that are read one at a time, whatever they come from: `TensorSource` and its plain kinds.

Takes other sources, or tensors that are there already. Gives one view of them. Knows no file format.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from mezzotint.values.errors import BadModelFile
from mezzotint.weights.hashes import Stamp
from mezzotint.weights.header import TensorInfo


class TensorSource(Mapping[str, TensorInfo], ABC):
    """Named tensors that are read one at a time. `path` names them in errors, `metadata` is the file's own text."""

    path: Path
    metadata: Mapping[str, str]

    def forget(self) -> None:
        """Give back the memory in which the file was read so far; tensors that live read it again."""

    def unchanged(self) -> bool:
        """Whether what was opened still holds what it held then, as far as sizes and times tell."""
        return True

    def stamps(self) -> tuple[Stamp, ...]:
        """The files that are read, as they were when they were opened; none where nobody knows."""
        return ()

    @abstractmethod
    def tensor(self, name: str) -> Tensor:
        """The tensor `name`, of any shape, in its stored type; not to be written to. Raises KeyError."""


class Joined(TensorSource):
    """Several sources seen as one: each under its own prefix, which is put before its names (`unet/`, or nothing)."""

    def __init__(self, path: Path, parts: Mapping[str, TensorSource] | tuple[TensorSource, ...]) -> None:
        self.path = path
        pairs = tuple(parts.items()) if isinstance(parts, Mapping) else [("", part) for part in parts]
        self._where: dict[str, tuple[TensorSource, str]] = {}
        metadata: dict[str, str] = {}
        for prefix, part in pairs:
            metadata.update(part.metadata)
            for name in part:
                if prefix + name in self._where:
                    raise BadModelFile(part.path, f"holds {prefix + name} a second time")
                self._where[prefix + name] = (part, name)
        self.metadata = MappingProxyType(metadata)
        self._parts = tuple(part for _, part in pairs)

    def forget(self) -> None:
        """The same for every part."""
        for part in self._parts:
            part.forget()

    def unchanged(self) -> bool:
        """Whether all parts are."""
        return all(part.unchanged() for part in self._parts)

    def stamps(self) -> tuple[Stamp, ...]:
        """Those of all parts; none where a part has none."""
        each = [part.stamps() for part in self._parts]
        return tuple(stamp for stamps in each for stamp in stamps) if all(each) else ()

    def __getitem__(self, name: str) -> TensorInfo:
        part, own = self._where[name]
        return part[own]

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def tensor(self, name: str) -> Tensor:
        """The tensor `name` of the part that holds it."""
        part, own = self._where[name]
        return part.tensor(own)


class InMemory(TensorSource):
    """Tensors that are already there, as a source; for tensors that were made, not read."""

    def __init__(
        self, path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
    ) -> None:
        self.path = path
        self.metadata = MappingProxyType(dict(metadata or {}))
        self._tensors = tensors

    def __getitem__(self, name: str) -> TensorInfo:
        tensor = self._tensors[name]
        return TensorInfo(tuple(tensor.shape), tensor.dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def tensor(self, name: str) -> Tensor:
        """The tensor `name` itself."""
        return self._tensors[name]


class Passing(Mapping[str, Tensor]):
    """Tensors of `source`, handed out one after the other: on the way the memory in which the file was read goes
    back, so that a model is opened or hashed without a second one beside it."""

    _ENOUGH = 64 * 2**20

    def __init__(self, tensors: Mapping[str, Tensor], source: TensorSource) -> None:
        self._tensors, self._source, self._bytes = tensors, source, 0

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._tensors[name]
        self._bytes += tensor.nbytes
        if self._bytes > self._ENOUGH:
            self._bytes = 0
            self._source.forget()
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
