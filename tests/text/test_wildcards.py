"""Prompts that leave something to chance, and styles."""

import pytest

from mezzotint.text.styles import Style, apply, read_styles
from mezzotint.text.wildcards import from_folders, resolve
from mezzotint.values.errors import BadValue, UnknownName

FILES = {"colour": ["red", "green"], "deep": ["{a|b} __colour__"], "loop": ["__loop__"], "many": ["x"]}


def drawn(text, count=200):
    return {resolve(text, seed, FILES.__getitem__) for seed in range(count)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {red|green} cat", {"a red cat", "a green cat"}),
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{a|}x", {"ax", "x"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("{-1$$a}", {"", "a"}),
        ("{2-$$a|b}", {"a, b", "b, a"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("{0::a|b}", {"b"}),
        ("{0::a|0::b}", {""}),
        ("__colour__ __colour__", {"red red", "red green", "green red", "green green"}),
        ("__deep__", {"a red", "a green", "b red", "b green"}),
        ("{__colour__|c}", {"red", "green", "c"}),
        ("{plain} [a|b] \\{a|b\\}", {"{plain} [a|b] {a|b}"}),
        ("a { b | c", {"a { b | c"}),
        ("a | b } c", {"a | b } c"}),
        ("snake_case __ x", {"snake_case __ x"}),
    ],
)
def test_every_choice_comes_up_and_no_other(text, expected):
    assert drawn(text) == expected


def test_weights_make_choices_frequent():
    often = [resolve("{9::a|b}", seed, FILES.__getitem__) for seed in range(300)].count("a")
    assert 240 < often < 295


def test_equal_seeds_give_equal_texts():
    text = "{a|b|c} {d|e} __colour__"
    assert resolve(text, 5, FILES.__getitem__) == resolve(text, 5, FILES.__getitem__)
    assert len(drawn(text, 50)) > 6


@pytest.mark.parametrize("text", ["__loop__", "{" * 101 + "a|b" + "}" * 101, "__many__" * 1001])
def test_what_does_not_end_is_refused(text):
    with pytest.raises(BadValue):
        resolve(text, 0, FILES.__getitem__)


def test_lines_of_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("# colours\n\n red \n", "utf-8")
    (tmp_path / "empty.txt").write_text("# none\n", "utf-8")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\xff")
    lines = from_folders([tmp_path / "absent", tmp_path])
    assert lines("a/b") == ["red"]
    with pytest.raises(UnknownName, match="a/b"):
        lines("a/c")
    with pytest.raises(BadValue, match="no lines"):
        lines("empty")
    with pytest.raises(BadValue, match="UTF-8"):
        lines("latin")


def test_names_never_leave_the_folder():
    assert resolve("__../../secret__ __/etc/x__", 0, FILES.__getitem__) == "__../../secret__ __/etc/x__"


def test_styles(tmp_path):
    path = tmp_path / "styles.csv"
    path.write_text(
        'name,prompt,negative_prompt\nphoto,"a photo of {prompt}, 35 mm",blurry\nink,ink drawing,\n', "utf-8"
    )
    styles = read_styles(path)
    assert styles == {"photo": Style("a photo of {prompt}, 35 mm", "blurry"), "ink": Style("ink drawing", "")}
    assert apply(styles["photo"], "a cat", "dog") == ("a photo of a cat, 35 mm", "dog, blurry")
    assert apply(styles["ink"], " a cat ", "") == ("a cat, ink drawing", "")
    with pytest.raises(BadValue, match="cannot be read"):
        read_styles(tmp_path / "absent.csv")
