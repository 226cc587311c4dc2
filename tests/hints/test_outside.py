"""Hints of other packages: found without running them, loaded by name, and each fault named with its package."""

import sys

import pytest

from hints.pictures import noise
from mezzotint.engine.hinting import make_hint
from mezzotint.engine.telling.hint_list import hint_list
from mezzotint.hints.chosen import chosen
from mezzotint.hints.outside import offered
from mezzotint.values.errors import BadPackage, BadValue, MissingExtra, UnknownName

CODE = """
from PIL import ImageEnhance
from mezzotint.hints.registry import Hint
from mezzotint.values.errors import MissingExtra
from mezzotint.values.value import Value

class Bright(Value):
    factor: float = 2.0

def bright(image, options):
    return ImageEnhance.Brightness(image).enhance(options.factor)

def fails(image, options):
    raise RuntimeError("no luck\\nat all")

def lacks(image, options):
    raise MissingExtra("control", "something")

def small(image, options):
    return image.resize((8, 8))

GOOD = Hint(bright, Bright, "brighter")
FAILS = Hint(fails, Bright, "")
LACKS = Hint(lacks, Bright, "")
SMALL = Hint(small, Bright, "")
TEXT = Hint(lambda image, options: "no picture", Bright, "")
LOOSE = Hint(bright, dict, "")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package of the given name that offers hints, for the length of a test."""

    def installed(package, hints, code=CODE):
        folder = tmp_path / package
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {package}:{what}\n" for name, what in hints.items())
        (info / "entry_points.txt").write_text(f"[mezzotint.hints]\n{lines}")
        (folder / f"{package}.py").write_text(code)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, package, raising=False)

    return installed


def test_another_package_adds_a_hint(install):
    install("loud", {"bright": "GOOD"})
    use = chosen("bright:3")
    assert (use.package, use.text) == ("loud", "bright:factor=3")
    assert use.of(noise()) != chosen("bright:1").of(noise()) == noise()
    assert make_hint("bright:3", noise()) == use.of(noise())


def test_listing_runs_nothing(install):
    install("loud", {"bright": "GOOD"}, "raise SystemExit('ran')")
    assert offered() == {"bright": "loud"}
    (_, others) = hint_list().sections
    assert others.rows == (("bright", "from the package loud"),)
    with pytest.raises(UnknownName, match=r"unknown hint 'brigth'; did you mean bright\?"):
        chosen("brigth")


def test_without_other_packages_there_is_one_section():
    assert offered() == {}
    (own,) = hint_list().sections
    assert ("canny", "thin edges (low=100, high=200)") in own.rows


def test_a_built_in_hint_is_not_replaced(install):
    install("loud", {"invert": "GOOD"})
    assert offered() == {}
    assert chosen("invert").package is None


@pytest.mark.parametrize(
    ("what", "code", "complaint"),
    [
        ("GOOD", "import no_such_module", "its hint 'odd' fails: ModuleNotFoundError: No module named"),
        ("GOOD", "1 +", "its hint 'odd' fails: SyntaxError: "),
        ("NONE", CODE, "its hint 'odd' fails: AttributeError: "),
        ("bright", CODE, "its hint 'odd' is a function, not a mezzotint.hints.registry.Hint"),
        ("LOOSE", CODE, "its hint 'odd' is a Hint, not a mezzotint.hints.registry.Hint"),
    ],
)
def test_what_cannot_be_loaded_names_its_package(install, what, code, complaint):
    install("loud", {"odd": what}, code)
    with pytest.raises(BadPackage) as caught:
        chosen("odd")
    assert str(caught.value).startswith(f"the package loud: {complaint}")
    assert str(caught.value).endswith("update it, or do without it")
    assert caught.value.package == "loud"


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("FAILS", "its hint 'odd' fails: RuntimeError: no luck at all"),
        ("SMALL", "its hint 'odd' is no picture RGB of the size it was given"),
        ("TEXT", "its hint 'odd' is no picture RGB of the size it was given"),
    ],
)
def test_what_does_not_work_names_its_package(install, what, complaint):
    install("loud", {"odd": what})
    with pytest.raises(BadPackage, match=f"the package loud: {complaint}"):
        chosen("odd").of(noise())


def test_readable_errors_of_a_package_stay(install):
    install("loud", {"odd": "LACKS"})
    with pytest.raises(MissingExtra, match="something is not installed"):
        chosen("odd").of(noise())


def test_its_settings_are_checked(install):
    install("loud", {"bright": "GOOD"})
    with pytest.raises(BadValue, match="bright factor: must be a number, not 'x'"):
        chosen("bright:x")


def test_two_packages_with_one_name_are_told(install):
    install("loud", {"bright": "GOOD"})
    install("louder", {"bright": "GOOD"})
    with pytest.raises(BadPackage, match=r"the package loud\w*: offers the hint 'bright', and so does loud"):
        chosen("bright")
