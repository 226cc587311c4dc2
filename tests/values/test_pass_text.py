"""A further pass as people write it, and what is wrong in it in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import STEADY
from mezzotint.values.errors import BadValue, MezzotintError, UnknownName
from mezzotint.values.options import OPTIONS
from mezzotint.values.pass_text import FIELDS, OWN, from_text, of_pass


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", {}),
        (" , ", {}),
        ("scale=2", {"scale": 2.0}),
        (" scale = 2 , strength=.5,steps=10 ", {"scale": 2.0, "strength": 0.5, "steps": 10}),
        ("mask-grow=-3", {"mask_grow": -3}),
        ("upscaler=latent,from=0.8,unit=time", {"upscaler": "latent", "from": 0.8, "unit": "time"}),
        ("scale=2,redraw=no", {"scale": 2.0, "redraw": "no"}),
        ("model=a=b.safetensors", {"model": "a=b.safetensors"}),
        ("sigmas=9+3.5+1", {"sigmas": (9.0, 3.5, 1.0)}),
        ("extend=8+0+16+0", {"extend": (8, 0, 16, 0)}),
        ("prompt=a boat, at sea, steps=3", {"prompt": "a boat, at sea, steps=3"}),
        (
            "steps=3,prompt=a boat, at sea,negative=fog, rain",
            {"steps": 3, "prompt": "a boat, at sea", "negative": "fog, rain"},
        ),
        ("prompt=", {"prompt": ""}),
        ("negative=a,prompt=b,c", {"negative": "a", "prompt": "b,c"}),
    ],
)
def test_what_is_written(text: str, said: dict[str, object]) -> None:
    assert from_text(text) == said


@pytest.mark.parametrize(
    ("text", "kind", "saying"),
    [
        ("scale", BadValue, "then: 'scale' is not NAME=VALUE; write it as in scale=2,strength=0.5"),
        ("sacle=2", UnknownName, "unknown option of a pass 'sacle'; did you mean scale"),
        ("seed=2", UnknownName, "unknown option of a pass 'seed'"),
        ("scale=2,scale=3", BadValue, "scale: is given twice for one pass"),
        ("from=2", BadValue, "from: 2 is no share of the way; use 0 to 1"),
        ("from=nan", BadValue, "from: nan is no share of the way; use 0 to 1"),
        ("scale=two", BadValue, "scale: must be a number, not 'two'; use a number"),
        ("steps=2.5", BadValue, "steps: must be a whole number, not '2.5'; use a whole number"),
        ("extend=1+x+1+1", BadValue, "extend: must be a whole number, not 'x'"),
        ("prompt=a,prompt=b", BadValue, "prompt: is given twice"),
    ],
)
def test_what_is_wrong_is_said(text: str, kind: type[MezzotintError], saying: str) -> None:
    with pytest.raises(kind, match=saying.replace("+", r"\+")):
        from_text(text)


@STEADY
@given(st.text(max_size=80) | st.lists(st.sampled_from([*OWN, *FIELDS, "=", ",", "2", "+"])).map("".join))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        from_text(text)
        said = ""
    except MezzotintError as error:
        said = str(error)
    assert "\n" not in said


def test_every_option_that_leads_into_a_pass_may_be_written() -> None:
    assert {option.name for option in OPTIONS if of_pass(option)} == set(FIELDS)
    assert {"strength", "mask_soft", "sampler", "guidance", "tile"} <= set(FIELDS)
    assert not {"seed", "width", "prompt"} & set(FIELDS)
