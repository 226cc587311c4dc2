"""Only allowed licences get in, and only when the package itself says so."""

import json

import pytest

from mezzotint.train.data.licences import accepted, debian_licence, npm_licence
from mezzotint.values.errors import DataProblem


@pytest.mark.parametrize("name", ["MIT", "apache-2.0", "Apache 2.0", "CC0-1.0", "public domain"])
def test_allowed(name):
    assert accepted(name, "p")


@pytest.mark.parametrize(
    "name",
    [
        "GPL-3.0",
        "CC-BY-4.0",
        "CC-BY-SA-4.0",
        "MIT-ish",
        "UNLICENSED",
        "SEE LICENSE IN x",
        "",
        None,
        {"type": "MIT"},
        7,
    ],
)
def test_refused(name):
    with pytest.raises(DataProblem, match="not allowed"):
        accepted(name, "p")


def package(folder, said, info=None, text=None):
    """Writes the licence facts of a package."""
    (folder / "package.json").write_text(json.dumps({"license": said}))
    if info is not None:
        (folder / "info.json").write_text(json.dumps({"license": {"spdx": info}}))
    if text is not None:
        (folder / "LICENSE").write_text(text)
    return folder


def test_the_text_is_recorded(tmp_path):
    found = npm_licence(package(tmp_path, "MIT", text="words"), "p")
    assert (found.name, found.said_in) == ("MIT", "LICENSE")
    other = npm_licence(package(tmp_path, "MIT", text="other words"), "p")
    assert found.sha256 != other.sha256


def test_without_a_text_the_metadata_is(tmp_path):
    assert npm_licence(package(tmp_path, "MIT"), "p").said_in == "package.json"


def test_the_artwork_must_agree(tmp_path):
    with pytest.raises(DataProblem, match="two licences"):
        npm_licence(package(tmp_path, "MIT", info="Apache-2.0"), "p")
    with pytest.raises(DataProblem, match=r"CC-BY-4\.0"):
        npm_licence(package(tmp_path, "MIT", info="CC-BY-4.0"), "p")


def test_a_package_that_says_nothing(tmp_path):
    with pytest.raises(DataProblem, match="'none'"):
        npm_licence(tmp_path, "p")
    (tmp_path / "package.json").write_text("{")
    with pytest.raises(DataProblem, match="'none'"):
        npm_licence(tmp_path, "p")


def test_debian(tmp_path):
    path = tmp_path / "copyright"
    path.write_text(
        "Format: x\n\nFiles: *\nCopyright: someone\nLicense: WordNet3.0\n text\n\nFiles: debian/*\nLicense: GPL-2+\n"
    )
    assert debian_licence(path, "p").name == "WordNet-3.0"
    path.write_text("Files: *\nCopyright: someone\nLicense: GPL-2+\n")
    with pytest.raises(DataProblem, match="GPL"):
        debian_licence(path, "p")
    with pytest.raises(DataProblem, match="no copyright file"):
        debian_licence(tmp_path / "absent", "p")
