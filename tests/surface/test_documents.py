"""Every page of the documentation does what it says: its code blocks run, in order, in an empty folder."""

from pathlib import Path

import pytest

from surface.documents import Run, commands, failure, runs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "tour.md",
    ROOT / "docs" / "samplers.md",
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page, tmp_path):
    for run in runs(page.read_text("utf-8")):
        problem = failure(run, tmp_path)
        assert problem == "", f"{page.name} {problem}"


def test_every_page_shows_something_that_runs():
    assert [page.name for page in PAGES if not list(runs(page.read_text("utf-8")))] == []


def test_a_block_is_split_into_commands_and_what_they_print():
    (one, two) = commands("$ echo a \\\n    b\na b\n$ true\n", 7)
    assert (one.command[-1], one.shown) == ("echo a \\\n    b", "a b\n")
    assert (two.command[-1], two.shown) == ("true", "")


@pytest.mark.parametrize(
    ("command", "shown", "word"),
    [("echo one", "two\n", "printed"), ("exit 3", "", "exit code 3"), ("echo seen; false", "", "seen")],
)
def test_a_page_that_is_wrong_is_caught(command, shown, word, tmp_path):
    assert word in failure(Run(1, ["bash", "-euc", command], shown), tmp_path)


def test_dots_stand_for_anything(tmp_path):
    assert failure(Run(1, ["bash", "-euc", "echo drawn in 1.23 s"], "drawn in ... s\n"), tmp_path) == ""
