"""The recipe inside the picture file, and the settings that other programs left there.

Takes an image, a Recipe and the facts of its run, and writes PNG, JPEG or WebP; takes any such file and says what it
found. Ours is JSON (PNG text "mezzotint", elsewhere an XMP property), and beside it lies the infotext where web UIs
look for it (PNG text "parameters", elsewhere the EXIF user comment). Reading decodes no
pixels, except of a small PNG whose texts may lie behind them.
Why these places: docs/decisions/0010-metadata.md. Knows no sampler and no model.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile, PngInfo

from mezzotint.values import infotext, xmp
from mezzotint.values.errors import BadPicture, BadValue, MezzotintError
from mezzotint.values.facts import RunFacts
from mezzotint.values.infotext import Infotext
from mezzotint.values.recipe import MAX_JSON, Recipe, parse_json

OURS = "mezzotint"
"""The PNG key of the recipe."""
THEIRS = "parameters"
"""The PNG key under which web UIs look for an infotext."""
FORMATS = ("PNG", "JPEG", "WEBP")
MAX_DECODED = 2**24
"""The most pixels of a PNG that are decoded to reach texts behind them: those of the largest recipe."""
_EXIF_IFD, _USER_COMMENT, _UNICODE = 0x8769, 0x9286, b"UNICODE\0"
_JPEG_SEGMENT = 65000
"""Bytes of one JPEG segment that a text may fill; the format's 65,533 less the headers around it."""


@dataclass(frozen=True)
class Found:
    """What a picture says about itself.

    `recipe` and `facts` are ours; `infotext` is the settings text, from us or another program; `problem` says why a
    recipe that is there could not be used.
    """

    path: Path
    recipe: Recipe | None
    facts: RunFacts | None
    infotext: Infotext | None
    problem: str | None = None

    def describe(self) -> str:
        """What was found, in a few words."""
        if self.recipe:
            return "a Mezzotint recipe" + (f" (but: {self.problem})" if self.problem else "")
        other = "the settings text of a web UI" if self.infotext else "no settings"
        return f"{other}, and a recipe that cannot be used ({self.problem})" if self.problem else other

    def need_recipe(self) -> Recipe:
        """The recipe. Raises `BadPicture` where there is none that can be used."""
        if self.recipe is None:
            raise BadPicture(self.path, f"holds {self.describe()}", "use a picture that Mezzotint saved")
        return self.recipe


def write(
    image: Image.Image, target: Path | BinaryIO, recipe: Recipe, facts: RunFacts, format: str = "PNG"
) -> None:
    """Save `image` to `target` as `format` (PNG, JPEG or WEBP) with `recipe`, `facts` and the infotext inside.

    Equal arguments give equal bytes. A JPEG has no transparency: there the picture is laid on white. Raises `BadValue`
    for a recipe too long for a JPEG (64 KB of text; an infotext that alone is too long is left out), and OSError as
    Pillow does.
    """
    ours = json.dumps(
        {"facts": facts.to_plain(), "recipe": json.loads(recipe.to_json())},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    theirs = infotext.render(recipe)
    if format == "PNG":
        texts = PngInfo()
        texts.add_itxt(OURS, ours)
        texts.add_itxt(THEIRS, theirs)
        image.save(target, "PNG", pnginfo=texts)
        return
    packet, comment = xmp.pack(ours), _UNICODE + theirs.encode("utf-16-be")
    if format == "JPEG" and len(packet) > _JPEG_SEGMENT:
        raise BadValue("output", "the recipe is too long for a JPEG", "shorten the prompt or save as PNG")
    exif = Image.Exif()
    if format == "WEBP" or len(comment) <= _JPEG_SEGMENT:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = comment
    image = on_white(image) if format == "JPEG" else image
    image.save(target, format, quality=95, subsampling=0, exif=exif, xmp=packet)


def on_white(image: Image.Image) -> Image.Image:
    """`image` as RGB, what is transparent laid on white."""
    if "A" not in image.getbands():
        return image.convert("RGB")
    below = Image.new("RGB", image.size, "white")
    below.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return below


def read(path: Path | str) -> Found:
    """What the picture at `path` says about itself.

    Raises `BadPicture` for a file that is absent or no PNG, JPEG or WebP picture. Text that is damaged or that only
    looks like ours is never an error here: `Found.problem` tells.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            ours, theirs = _png_texts(image) if isinstance(image, PngImageFile) else _exif_texts(image)
    except Image.DecompressionBombError:
        raise BadPicture(path, "has too many pixels", "use a smaller picture") from None
    except UnidentifiedImageError:
        raise BadPicture(path, "is not a PNG, JPEG or WebP picture") from None
    except OSError as error:
        if error.strerror:
            raise BadPicture(path, error.strerror.lower(), "check the path of the picture") from None
        raise BadPicture(path, "cannot be read as a picture") from None
    except Exception:  # noqa: BLE001 - Pillow's parsers raise a dozen unrelated types on hostile files
        raise BadPicture(path, "cannot be read as a picture") from None
    return _understood(path, ours, theirs)


def _png_texts(image: PngImageFile) -> tuple[str | None, str | None]:
    hidden = OURS not in image.info and THEIRS not in image.info
    if hidden and image.width * image.height <= MAX_DECODED:
        image.load()  # some programs put texts behind the pixels
    return _text(image.info.get(OURS)), _text(image.info.get(THEIRS))


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) and len(value) <= MAX_JSON else None


def _exif_texts(image: Image.Image) -> tuple[str | None, str | None]:
    packet = cast(Mapping[str, Any], image.info).get("xmp")
    ours = xmp.unpack(packet) if isinstance(packet, bytes) and len(packet) <= 2 * MAX_JSON else None
    try:
        comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    except Exception:  # noqa: BLE001 - a picture with damaged EXIF is still a picture
        comment = None
    return ours, _user_comment(comment) if isinstance(comment, bytes) else _text(comment)


def _user_comment(comment: bytes) -> str | None:
    """The text of an EXIF user comment: 8 bytes that name the encoding, then the text."""
    code, body = comment[:8], comment[8 : 8 + 2 * MAX_JSON]
    if code == _UNICODE:
        # The standard leaves the byte order open. Web UIs write big-endian; latin letters show which one it is.
        big = body[0::2].count(0) >= body[1::2].count(0)
        return body.decode("utf-16-be" if big else "utf-16-le", "replace").removeprefix("\ufeff")
    return body.decode("utf-8", "replace") if code.rstrip(b"\0") in (b"ASCII", b"") else None


def _understood(path: Path, ours: str | None, theirs: str | None) -> Found:
    recipe = facts = problem = None
    if ours is not None:
        try:
            content = parse_json(ours)
            if not isinstance(content, dict):
                raise BadValue("recipe", "is not an object", "save the picture again")
            plain = cast(dict[str, object], content)
            recipe = Recipe.model_validate(plain.get("recipe"))
            facts = RunFacts.from_plain(plain.get("facts"))
        except MezzotintError as error:
            problem = error.message
    parsed = infotext.parse(theirs) if theirs else None
    return Found(path, recipe, facts, parsed if parsed and parsed.params else None, problem)
