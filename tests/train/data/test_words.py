"""Concept names, emoji names, synonyms and English."""

import json

import fakes
import pytest

from mezzotint.train.data.concepts import aliases, concepts, parse, slug
from mezzotint.train.data.emoji import read_emoji
from mezzotint.train.data.grammar import article, noun_phrase, plural
from mezzotint.train.data.sets import SETS, coded_files, collection
from mezzotint.train.data.wordnet import read_wordnet, synonyms
from mezzotint.values.errors import DataProblem


def test_the_table_is_sound():
    table = concepts()
    assert len(table) > 900
    names = [name for concept in table.values() for name in concept.names]
    assert len(names) == len(set(names))
    assert all(name == name.strip() and name == name.lower() and "~" not in name for name in names)
    assert [concept.rank for concept in table.values()] == list(range(len(table)))
    assert table["automobile"].names[:2] == ("car", "automobile")
    assert "jeans" in table["jeans"].bare and "pair of jeans" not in table["jeans"].bare
    assert table["automobile"].rank < table["abacus"].rank


@pytest.mark.parametrize("line", ["a |", "a | b | odd", "a | b\na | c", "a | b | fixed | more"])
def test_bad_tables_are_refused(line):
    with pytest.raises(ValueError):
        parse(line)


def test_aliases_point_at_known_labels():
    extra = {"anguished face"}
    for table in ("former_names.txt", "fxemoji.txt"):
        found = aliases(table)
        assert found and {label for label in found.values() if label} <= set(concepts()) | extra


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("woman’s hat", "womans-hat"),
        ("T-Rex", "t-rex"),
        ("piñata", "pinata"),
        ("1st place medal", "1st-place-medal"),
    ],
)
def test_slug(label, wanted):
    assert slug(label) == wanted


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("apple", "an"), ("car", "a"), ("unicorn", "a"), ("umbrella", "an"), ("hourglass", "an"), ("ufo", "a"),
     ("x-ray", "an"), ("one-humped camel", "a"), ("orange car", "an"), ("ewe", "a"), ("euro note", "a"), ("urn", "an")],
)  # fmt: skip
def test_article(word, wanted):
    assert article(word) == wanted


@pytest.mark.parametrize(
    ("one", "many"),
    [("apple", "apples"), ("wolf", "wolves"), ("bus", "buses"), ("mouse", "mice"), ("computer mouse", "computer mice"),
     ("fish", "fish"), ("sheep", "sheep"), ("cup of coffee", "cups of coffee"), ("fox", "foxes"), ("berry", "berries"),
     ("key", "keys"), ("tomato", "tomatoes"), ("snowman", "snowmen"), ("torch", "torches"), ("die", "dice"),
     ("dove with an olive branch", "doves with an olive branch"), ("knife", "knives")],
)  # fmt: skip
def test_plural(one, many):
    assert plural(one) == many


def test_noun_phrases():
    assert noun_phrase("apple", bare=False, unique=False) == "an apple"
    assert noun_phrase("apple", ("red",), bare=False, unique=False) == "a red apple"
    assert noun_phrase("jeans", ("orange",), bare=True, unique=False) == "orange jeans"
    assert noun_phrase("sun", bare=False, unique=True) == "the sun"
    assert noun_phrase("sun", ("orange",), bare=False, unique=True) == "an orange sun"
    assert noun_phrase("wolf", ("blue",), count=3, bare=False, unique=False) == "three blue wolves"


def test_no_name_takes_a_wrong_plural():
    """Names that are counted end in something English allows."""
    for concept in concepts().values():
        for name in concept.names:
            if name not in concept.bare:
                made = plural(name)
                assert not made.endswith(("ss", "ys ", "fs "))
                assert made.split()[0] != "" and "  " not in made


def emoji(folder):
    """The fake emoji names, written out and read."""
    for name, data in fakes.contents(fakes.Package("npm", "emojibase-data", "17.0.0")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return read_emoji(folder)


def test_emoji_are_found_by_code_and_by_name(tmp_path):
    found = emoji(tmp_path)
    assert found.label_of_code(fakes.code("cat").lower() + "-fe0f") == "cat"
    assert found.label_of_slug("cat") == "cat"
    assert found.label_of_code("ffff") is None and found.label_of_slug("nothing") is None
    assert found.by_label["cat"].group == "objects/tool"
    (tmp_path / "en/data.json").write_text("{}")
    with pytest.raises(DataProblem):
        read_emoji(tmp_path)


def test_collections_join_by_code_alias_and_name(tmp_path):
    names = emoji(tmp_path / "names")
    folder = tmp_path / "set"
    folder.mkdir()
    square = {"body": '<rect width="4" height="4"/>'}
    icons = {"icons": {"kitty": square, "pistol": square, "car": square, "old-key": square, "what": square}}
    icons["aliases"] = {"key": {"parent": "old-key"}, "bell": {"parent": "what", "hFlip": True}}
    (folder / "icons.json").write_text(json.dumps(icons))
    (folder / "chars.json").write_text(json.dumps({fakes.code("cat").lower(): "kitty"}))
    found = {drawing.source: drawing.label for drawing in collection()(folder, names)}
    assert found == {"kitty": "cat", "car": "car", "old-key": "key", "pistol": None, "what": None}


def test_coded_files_join_by_code(tmp_path):
    names = emoji(tmp_path / "names")
    (tmp_path / "assets").mkdir()
    for stem in (fakes.code("cat").lower(), "1f44b-1f3fb"):
        (tmp_path / "assets" / f"{stem}.webp").write_bytes(fakes.bitmap(0))
    drawings = list(coded_files(tmp_path, names))
    assert [drawing.label for drawing in drawings] == [None, "cat"] or [d.label for d in drawings] == [
        "cat",
        None,
    ]
    assert [drawing.is_skin_variant for drawing in drawings if drawing.label is None] == [True]
    assert drawings[0].draw(64).size == (48, 48)


def test_sets_pin_versions_and_have_a_style_each():
    assert len({entry.style for entry in SETS.values()}) == len(SETS)
    assert all(entry.package.version[0].isdigit() for entry in SETS.values())


def wordnet(folder):
    """A small WordNet: car = auto (seen), a rare synonym, one with another first sense, and a name."""
    data = b"00000000 license line that is never read\n"
    offsets = {}

    def synset(topic, lemmas):
        nonlocal data
        offset = len(data)
        words = " ".join(f"{lemma} 0" for lemma in lemmas)
        data += f"{offset:08d} {topic:02d} n {len(lemmas):02x} {words} 000 | gloss\n".encode()
        for lemma in lemmas:
            offsets.setdefault(lemma, []).append(offset)

    synset(6, ["machine"])
    synset(6, ["car", "auto", "motorcar", "machine", "Benz"])
    synset(5, ["car", "beast"])
    index = "  1 licence\n" + "".join(
        f"{lemma} n {len(places)} 0 {len(places)} 0 {' '.join(f'{place:08d}' for place in places)}  \n"
        for lemma, places in offsets.items()
    )
    counts = "auto%1:06:00:: 1 9\nmachine%1:06:00:: 1 5\nBenz%1:06:00:: 1 5\nbeast%1:05:00:: 1 5\nrun%2:38:00:: 1 1\n"
    (folder / "index.noun").write_text(index)
    (folder / "data.noun").write_bytes(data)
    (folder / "cntlist.rev").write_text(counts)
    return read_wordnet(folder)


def test_synonyms_are_careful(tmp_path):
    words = wordnet(tmp_path)
    assert synonyms(words, "car", "travel-places/transport-ground") == ("auto",)
    assert synonyms(words, "car", "animals-nature/animal-mammal") == ("beast",)
    assert synonyms(words, "car", "symbols/arrow") == ()
    assert synonyms(words, "nothing", "objects/tool") == ()
    (tmp_path / "data.noun").unlink()
    with pytest.raises(DataProblem, match="without synonyms"):
        read_wordnet(tmp_path)
