"""Controls and image prompts: how people write them, their limits, and the way to JSON and back."""

import pytest

from mezzotint.values.control_text import control_from_text, image_prompt_from_text
from mezzotint.values.controls import ControlUse, ImagePromptUse
from mezzotint.values.errors import BadValue, MezzotintError
from mezzotint.values.source import PictureUse

PHOTO = PictureUse(file="p.png")


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("net.bin", ControlUse(file="net.bin")),
        ("net.bin:", ControlUse(file="net.bin")),
        ("edges:canny", ControlUse(file="edges", hint="canny")),
        ("edges:canny,p.png,0.5", ControlUse(file="edges", hint="canny", picture=PHOTO, weight=0.5)),
        ("edges:image=p.png", ControlUse(file="edges", picture=PHOTO)),
        (
            "edges:canny:low=50+high=120,stop=0.5",
            ControlUse(file="edges", hint="canny:low=50,high=120", stop=0.5),
        ),
        ("edges:hint=canny:50+120", ControlUse(file="edges", hint="canny:50,120")),
        ("edges:canny:50+120", ControlUse(file="edges", hint="canny:50,120")),
        (r"C:\nets\a.bin:canny", ControlUse(file=r"C:\nets\a.bin", hint="canny")),
        (r"C:\nets\a.bin", ControlUse(file=r"C:\nets\a.bin")),
        ("a:shows=depth,image=p.png", ControlUse(file="a", shows="depth", picture=PHOTO)),
        ("a:mode=control,blocks=1+0.5+0", ControlUse(file="a", mode="control", blocks=(1.0, 0.5, 0.0))),
    ],
)
def test_a_control_is_read(text, use):
    assert control_from_text(text) == use
    assert ControlUse.model_validate_json(use.model_dump_json()) == use


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("a", None),
        ("a:canny:low=3", "canny"),
        ("a:scribble-xdog", "scribble-xdog"),
        ("a:invert", None),
        ("a:invert,shows=lineart", "lineart"),
        ("a:hint=canny,shows=depth", "depth"),
    ],
)
def test_what_a_hint_shows_is_said_or_follows_from_what_makes_it(text, shows):
    assert control_from_text(text).shown == shows


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("ip.bin:p.png", ImagePromptUse(file="ip.bin", pictures=(PHOTO,))),
        (
            "ip.bin:p.png+p.png,0.5,mask=p.png,encoder=e",
            ImagePromptUse(file="ip.bin", pictures=(PHOTO, PHOTO), weight=0.5, mask=PHOTO, encoder="e"),
        ),
        (
            "ip.bin:weight=-1,image=p.png,start=0.1",
            ImagePromptUse(file="ip.bin", pictures=(PHOTO,), weight=-1.0, start=0.1),
        ),
    ],
)
def test_an_image_prompt_is_read(text, use):
    assert image_prompt_from_text(text) == use
    assert ImagePromptUse.model_validate_json(use.model_dump_json()) == use


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "control: names no file"),
        (":canny", "control: names no file"),
        ("a:weight=11", "control weight: 11.0 is out of range; use -10"),
        ("a:weight=x", "control weight: must be a number"),
        ("a:stop=2", "control stop: 2.0 is out of range"),
        ("reference:fidelity=2", "control fidelity: 2.0 is out of range; use 0 to 1"),
        ("a:start=0.6,stop=0.5", "start: 0.6 is after stop, 0.5"),
        ("a:canny,p.png,1,0,1,balanced,1,tile,0,both,9", "has a value too many"),
        ("a:shows=cany", "unknown kind of hint 'cany'; did you mean canny"),
        ("a:mode=both", "unknown control mode 'both'"),
        ("a:weight=1,weight=1", "is given twice"),
        ("a:weight=1,wieght=1", "did you mean weight"),
    ],
)
def test_what_is_wrong_is_said(text, told):
    with pytest.raises(MezzotintError) as error:
        control_from_text(text)
    assert told in str(error.value)


def test_an_image_prompt_needs_a_picture_and_a_file():
    with pytest.raises(BadValue, match="names no picture"):
        image_prompt_from_text("ip.bin")
    with pytest.raises(BadValue, match="names no file"):
        image_prompt_from_text(":p.png")
    with pytest.raises(BadValue, match="is after stop"):
        image_prompt_from_text("ip.bin:p.png,start=1,stop=0.5")
