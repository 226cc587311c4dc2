"""The cleaning of open_clip: each of its steps by a closed form, and the special tokens that it finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.mending import cleaned, mended
from mezzotint.text.open_clip import as_open_clip
from mezzotint.text.vocabulary import clip_vocabulary
from mezzotint.values.errors import BadValue


@pytest.fixture(scope="module")
def clip():
    return ClipTokenizer.from_files(*clip_vocabulary(), pad=0, length=77)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red cat", "a red cat"),
        ("\u201cit\u2019s\u201d", '"it\'s"'),
        ("\uff26\uff55ll\u3000\uff76\uff9e", "Full \u30ac"),
        ("\ufb01sh \u01c6", "fish d\u017e"),
        ("e\u0301", "\u00e9"),
        ("a\0b\ufeffc\x7f", "abc"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\u2026e"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x80 \x81", "\u20ac \x81"),
        ("&amp;amp;eacute; &NTILDE;", "\u00e9 \u00d1"),
        ("&bogus; &#59; &SHY", "&bogus; &#59; &SHY"),
        ("&lt;b&gt;\n<b> &lt;\n&gt;", "<b>\n<b> &lt;\n&gt;"),
        ("&#8217;s", "'s"),
        ("cafÃ©", "cafÃ©"),
    ],
)
def test_mended(text, expected):
    assert mended(text) == expected


def test_cleaned():
    assert cleaned("  A\t &lt;B&amp;gt; <  &copy2 ") == "a <b> < ©2"
    assert cleaned("ΟΔΟΣ") == "οδος"


def test_a_text_that_could_be_gone_through_for_ever_is_left():
    assert mended("&" + "amp;" * 20_000) == "&" + "amp;" * (20_000 - 40)


def test_special_tokens_stand_where_a_word_begins(clip):
    read = as_open_clip(clip)
    assert read("a<end_of_text> <START_OF_TEXT>") == (*clip.ids("a"), clip.eos, clip.bos)
    assert read("<end_of_text><end_of_text>") == (clip.eos, clip.eos)
    assert clip.eos not in read("!<end_of_text>") + read("<|endoftext|>")
    assert clip.ids("<|endoftext|>") == (clip.eos,)


def test_half_a_surrogate_is_refused(clip):
    with pytest.raises(BadValue, match="half a surrogate"):
        as_open_clip(clip)("a \ud800")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("abcXYZ 019,.!?-()'", max_size=60))
def test_what_is_plain_already_reads_alike(clip, text):
    assert as_open_clip(clip)(text) == clip.ids(text)
