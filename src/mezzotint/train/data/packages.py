"""Fetches packages by name and exact version through the npm, pip and apt-get clients, and unpacks them.

Takes a `Package` and folders. Gives the archive's path, then a folder of plain files. Everything is fetched into
a fresh folder and moved into the cache only when complete. Knows nothing of licences or pictures.
"""

import contextlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mezzotint.values.errors import DataProblem

TIMEOUT = 600.0
"""Seconds after which a client that does not answer counts as a network failure."""


@dataclass(frozen=True)
class Package:
    """One package: which client fetches it, its name, and its exact version."""

    client: Literal["npm", "pip", "apt-get"]
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def slug(self) -> str:
        """A file name for this package and version."""
        plain = f"{self.client}-{self.name}-{self.version}"
        return "".join(c if c.isalnum() or c in "-._" else "_" for c in plain)


Fetcher = Callable[[Package, Path], Path]
"""(package, empty folder) -> the archive that was put into that folder."""


def command(package: Package) -> tuple[str, ...]:
    """The client's command line that puts the archive into the current folder; no shell ever reads it."""
    match package.client:
        case "npm":
            return ("npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}")
        case "pip":
            wanted = f"{package.name}=={package.version}"
            return ("pip", "download", "--quiet", "--no-deps", "--no-build-isolation", wanted)
        case "apt-get":
            return ("apt-get", "--quiet", "download", f"{package.name}={package.version}")


def fetch(package: Package, folder: Path) -> Path:
    """Runs the package's client in `folder` and returns the archive. Raises DataProblem."""
    line = command(package)
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        hint = f"install {package.client}, or leave out the sets that need it"
        raise DataProblem(f"{package.client} is needed to fetch {package} and is absent", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise DataProblem(
            f"{package.client} gave no answer for {package} in {TIMEOUT:.0f} s",
            hint="check the network and run the same command again; what is fetched is kept",
        ) from None
    archives = [path for path in sorted(folder.iterdir()) if path.is_file() and path.stat().st_size > 0]
    if done.returncode != 0 or len(archives) != 1:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = f" ({said[-1][:120]})" if said else ""
        raise DataProblem(
            f"{package.client} could not fetch {package}{reason}",
            hint="check the network and run the same command again; what is fetched is kept",
        )
    return archives[0]


def obtain(package: Package, cache: Path, fetcher: Fetcher = fetch) -> tuple[Path, bool]:
    """The package's archive in `cache`, and whether it had to be fetched. Raises DataProblem."""
    kept = cache / package.slug
    if kept.is_file():
        return kept, False
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as fresh:
        archive = fetcher(package, Path(fresh))
        archive.replace(kept)
    return kept, True


def unpacked(package: Package, archive: Path, cache: Path) -> Path:
    """A folder with the archive's files, made once. A broken archive is removed and raises DataProblem."""
    folder = cache / f"{package.slug}.files"
    if folder.is_dir():
        return folder
    fresh = Path(tempfile.mkdtemp(prefix=".unpack-", dir=cache))
    try:
        _unpack(package, archive, fresh)
        fresh.rename(folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as problem:
        archive.unlink(missing_ok=True)
        raise DataProblem(
            f"the archive of {package} cannot be unpacked ({type(problem).__name__}: {str(problem)[:100]})",
            hint="it was removed; run the same command again to fetch it anew",
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _unpack(package: Package, archive: Path, folder: Path) -> None:
    if package.client == "apt-get":
        with tempfile.TemporaryFile() as plain:
            done = subprocess.run(
                ("dpkg-deb", "--fsys-tarfile", str(archive)),
                stdout=plain,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode != 0:
                raise ValueError("dpkg-deb found it broken")
            plain.seek(0)
            with tarfile.open(fileobj=plain) as tar:
                _extract(tar, folder)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            _extract(tar, folder)


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Every file of `tar`, as plain files below `folder`. ValueError for a name that leads out of it and for links,
    which packages of pictures and words do not have. Python before 3.11.4 has no filter for `extractall`."""
    inside = folder.resolve()
    for entry in tar:
        path = (inside / entry.name).resolve()
        if not path.is_relative_to(inside):
            raise ValueError(f"{entry.name!r} leads out of its folder")
        if entry.isdir():
            continue
        content = tar.extractfile(entry) if entry.isfile() else None
        if content is None:
            raise ValueError(f"{entry.name!r} is a link or a device")
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as file:
            shutil.copyfileobj(content, file)


def root_of(folder: Path) -> Path:
    """The folder that holds the package's files: npm archives put all of them into one, `package`."""
    with contextlib.suppress(ValueError):
        (only,) = folder.iterdir()
        if only.is_dir():
            return only
    return folder
