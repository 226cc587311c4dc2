"""The same picture out of every door: library, command line, replay, other processes; byte for byte."""

import re

import pytest
from PIL import Image

import mezzotint
from cli.commands import TOY, apart, error_of, files, here
from mezzotint.values.metadata import read

WISHES = {"model": "toy", "width": 32, "height": 32, "steps": 2, "seed": 5, "device": "cpu", "threads": 1}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_library_command_replay_and_two_processes_give_one_file(capsys, place):
    mezzotint.generate("a red apple", **WISHES).save("library.png")
    assert here(capsys, "a red apple", *TOY, "--seed", "5", "-o", "here.png").code == 0
    assert here(capsys, "replay", "here.png", "-o", "replayed.png").code == 0
    for name in ("first.png", "second.png"):
        assert apart("a red apple", *TOY, "--seed", "5", "-o", name, folder=place).code == 0
    names = ["library.png", "here.png", "replayed.png", "first.png", "second.png"]
    assert len({(place / name).read_bytes() for name in names}) == 1


def test_every_picture_of_a_count_equals_the_one_drawn_alone(capsys, place):
    done = here(capsys, "a red apple", *TOY, "--seed", "5", "--count", "4", "-o", "many.png")
    assert files(place) == ["many-1.png", "many-2.png", "many-3.png", "many-4.png", "many-grid.png"]
    assert [line.split()[0] for line in done.out.splitlines()] == files(place)
    for i in range(4):
        here(capsys, "a red apple", *TOY, "--seed", str(5 + i), "-o", f"{i}.png")
        assert (place / f"{i}.png").read_bytes() == (place / f"many-{i + 1}.png").read_bytes()


def test_the_grid_holds_the_pictures(capsys, place):
    here(capsys, "a red apple", *TOY, "--seed", "5", "--count", "3", "-o", "many.png")
    with Image.open("many-grid.png") as grid, Image.open("many-1.png") as first:
        shown = grid.crop((8, 28, 8 + 128, 28 + 128)).reduce(4)
        assert shown.tobytes() == first.tobytes()


def test_replay_says_bit_equal_and_code_0(capsys):
    here(capsys, "a red apple", *TOY, "-o", "a.png")
    done = here(capsys, "replay", "a.png")
    assert (done.code, done.out) == (0, "a.png: bit-equal\n")


def test_replay_of_a_changed_picture_has_code_1(capsys):
    picture = mezzotint.generate("a red apple", **WISHES)
    picture.image.paste((0, 0, 0), (0, 0, 8, 8))
    picture.save("a.png")
    done = here(capsys, "replay", "a.png", "--quiet")
    assert (done.code, done.out, done.err) == (1, "", "")
    assert here(capsys, "replay", "a.png").out.startswith("a.png: equal to ")


def test_a_seed_is_chosen_printed_and_kept(capsys, place):
    done = here(capsys, "a red apple", *TOY)
    seed = read(place / "a-red-apple.png").recipe.seed
    assert done.out.startswith(f"a-red-apple.png  seed {seed}, 32x32, 2 steps, ")


def test_a_file_is_numbered_not_replaced(capsys, place):
    for _ in range(2):
        done = here(capsys, "a red apple", *TOY, "-o", "a.png")
    assert files(place) == ["a-2.png", "a.png"]
    assert "a number was added" in done.out
    before = (place / "a.png").read_bytes()
    here(capsys, "a red pear", *TOY, "-o", "a.png", "--overwrite")
    assert files(place) == ["a-2.png", "a.png"]
    assert (place / "a.png").read_bytes() != before


def test_quiet_prints_nothing(capsys, place):
    done = here(capsys, "a red apple", *TOY, "--quiet", "--count", "2")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len(files(place)) == 3


@pytest.mark.parametrize("verb", ["inspect", "models", "doctor", "replay"])
def test_a_prompt_that_is_a_verb_needs_the_verb(capsys, place, verb):
    assert here(capsys, "generate", verb, *TOY).code == 0
    assert read(place / f"{verb}.png").recipe.prompt.text == verb


def test_a_long_prompt_is_drawn_and_its_end_is_said_to_be_unread(capsys):
    done = here(capsys, "apple " * 100, *TOY, "--dialect", "plain", "-o", "a.png")
    assert done.code == 0
    assert re.search(r"its last \d+ tokens had no effect", done.out)
    assert "no effect" not in here(capsys, "apple", *TOY, "-o", "b.png").out


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_other_formats_can_be_replayed_too(capsys, ending):
    here(capsys, "a red apple", *TOY, "-o", f"a.{ending}")
    assert here(capsys, "replay", f"a.{ending}").out == f"a.{ending}: bit-equal\n"


def test_inspect_shows_the_recipe(capsys):
    here(capsys, "a red apple", *TOY, "--seed", "77", "-o", "a.png")
    shown = here(capsys, "inspect", "a.png").out
    assert "a Mezzotint recipe" in shown
    assert "77" in shown
    assert "a red apple" in shown
    assert "torch version" in shown


def test_a_converted_folder_draws_the_same_picture(capsys, place):
    here(capsys, "a red apple", *TOY, "--seed", "5", "-o", "toy.png")
    assert "toy-folder" in here(capsys, "convert", "toy", "toy-folder").out
    words = [
        "toy-folder",
        *TOY[2:],
        "--seed",
        "5",
        "--sampler",
        "euler",
        "--spacing",
        "leading",
        "--guidance",
        "3",
    ]
    assert here(capsys, "a red apple", "-o", "folder.png", "--model", *words).code == 0
    with Image.open("toy.png") as built_in, Image.open("folder.png") as opened:
        assert built_in.tobytes() == opened.tobytes()
    shown = here(capsys, "inspect", "toy-folder").out
    assert "diffusers folder" in shown
    assert "noise" in shown
    assert error_of(here(capsys, "convert", "toy", "toy-folder")).endswith("or remove this one")


def test_models_and_doctor_answer(capsys):
    assert "toy: Toy (random weights)" in here(capsys, "models").out
    shown = here(capsys, "doctor").out
    assert "A picture would be drawn with" in shown
    assert "threads" in shown
