"""Tar shards: what is written is read back, and damage is an error."""

import pytest

from mezzotint.train.data.shards import read_shard, samples_of, shards_of, write_shard
from mezzotint.values.errors import DataProblem

SAMPLES = [(f"k-{number}", {"webp": bytes([number]) * 700, "json": b"{}"}) for number in range(5)]


def test_round_trip(tmp_path):
    path = tmp_path / "sprites" / "00000.tar"
    mark = write_shard(path, SAMPLES)
    assert list(read_shard(path)) == SAMPLES
    assert write_shard(path, SAMPLES) == mark
    assert [path.name for path in path.parent.iterdir()] == ["00000.tar"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_it(tmp_path):
    webdataset = pytest.importorskip("webdataset")
    path = tmp_path / "00000.tar"
    write_shard(path, SAMPLES)
    read = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [row["__key__"] for row in read] == [key for key, _ in SAMPLES]
    assert read[3]["webp"] == SAMPLES[3][1]["webp"]


@pytest.mark.parametrize("left", [5, 600, 1300, 3000])
def test_a_truncated_shard_is_an_error(tmp_path, left):
    path = tmp_path / "sprites/00000.tar"
    write_shard(path, SAMPLES)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DataProblem, match="broken"):
        list(samples_of(tmp_path))


def test_a_shard_without_facts_is_an_error(tmp_path):
    write_shard(tmp_path / "sprites/00000.tar", [("a", {"webp": b"x"})])
    with pytest.raises(DataProblem, match="broken at a"):
        list(samples_of(tmp_path))


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(DataProblem, match="mezzotint data build"):
        shards_of(tmp_path)
