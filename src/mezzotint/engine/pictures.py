"""Opens the pictures that recipes name, and tells their content by hash.

Takes a `PictureUse`. Gives a `Photo`, or the hash that a recipe remembers. Knows no network.
"""

from pathlib import Path

from PIL.Image import Image

from mezzotint.values.errors import BadPicture
from mezzotint.values.photo import Photo, read_photo, read_plane
from mezzotint.values.source import PictureUse
from mezzotint.weights.hashes import file_hash


def opened_picture(use: PictureUse, wanted: tuple[int, int] | None = None) -> Photo:
    """The picture of a recipe; `wanted` as `read_photo` takes it. Raises BadPicture, for another content, too."""
    return read_photo(_verified(use), wanted)


def opened_plane(use: PictureUse) -> Image:
    """The picture of a recipe as numbers, as `read_plane` reads it. Raises as `opened_picture` does."""
    return read_plane(_verified(use))


def _verified(use: PictureUse) -> Path:
    path = picture_path(use)
    if use.sha256 is not None and picture_hash(path) != use.sha256:
        hint = "use the picture that the recipe names, or leave sha256 out"
        raise BadPicture(path, "is not the picture that was asked for: its hash is another one", hint)
    return path


def picture_path(use: PictureUse) -> Path:
    """Where a picture lies. Raises BadPicture for the home folder of nobody."""
    try:
        return Path(use.file).expanduser()
    except RuntimeError:
        raise BadPicture(use.file, "there is no such folder", "check the path of the picture") from None


def picture_hash(path: Path) -> str:
    """The sha256 of a picture's file. Raises BadPicture."""
    try:
        with path.open("rb") as file:
            return file_hash(file, path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise BadPicture(path, str(reason).lower(), "check the path of the picture") from None
