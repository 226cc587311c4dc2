"""Names of pictures: made from the prompt, never taking a file's place by accident."""

import os

import pytest

from mezzotint.cli.output import output, slug
from mezzotint.values.errors import BadValue, OutputFailed


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a red apple, 3d render", "a-red-apple-3d-render"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本", "picture"),
        ("!!!", "picture"),
        ("con\nnul\x1b[31m", "con-nul-31m"),
        ("word " * 40, "word-word-word-word-word-word-word-word-word-wor"),
    ],
)
def test_a_prompt_makes_a_safe_name(prompt, name):
    assert slug(prompt) == name


def test_without_a_name_the_prompt_gives_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(p) for p in output(None, "a cat", False, 1).pictures] == ["a-cat.png"]


def test_a_folder_gets_the_name_of_the_prompt(tmp_path):
    assert output(tmp_path, "a cat", False, 1).pictures == (tmp_path / "a-cat.png",)


def test_several_pictures_are_numbered_and_have_a_grid(tmp_path):
    found = output(tmp_path / "cat.webp", "x", False, 3)
    assert [p.name for p in found.pictures] == ["cat-1.webp", "cat-2.webp", "cat-3.webp"]
    assert found.grid == tmp_path / "cat-grid.webp"
    assert not found.moved


def test_an_existing_file_is_not_replaced(tmp_path):
    (tmp_path / "cat.png").touch()
    (tmp_path / "cat-2.png").touch()
    found = output(tmp_path / "cat.png", "x", False, 1)
    assert found.pictures == (tmp_path / "cat-3.png",)
    assert found.moved


def test_one_taken_name_moves_the_whole_set(tmp_path):
    (tmp_path / "cat-2.png").touch()
    found = output(tmp_path / "cat.png", "x", False, 2)
    assert [p.name for p in found.pictures] == ["cat-2-1.png", "cat-2-2.png"]


def test_overwriting_is_a_choice(tmp_path):
    (tmp_path / "cat.png").touch()
    found = output(tmp_path / "cat.png", "x", True, 1)
    assert found.pictures == (tmp_path / "cat.png",)
    assert not found.moved


@pytest.mark.parametrize("name", ["cat.gif", "cat", "cat.png.exe", ".png"])
def test_unknown_endings_are_refused(tmp_path, name):
    with pytest.raises(BadValue, match=r"end it in \.png"):
        output(tmp_path / name, "x", False, 1)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputFailed, match="no such folder"):
        output(tmp_path / "no" / "cat.png", "x", False, 1)


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputFailed, match="cannot be written to"):
        output(tmp_path / "cat.png", "x", False, 1)
