"""Pictures that people own: every mode as 8 bits of colour, and one readable line for what is none."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from mezzotint.values import photo
from mezzotint.values.errors import BadPicture
from mezzotint.values.photo import READABLE, notes_of, read_photo, size_of

RAMP = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24)
COLOURS = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def saved(tmp_path: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    target = tmp_path / name
    image.save(target, **options)  # type: ignore[arg-type]
    return target


@pytest.mark.parametrize("form", READABLE)
def test_every_readable_format(tmp_path: Path, form: str) -> None:
    plain = Image.new("RGB", (24, 16), (200, 40, 10))
    target = tmp_path / "name.of-no-format"
    plain.save(target, form)
    read = read_photo(target)
    assert read.image.mode == "RGB" and read.image.size == (24, 16) and read.alpha is None and not read.notes
    assert np.abs(np.asarray(read.image).astype(int) - [200, 40, 10]).max() <= 8


def test_lossless_pictures_are_read_to_the_bit(tmp_path: Path) -> None:
    assert np.array_equal(read_photo(saved(tmp_path, Image.fromarray(COLOURS))).image, COLOURS)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_comes_smaller_but_never_smaller_than_is_wanted(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.new("RGB", (512, 256), "teal"), "a.jpg", exif=exif)
    upright = (512, 256) if orientation == 1 else (256, 512)
    assert read_photo(path).image.size == upright
    half = (upright[0] // 2, upright[1] // 2)
    assert read_photo(path, half).image.size == half
    # Of a picture on its side the other side is the one that would come out too short.
    assert read_photo(path, (upright[0], half[1])).image.size == upright
    assert read_photo(path, (half[0], upright[1])).image.size == upright


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    grey = Image.fromarray((RAMP * 171).astype(np.uint16))
    assert grey.mode == "I;16"
    wanted = (RAMP.astype(float) * 171 / 257).round()
    for name in ("a.png", "a.tiff"):
        read = np.asarray(read_photo(saved(tmp_path, grey, name)).image)
        assert np.array_equal(read, np.repeat(wanted[..., None], 3, axis=2))


def test_floats_run_from_nought_to_one(tmp_path: Path) -> None:
    values = np.linspace(-0.5, 1.5, 16 * 24, dtype=np.float32).reshape(16, 24)
    read = np.asarray(read_photo(saved(tmp_path, Image.fromarray(values), "a.tiff")).image)
    assert np.array_equal(read[..., 0], (values.astype(float).clip(0, 1) * 255).round())
    values[3, 3] = np.nan
    with pytest.raises(BadPicture, match="no numbers"):
        read_photo(saved(tmp_path, Image.fromarray(values), "b.tiff"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_modes_become_red_green_blue(tmp_path: Path, mode: str) -> None:
    source = Image.fromarray(COLOURS)
    other = source.convert("L").convert(mode) if mode in ("1", "LA") else None
    if mode == "LAB":
        other = ImageCms.profileToProfile(
            source, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    name = "a.png" if mode in ("1", "L", "LA", "P", "RGBA") else "a.tiff"
    read = read_photo(saved(tmp_path, other or source.convert(mode), name))
    assert read.image.mode == "RGB" and read.alpha is None
    assert np.asarray(read.image).std() > 20


def test_transparency_is_kept_apart(tmp_path: Path) -> None:
    rgba = np.dstack([COLOURS, np.arange(16 * 24).reshape(16, 24).astype(np.uint8)])
    read = read_photo(saved(tmp_path, Image.fromarray(rgba, "RGBA")))
    assert read.alpha is not None
    assert np.array_equal(read.alpha, rgba[..., 3]) and np.array_equal(read.image, COLOURS)
    white = np.asarray(read.over((255, 255, 255)))
    assert (white[0, 0] == 255).all() and np.array_equal(white[10, 15], COLOURS[10, 15])
    opaque = read_photo(saved(tmp_path, Image.fromarray(COLOURS).convert("RGBA")))
    assert opaque.alpha is None and np.array_equal(opaque.over((0, 0, 0)), COLOURS)


def test_a_transparent_palette_colour_is_transparent(tmp_path: Path) -> None:
    indexed = Image.new("P", (16, 16), 1)
    indexed.putpalette([255, 0, 0, 0, 255, 0])
    indexed.paste(0, (0, 0, 8, 16))
    read = read_photo(saved(tmp_path, indexed, "a.gif", transparency=0))
    assert read.alpha is not None and read.alpha.getpixel((1, 1)) == 0 and read.alpha.getpixel((12, 1)) == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = Image.new("RGB", (24, 16), "white")
    lying.paste("red", (0, 0, 4, 4))
    read = read_photo(saved(tmp_path, lying, exif=exif))
    assert read.image.size == ((16, 24) if orientation > 4 else (24, 16)) == size_of(tmp_path / "a.png")
    red = np.argwhere(np.asarray(read.image)[..., 1] == 0).mean(0)
    lower, right = red[0] > read.image.height / 2, red[1] > read.image.width / 2
    # The first corner of the file: where the tag says it belongs (Exif 2.3, table 4: row, then column).
    assert (bool(lower), bool(right)) == {
        1: (False, False), 2: (False, True), 3: (True, True), 4: (True, False),
        5: (False, False), 6: (False, True), 7: (True, True), 8: (True, False),
    }[orientation]  # fmt: skip


def test_profiles_are_applied(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = read_photo(saved(tmp_path, Image.fromarray(COLOURS), icc_profile=lab))
    assert np.abs(np.asarray(same.image).astype(int) - COLOURS).max() <= 1 and not same.notes
    broken = read_photo(saved(tmp_path, Image.fromarray(COLOURS), "b.png", icc_profile=b"no profile"))
    assert broken.notes == ("its colour profile cannot be read and is left out",)
    assert np.array_equal(broken.image, COLOURS)


def test_a_profile_for_another_space_is_left_out(tmp_path: Path) -> None:
    for_rgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = Image.fromarray(COLOURS).convert("CMYK")
    assert read_photo(saved(tmp_path, grey, "a.tiff", icc_profile=for_rgb)).notes


def test_only_the_first_frame_is_used(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    read = read_photo(saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:]))
    assert read.notes == notes_of(tmp_path / "a.gif") == ("the first of 3 frames is used",)
    assert read.image.getpixel((3, 3)) == (255, 0, 0)


def test_a_large_jpeg_may_come_smaller(tmp_path: Path) -> None:
    target = saved(tmp_path, Image.new("RGB", (1024, 512)), "a.jpg")
    assert read_photo(target, (100, 50)).image.size == (128, 64)
    assert read_photo(target).image.size == (1024, 512)


def header(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel that says it is this large, with all of its pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    plain = header(16, 16)
    data = b"Comment\0\0" + zlib.compress(b"a" * 80_000_000)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return plain[:33] + chunk + plain[33:]


BAD = {
    "empty": (b"", "is empty"),
    "html": (b"<html><body>no picture</body></html>", "no picture of a known kind"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture of a known kind"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture of a known kind"),
    "too many pixels": (header(30_000, 30_000), "30000 x 30000"),
    "more than any": (header(65_535, 65_535), "65535 x 65535"),
    "no pixels": (header(0, 0), ""),
    "one pixel": (header(1, 1), "1 x 1 pixels"),
    "a line": (header(10, 60_000), "10 x 60000"),
    "no data": (header(64, 64), "damaged or cut off"),
    "text bomb": (text_bomb(), "damaged or cut off"),
    "signature alone": (b"\x89PNG\r\n\x1a\n", "PNG"),
    "jpeg start": (b"\xff\xd8\xff\xe0\x00\x10JFIF\0", ""),
    "bad gif": (b"GIF89a" + bytes(3), ""),
    "bad tiff": (b"II*\0" + bytes(20), ""),
    "bad webp": (b"RIFF\x10\0\0\0WEBPVP8 \0\0\0\0", ""),
    "bad bmp": (b"BM" + bytes(40), ""),
    "bad avif": (b"\0\0\0\x1cftypavif" + bytes(30), ""),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    data, saying = BAD[name]
    target = tmp_path / "a.png"
    target.write_bytes(data)
    with pytest.raises(BadPicture) as caught:
        read_photo(target)
    assert saying in str(caught.value) and "\n" not in str(caught.value) and caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", BAD)
def test_the_size_of_what_is_no_picture_is_not_told(tmp_path: Path, name: str) -> None:
    data, _ = BAD[name]
    target = tmp_path / "a.png"
    target.write_bytes(data)
    with pytest.raises(BadPicture) as caught:
        size_of(target)
    assert "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("form", READABLE)
def test_the_size_of_every_readable_format(tmp_path: Path, form: str) -> None:
    Image.new("RGB", (24, 16)).save(tmp_path / "a", form)
    assert size_of(tmp_path / "a") == (24, 16)


def test_a_folder_and_nothing_at_all(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "absent.png"):
        for read in (read_photo, size_of, notes_of):
            with pytest.raises(BadPicture, match="check the path of the picture"):
                read(target)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(BadPicture, match="is no picture of a known kind"):
        notes_of(tmp_path / "text.png")


def test_a_header_that_no_parser_expects_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def confused(*_: object) -> None:
        raise KeyError("tag")

    target = saved(tmp_path, Image.fromarray(COLOURS))
    monkeypatch.setattr(photo, "_opened", confused)
    for read in (read_photo, size_of, notes_of):
        with pytest.raises(BadPicture, match="damaged or cut off; copy it again"):
            read(target)


def test_no_memory_is_one_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    target = saved(tmp_path, Image.fromarray(COLOURS))
    monkeypatch.setattr(photo, "_photo", none_left)
    with pytest.raises(BadPicture, match="memory"):
        read_photo(target)


@pytest.mark.parametrize("form", READABLE)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6))
def test_damaged_files_are_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, form: str, cut: float, flips: list[tuple[float, int]]
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOURS).save(buffer, form)
    data = bytearray(buffer.getvalue()[: int(cut * len(buffer.getvalue())) + 1])
    for place, value in flips:
        data[int(place * len(data))] = value
    target = tmp_path_factory.mktemp("damaged") / "a"
    target.write_bytes(bytes(data))
    try:
        read = read_photo(target)
    except BadPicture:
        return
    assert read.image.mode == "RGB"
