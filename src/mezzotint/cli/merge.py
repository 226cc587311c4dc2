"""`mezzotint merge FIRST SECOND -o TARGET`: mixes two models, or adds what two differ in to a third."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mezzotint.store.merge import Mix, mixed
from mezzotint.store.named import named, write
from mezzotint.values.errors import BadValue, shorten


def run(given: Mapping[str, Any]) -> int:
    """Mixes, writes, and says what was mixed. Raises MezzotintError."""
    first, second = named(given["first"]), named(given["second"])
    base = named(given["minus"]) if given["minus"] else None
    mix = Mix(given["share"], dict(_block(text) for text in given["block"] or ()))
    write(replace(first, tensors=mixed(first, second, mix, base)), given["output"], given["storage"])
    what = f"({second.path.name} - {base.path.name})" if base else second.path.name
    print(f"{given['output']}  {first.path.name} with {given['share']:g} of {what}")
    return 0


def _block(text: str) -> tuple[str, float]:
    """NAME=SHARE. Raises BadValue."""
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise BadValue(
            "block", f"'{shorten(text)}' is not NAME=SHARE", "as in IN04=0.2 or unet.mid=1"
        ) from None
