"""The public face of the package: the pinned names, where they come from, and what importing it costs."""

import subprocess
import sys

import pytest

import mezzotint


def test_the_names_are_pinned() -> None:
    assert mezzotint.__all__ == [
        "BadPicture", "BadValue", "Cfg", "Drawn", "Engine", "Event", "MezzotintError", "ModelNotFound", "ModelUse",
        "Numerics", "OutputFailed", "Pass", "Picture", "Prepared", "Prompt", "Recipe", "Stepped", "Stopped",
        "UnknownName", "compose", "convert", "generate", "read_picture",
    ]  # fmt: skip
    assert dir(mezzotint) == sorted([*mezzotint.__all__, "__version__"])


@pytest.mark.parametrize("name", mezzotint.__all__)
def test_every_name_leads_to_its_thing(name: str) -> None:
    found = getattr(mezzotint, name)
    assert name in (getattr(found, "__name__", name), "read_picture")


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'mezzotint' has no attribute 'Pipeline'"):
        _ = mezzotint.Pipeline  # pyright: ignore[reportAttributeAccessIssue]


IMPORTS = [
    ("mezzotint", {"torch", "pydantic", "PIL", "numpy", "tokenizers"}),
    ("mezzotint.values.names, mezzotint.values.errors", {"torch", "pydantic", "PIL", "numpy", "tokenizers"}),
    ("mezzotint.values.options", {"torch", "PIL", "numpy", "tokenizers"}),
    ("mezzotint.values.metadata, mezzotint.values.events", {"torch", "tokenizers"}),
    ("mezzotint.text.clip, mezzotint.text.vocabulary", {"torch", "PIL"}),
]


@pytest.mark.parametrize(("modules", "heavy"), IMPORTS, ids=[modules for modules, _ in IMPORTS])
def test_imports_load_no_more_than_they_need(modules: str, heavy: set[str]) -> None:
    code = f"import sys, {modules}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(loaded.stdout.split())
    assert "mezzotint" in loaded.stdout.split()
