"""A whole build of fake packages: what is kept, what is said about it, and going on after a kill at any write."""

import json
import shutil
from collections import Counter
from pathlib import Path

import fakes
import pytest

from mezzotint.train.data import plan, shards
from mezzotint.train.data.build import Built, Drawn, Fetched, build
from mezzotint.train.data.shards import samples_of
from mezzotint.values.errors import BadValue, DataProblem, OutputFailed, UnknownName


def state(folder: Path) -> dict[str, bytes]:
    """All files of a data folder but the packages."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "packages" not in path.parts
    }


def test_sprites_say_what_they_are(built):
    rows = list(samples_of(built))
    facts = {key: row for key, row, _ in rows}
    assert len(rows) == len(facts)
    one = facts["flat-0000"]
    assert one["concept"] == "car" and one["words"] == ["car"] and one["style"] == "flat"
    assert one["licence"] == "MIT" and one["source"] == "fake-flat@1.0.0/car"
    assert one["hue"]["name"] == "red" and one["group"] == "objects/tool"
    assert "hand-dark-skin-tone" not in {row["concept"] for row in facts.values()}


def test_the_manifest_counts(built):
    manifest = json.loads((built / "manifest.json").read_text())
    rows = list(samples_of(built))
    assert manifest["sprites"] == len(rows)
    counts = Counter(row["set"] for _, row, _ in rows)
    assert {name: entry["sprites"] for name, entry in manifest["sets"].items()} == counts
    flat = manifest["sets"]["flat"]
    assert flat["dropped"] == {"exact duplicate": 1, "no emoji name": 1, "skin tone variant": 1}
    assert flat["licence"]["name"] == "MIT" and len(flat["licence"]["sha256"]) == 64
    assert "emojibase-data@17.0.0" in manifest["words"]


def test_one_style_of_a_wide_concept_is_held(built):
    held = Counter(row["concept"] for _, row, _ in samples_of(built) if row["split"] == "held_style")
    assert held and max(held.values()) == 1


def test_a_second_build_draws_nothing(built, tmp_path):
    fakes.run(tmp_path)
    before = state(tmp_path)
    assert before == state(built)
    fetcher = fakes.Fetcher()
    events = fakes.run(tmp_path, fetcher=fetcher)
    assert fetcher.asked == []
    assert not any(event.fresh for event in events if isinstance(event, Fetched | Drawn))
    assert isinstance(events[-1], Built)
    assert state(tmp_path) == before


def test_fewer_sets_remove_the_other_shards(tmp_path):
    fakes.run(tmp_path)
    fakes.run(tmp_path, ("flat",))
    assert {row["set"] for _, row, _ in samples_of(tmp_path)} == {"flat"}


def test_a_damaged_shard_is_drawn_again(built, tmp_path):
    fakes.run(tmp_path)
    path = tmp_path / "sprites/00001.tar"
    path.write_bytes(path.read_bytes()[:-3000])
    fakes.run(tmp_path)
    assert state(tmp_path) == state(built)


class Killed(BaseException):
    """Stands for a process that ends at once."""


class Dying:
    """Writes files until the `limit`-th, at which the process ends at a `moment`."""

    def __init__(self, limit, moment):
        self.limit, self.moment, self.real = limit, moment, shards.write_bytes

    def __call__(self, path, data):
        if self.limit:
            self.limit -= 1
            return self.real(path, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        cut = {"before the write": None, "during the write": len(data) // 2, "before the rename": len(data)}
        if cut[self.moment] is not None:
            path.with_name(path.name + ".part").write_bytes(data[: cut[self.moment]])
        raise Killed


@pytest.mark.parametrize("moment", ["before the write", "during the write", "before the rename"])
def test_a_build_killed_at_any_write_goes_on(tmp_path, monkeypatch, moment):
    """After a kill all finished names hold whole files, and the next run makes what an unbroken one makes."""
    monkeypatch.setattr(plan, "SHARD", 6)
    monkeypatch.setattr(shards.os, "fsync", lambda descriptor: None)
    sets, cache = ("flat", "coded"), tmp_path / "cache"
    fakes.run(tmp_path / "whole", sets, cache=cache)
    wanted = state(tmp_path / "whole")
    assert len(wanted) == 11
    for limit in range(len(wanted)):
        folder = tmp_path / f"killed-{limit}"
        with monkeypatch.context() as patch:
            patch.setattr(shards, "write_bytes", Dying(limit, moment))
            with pytest.raises(Killed):
                fakes.run(folder, sets, cache=cache)
        finished = {name: data for name, data in state(folder).items() if not name.endswith(".part")}
        assert len(finished) == limit
        assert finished.items() <= wanted.items()
        fakes.run(folder, sets, cache=cache)
        assert state(folder) == wanted


def test_a_full_disk_is_reported_and_leaves_no_part(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards.os, "fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        fakes.run(tmp_path, ("flat",))
    assert state(tmp_path) == {}


def test_a_refused_licence_stops_the_build(tmp_path):
    bad = fakes.Fetcher({"fake-old": {"package.json": b'{"license": "CC-BY-SA-4.0"}'}})
    with pytest.raises(DataProblem, match=r"fake-old@1\.0\.0 has the licence 'CC-BY-SA-4\.0'"):
        fakes.run(tmp_path, fetcher=bad)
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize(
    ("package", "file"), [("emojibase-data", "en/data.json"), ("fake-flat", "icons.json")]
)
def test_a_broken_package_is_named(tmp_path, package, file):
    with pytest.raises(DataProblem, match="remove the cache folder"):
        fakes.run(tmp_path, ("flat",), fakes.Fetcher({package: {file: b"{"}}))


def test_bad_arguments(tmp_path):
    with pytest.raises(UnknownName, match="flat"):
        list(build(tmp_path, ("flatt",), known=fakes.KNOWN))
    with pytest.raises(BadValue, match="size"):
        list(build(tmp_path, ("flat",), 8, known=fakes.KNOWN))


def test_nothing_left(tmp_path):
    steps = build(
        tmp_path, ("flat",), 64, with_synonyms=False, fetcher=fakes.Fetcher(), known=fakes.KNOWN, table={}
    )
    with pytest.raises(DataProblem, match="no picture"):
        list(steps)


NOUN = "00000000 06 n 02 car 0 auto 0 000 | gloss\n"
WORDNET = {
    "usr/share/wordnet/index.noun": "auto n 1 0 1 0 00000000\ncar n 1 0 1 0 00000000\n",
    "usr/share/wordnet/data.noun": NOUN,
    "usr/share/wordnet/cntlist.rev": "auto%1:06:00:: 1 9\n",
    "usr/share/doc/wordnet-base/copyright": "Files: *\nCopyright: x\nLicense: WordNet3.0\n",
}


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_synonyms_come_from_the_debian_package(tmp_path):
    def fetcher(package, folder):
        return (
            fakes.debian(tmp_path, WORDNET)
            if package.client == "apt-get"
            else fakes.Fetcher()(package, folder)
        )

    steps = build(tmp_path / "data", ("flat",), 64, fetcher=fetcher, known=fakes.KNOWN, table=fakes.TABLE)
    *_, last = steps
    assert last.manifest["words"]["wordnet-base@1:3.0-37"]["name"] == "WordNet-3.0"
    words = {row["concept"]: row["words"] for _, row, _ in samples_of(tmp_path / "data")}
    assert words["car"] == ["car", "auto"] and words["cat"] == ["cat"]
