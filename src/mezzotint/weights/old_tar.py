"""Reads the tar files of PyTorch before 0.1.2 as data, member by member where they lie; nothing is extracted.

Takes an open file. Gives what `unpickle` gives of the later formats: what the pickle holds and a way to read its
storages. Such a file has the members `storages`, `tensors` and `pickle`, whose references are the numbers of the first
two. Format: `legacy_load` in torch/serialization.py. To be called in a process of its own.
"""

import struct
import tarfile
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from mezzotint.weights.unpickle import (
    MAX_ITEMS,
    MAX_RANK,
    WIDTHS,
    Fetch,
    Kind,
    Reader,
    Storage,
    Tensor,
    Unfit,
    rebuilt,
)

MEMBERS = ("storages", "tensors", "pickle")
_MOST_MEMBERS = 16


def is_tar(file: BinaryIO) -> bool:
    """Whether `file`, which is left at its beginning, is a tar archive."""
    file.seek(257)
    mark = file.read(5)
    file.seek(0)
    return mark == b"ustar"


class _Reader(Reader):
    """The unpickler of the member `pickle`, which points to tensors and storages by their number."""

    def __init__(self, file: BinaryIO, known: Mapping[int, Storage | Tensor]) -> None:
        super().__init__(file)
        self._known = known

    def persistent_load(self, pid: Any) -> object:
        """The tensor or storage with this number, or what stands for the class of a container."""
        if isinstance(pid, tuple):
            return super().persistent_load(cast("object", pid))
        if isinstance(pid, int | str) and str(pid).isdecimal() and int(pid) in self._known:
            return self._known[int(pid)]
        raise Unfit("points to something that is no storage")


def opened_tar(file: BinaryIO, size: int) -> tuple[object, Fetch]:
    """What the tar archive in `file` of `size` bytes holds, and how to read its storages. Raises Wanted and Unfit."""
    starts = _members(file, size)
    file.seek(starts["storages"])
    storages, places = _storages(file, size)
    file.seek(starts["tensors"])
    known: dict[int, Storage | Tensor] = {**storages, **_tensors(file, storages)}
    file.seek(starts["pickle"])
    root = _Reader(file, known).load()

    def fetch(storage: Storage) -> bytes:
        file.seek(places[storage.key])
        return file.read(storage.count * WIDTHS[storage.kind.code])

    return root, fetch


def _members(file: BinaryIO, size: int) -> dict[str, int]:
    """Where the members lie that such a file has; there are few others."""
    starts: dict[str, int] = {}
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for _ in range(_MOST_MEMBERS):
            member = None if len(starts) == len(MEMBERS) else archive.next()
            if member is None:
                break
            if member.name in MEMBERS and member.isreg() and member.offset_data + member.size <= size:
                starts[member.name] = member.offset_data
    if len(starts) < len(MEMBERS):
        raise Unfit("is a tar archive without a model of PyTorch")
    return starts


def _storages(file: BinaryIO, size: int) -> tuple[dict[int, Storage], dict[str, int]]:
    """All storages by their number, and where the bytes of each lie."""
    storages: dict[int, Storage] = {}
    places: dict[str, int] = {}
    for _ in range(_count(file)):
        match Reader(file).load():
            case (int() as number, str(), Kind() as kind):
                (count,) = _numbers(file, 1)
            case _:
                raise Unfit("has a storage without a number")
        places[str(number)] = file.tell()
        end = places[str(number)] + count * WIDTHS[kind.code]
        if count < 0 or end > size:
            raise Unfit("is truncated")
        storages[number] = Storage(kind, str(number), count)
        file.seek(end)
    views = Reader(file).load()
    for view in cast("list[object]", views) if isinstance(views, list) else [views]:
        match view:
            case (int() as number, int() as root, int() as offset, int() as count) if root in storages:
                whole = storages[root]
            case _:
                raise Unfit("has a part of a storage that is not there")
        if offset < 0 or count < 0 or offset + count > whole.count:
            raise Unfit("has a part of a storage that is not there")
        storages[number] = Storage(whole.kind, str(number), count)
        places[str(number)] = places[whole.key] + offset * WIDTHS[whole.kind.code]
    return storages, places


def _tensors(file: BinaryIO, storages: Mapping[int, Storage]) -> dict[int, Tensor]:
    """All tensors by their number: pickled (number, storage, type), then raw sides, steps and offset."""
    tensors: dict[int, Tensor] = {}
    for _ in range(_count(file)):
        match Reader(file).load():
            case (int() as number, int() as storage, Kind()) if storage in storages:
                # The first number was a 64-bit one in older files; all of its upper half is zero.
                (sides,) = struct.unpack("<i", file.read(8)[:4].ljust(4, b"\xff"))
            case _:
                raise Unfit("has a tensor without a storage")
        if not 0 <= sides <= MAX_RANK:
            raise Unfit("a tensor of it has an impossible shape")
        shape, strides, (offset,) = _numbers(file, sides), _numbers(file, sides), _numbers(file, 1)
        tensors[number] = rebuilt(storages[storage], offset, shape, strides)
    return tensors


def _count(file: BinaryIO) -> int:
    count = Reader(file).load()
    if type(count) is not int or not 0 <= count <= MAX_ITEMS:
        raise Unfit("does not say how many tensors it has")
    return count


def _numbers(file: BinaryIO, count: int) -> tuple[int, ...]:
    data = file.read(8 * count)
    if len(data) != 8 * count:
        raise Unfit("is truncated")
    return struct.unpack(f"<{count}q", data)
