"""Pictures and events: saving by ending, completely or not at all."""

from pathlib import Path

import pytest
from PIL import Image

from mezzotint.values.errors import BadValue, OutputFailed
from mezzotint.values.events import Drawn, Event, Prepared, Stepped
from mezzotint.values.metadata import read
from mezzotint.values.picture import Picture, format_of
from values.samples import FACTS, PLAIN

PICTURE = Picture(Image.new("RGB", (64, 96), (200, 30, 30)), PLAIN, FACTS)


@pytest.mark.parametrize(
    ("name", "format"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.b.jpeg", "JPEG"), ("a.webp", "WEBP")]
)
def test_the_ending_chooses_the_format(tmp_path: Path, name: str, format: str) -> None:
    PICTURE.save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size, image.mode) == (format, (64, 96), "RGB")
    assert read(tmp_path / name).recipe == PLAIN
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.exe", "a." + "x" * 200])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadValue, match=r"use \.png, \.jpg, \.jpeg, \.webp"):
        PICTURE.save(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_where_saving_fails(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="No such file or directory"):
        PICTURE.save(tmp_path / "absent" / "a.png")
    long = PLAIN.model_copy(update={"prompt": PLAIN.prompt.model_copy(update={"text": "猫" * 32768})})
    with pytest.raises(BadValue, match="too long for a JPEG"):
        Picture(PICTURE.image, long, FACTS).save(tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


def test_the_format_is_known_before_anything_is_drawn() -> None:
    assert format_of(Path("x.webp")) == "WEBP"


def test_events_are_values() -> None:
    events: list[Event] = [Prepared(1, 20, "mini"), Stepped(1, 20, 3.5, 0.1), Drawn(0, PICTURE)]
    assert events == [Prepared(1, 20, "mini"), Stepped(1, 20, 3.5, 0.1), Drawn(0, PICTURE)]


@pytest.mark.parametrize(
    ("name", "clear"), [("a.png", (0, 0, 0, 0)), ("a.webp", None), ("a.jpg", (255, 255, 255))]
)
def test_what_is_transparent_stays_so_or_lies_on_white(
    tmp_path: Path, name: str, clear: tuple[int, ...] | None
) -> None:
    image = Image.new("RGBA", (16, 16), (200, 30, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 8, 16))
    Picture(image, PLAIN, FACTS).save(tmp_path / name)
    with Image.open(tmp_path / name) as saved:
        assert saved.mode == ("RGB" if name == "a.jpg" else "RGBA")
        if clear is None:
            assert saved.getchannel("A").tobytes() == image.getchannel("A").tobytes()
        else:
            assert saved.getpixel((0, 8)) == clear
