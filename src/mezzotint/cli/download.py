"""`mezzotint download OWNER/NAME`: fetches a model from the Hugging Face hub into the model folder."""

from collections.abc import Mapping
from typing import Any

from mezzotint.store.download import Wanted, download


def run(given: Mapping[str, Any]) -> int:
    """Fetches and says how to draw with it. Raises MezzotintError."""
    wanted = Wanted(given["name"], given["file"], given["variant"], given["revision"])
    path = download(wanted, given["into"])
    name = given["name"] if given["file"] is None and given["into"] is None else path
    print(f"{path}  draw with --model {name}")
    return 0
