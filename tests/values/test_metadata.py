"""Recipes in picture files: exact round trips, foreign files, damaged and hostile files."""

import io
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, PngImagePlugin
from PIL.PngImagePlugin import PngInfo

from mezzotint.values import infotext, metadata
from mezzotint.values.errors import BadPicture, BadValue
from mezzotint.values.metadata import Found, read, write
from mezzotint.values.recipe import Recipe
from values.samples import FACTS, PLAIN, recipes

FORMATS = ("PNG", "JPEG", "WEBP")
STORED = replace(FACTS, seconds=0.0)
THEIRS = "a fox\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"


def picture() -> Image.Image:
    return Image.radial_gradient("L").resize((64, 64)).convert("RGB")


def written(recipe: Recipe, format: str) -> io.BytesIO:
    buffer = io.BytesIO()
    write(picture(), buffer, recipe, FACTS, format)
    return buffer


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", FORMATS)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(recipe=recipes())
def test_recipes_survive_exactly(tmp_path: Path, format: str, recipe: Recipe) -> None:
    path = saved(tmp_path / "a", written(recipe, format).getvalue())
    found = read(path)
    assert found == Found(path, recipe, STORED, found.infotext)
    assert found.infotext == infotext.parse(infotext.render(recipe))
    assert found.need_recipe() == recipe
    assert found.describe() == "a Mezzotint recipe"


@pytest.mark.parametrize("format", FORMATS)
def test_equal_runs_give_equal_bytes(format: str) -> None:
    other = io.BytesIO()
    write(picture(), other, PLAIN, replace(FACTS, seconds=99.0), format)
    assert other.getvalue() == written(PLAIN, format).getvalue()


def test_png_keeps_the_pixels_and_both_texts() -> None:
    image = Image.open(written(PLAIN, "PNG"))
    assert image.tobytes() == picture().tobytes()
    assert image.info["parameters"] == infotext.render(PLAIN)
    assert json.loads(image.info["mezzotint"])["recipe"] == json.loads(PLAIN.to_json())


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_web_uis_find_the_infotext_in_the_user_comment(format: str) -> None:
    exif = Image.open(written(PLAIN, format)).getexif()
    comment = exif.get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0"
    assert comment[8:].decode("utf-16-be") == infotext.render(PLAIN)


@pytest.mark.parametrize(("letter", "kept"), [("x", {"PNG", "JPEG", "WEBP"}), ("猫", {"PNG", "WEBP"})])
def test_very_long_prompts(tmp_path: Path, letter: str, kept: set[str]) -> None:
    prompt = PLAIN.prompt.model_copy(update={"text": letter * 32768})
    recipe = PLAIN.model_copy(update={"prompt": prompt})
    for format in FORMATS:
        if format not in kept:
            with pytest.raises(BadValue, match="too long for a JPEG; shorten the prompt or save as PNG"):
                written(recipe, format)
            continue
        found = read(saved(tmp_path / format, written(recipe, format).getvalue()))
        assert found.recipe == recipe
        assert (found.infotext is None) == (format == "JPEG")


def png(path: Path, **texts: str) -> Path:
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    picture().save(path, pnginfo=info)
    return path


def user_comment(path: Path, comment: bytes | str) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    picture().save(path, exif=exif)
    return path


def test_pictures_of_other_programs(tmp_path: Path) -> None:
    found = read(png(tmp_path / "a.png", parameters=THEIRS))
    assert found == Found(tmp_path / "a.png", None, None, infotext.parse(THEIRS))
    assert found.describe() == "the settings text of a web UI"
    with pytest.raises(
        BadPicture, match="holds the settings text of a web UI; use a picture that Mezzotint saved"
    ):
        found.need_recipe()


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + THEIRS.encode("utf-16-be"),
        b"UNICODE\0" + THEIRS.encode("utf-16-le"),
        b"UNICODE\0" + ("\ufeff" + THEIRS).encode("utf-16-be"),
        b"ASCII\0\0\0" + THEIRS.encode(),
        b"\0" * 8 + THEIRS.encode(),
        THEIRS,
    ],
    ids=["be", "le", "bom", "ascii", "none", "str"],
)
@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_user_comments_of_other_programs(tmp_path: Path, ending: str, comment: bytes | str) -> None:
    assert read(user_comment(tmp_path / f"a.{ending}", comment)).infotext == infotext.parse(THEIRS)


@pytest.mark.parametrize("comment", [b"JIS\0\0\0\0\0abc", b"UNICODE\0\xd8\x00\xd8", b"", b"UNI"])
def test_other_user_comments_are_nothing(tmp_path: Path, comment: bytes) -> None:
    found = read(user_comment(tmp_path / "a.jpg", comment))
    assert (found.infotext, found.describe()) == (None, "no settings")


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def test_texts_behind_the_pixels_are_found(tmp_path: Path) -> None:
    plain = png(tmp_path / "a.png").read_bytes()
    late = plain[:-12] + chunk(b"tEXt", b"parameters\0" + THEIRS.encode()) + plain[-12:]
    assert read(saved(tmp_path / "b.png", late)).infotext == infotext.parse(THEIRS)


GOOD = json.loads(json.dumps({"facts": FACTS.to_plain(), "recipe": json.loads(PLAIN.to_json())}))
DAMAGED = {
    "no json": ("{", "recipe: is not valid JSON"),
    "a list": ("[]", "recipe: is not an object"),
    "nested": ("[" * 100_000, "recipe: is not valid JSON (too deeply nested)"),
    "no recipe": ("{}", "recipe: must be an object with fields, not None"),
    "version 2": (
        json.dumps({**GOOD, "recipe": {**GOOD["recipe"], "version": 2}}),
        "version: recipe format 2",
    ),
    "bad seed": (json.dumps({**GOOD, "recipe": {**GOOD["recipe"], "seed": -1}}), "seed: -1 is out of range"),
    "unknown sampler": (json.dumps(GOOD).replace("euler_a", "hewn"), "unknown sampler 'hewn'"),
}


@pytest.mark.parametrize(("text", "problem"), DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("theirs", [THEIRS, None])
def test_a_damaged_recipe_is_told_and_stops_nothing(
    tmp_path: Path, text: str, problem: str, theirs: str | None
) -> None:
    texts = {"mezzotint": text} | ({"parameters": theirs} if theirs else {})
    found = read(png(tmp_path / "a.png", **texts))
    assert found.recipe is None and found.problem is not None
    assert problem in found.problem
    start = "the settings text of a web UI" if theirs else "no settings"
    assert found.describe().startswith(f"{start}, and a recipe that cannot be used (")
    with pytest.raises(BadPicture, match="a recipe that cannot be used"):
        found.need_recipe()


def test_damaged_facts_leave_the_recipe(tmp_path: Path) -> None:
    found = read(png(tmp_path / "a.png", mezzotint=json.dumps({**GOOD, "facts": {}})))
    assert (found.recipe, found.facts) == (PLAIN, None)
    assert found.describe() == "a Mezzotint recipe (but: facts.program_version: is not what it should be)"


def test_a_text_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_JSON", 100)
    assert read(png(tmp_path / "a.png", mezzotint=json.dumps(GOOD))).describe() == "no settings"


def test_damaged_exif_does_not_hide_the_recipe(tmp_path: Path) -> None:
    data = written(PLAIN, "JPEG").getvalue()
    start = data.index(b"Exif\0\0") + 6
    found = read(saved(tmp_path / "a.jpg", data[:start] + b"\xff" * 60 + data[start + 60 :]))
    assert (found.recipe, found.infotext) == (PLAIN, None)


def test_exif_that_breaks_the_reader_does_not_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Image.Image) -> Image.Exif:
        raise ZeroDivisionError

    monkeypatch.setattr(Image.Image, "getexif", broken)
    assert read(saved(tmp_path / "a.webp", written(PLAIN, "WEBP").getvalue())).recipe == PLAIN


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises `width` x `height` one-bit pixels and that holds none."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


HOSTILE = {
    "empty": (b"", "is not a PNG, JPEG or WebP picture"),
    "text": (b"hello", "is not a PNG, JPEG or WebP picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a PNG, JPEG or WebP picture"),
    "postscript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        "is not a PNG, JPEG or WebP picture",
    ),
    "gif": (b"GIF89a\x08\0\x08\0\0\0\0;", "is not a PNG, JPEG or WebP picture"),
    "too many pixels": (bomb(16_384, 16_385), "has too many pixels"),
    "far too many pixels": (bomb(65_535, 65_535), "has too many pixels"),
    "half a header": (bomb(64, 64)[:20], "cannot be read"),
    "no pixels": (bomb(64, 64), "cannot be read"),
    "zTXt bomb": (
        bomb(64, 64)[:33]
        + chunk(b"zTXt", b"mezzotint\0\0" + zlib.compress(b"x" * 20_000_000))
        + bomb(64, 64)[33:],
        "cannot be read",
    ),
}


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_one_short_error(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture) as caught:
        read(saved(tmp_path / "a.png", data))
    assert reason in str(caught.value)
    assert len(caught.value.message) < 300 and "\n" not in str(caught.value)


def test_a_bomb_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bomb(13_000, 13_000)
    assert read(saved(tmp_path / "a.png", data)).describe() == "no settings"
    monkeypatch.setattr(metadata, "MAX_DECODED", 2**40)
    with pytest.raises(BadPicture):
        read(tmp_path / "a.png")


def test_large_text_within_pillows_limits(tmp_path: Path) -> None:
    text = "x" * (PngImagePlugin.MAX_TEXT_CHUNK - 1000)
    assert read(png(tmp_path / "a.png", parameters=text)).infotext is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent.png", "no such file or directory; check the path"), (".", "is a directory; check")],
)
def test_files_that_are_none(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        read(str(tmp_path / name))


@pytest.mark.parametrize("format", FORMATS)
def test_cut_files(tmp_path: Path, format: str) -> None:
    data = written(PLAIN, format).getvalue()
    for end in range(0, len(data), max(1, len(data) // 40)):
        try:
            found = read(saved(tmp_path / "a", data[:end]))
        except BadPicture:
            continue
        assert found.recipe in (None, PLAIN)


@pytest.mark.parametrize("format", FORMATS)
def test_files_with_changed_bytes(tmp_path: Path, format: str) -> None:
    data = written(PLAIN, format).getvalue()
    refused: list[str] = []
    for place in range(0, len(data), max(1, len(data) // 150)):
        spoiled = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        try:
            read(saved(tmp_path / "a", spoiled))
        except BadPicture as error:
            refused.append(error.message.removeprefix(str(tmp_path)))
    assert 0 < len(refused) < 150
    assert max(map(len, refused)) < 100
