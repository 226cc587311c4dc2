"""Says which combinations are never trained on, so that they can be used to test.

Takes concept names, styles and colour words. Gives yes or no from a hash alone: the answer depends on no data,
no order and no seed. Names are what a concept is called first, so that two drawings of an apple share an answer.
"""

import hashlib

PAIRS = 0.30
"""The part of all unordered pairs of names that is never composed in training."""
COLOURS = 0.15
"""The part of all (name, colour word) cells that is never composed in training."""
STYLED = 150
"""About how many concepts have one style hidden."""


def fraction(*parts: str) -> float:
    """A number in 0..1 that depends on the words alone."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def pair_is_held(one: str, other: str) -> bool:
    """Whether two things are never drawn together in training, in either order."""
    return fraction("pair", *sorted((one, other))) < PAIRS


def colour_is_held(name: str, colour: str) -> bool:
    """Whether a thing is never called by this colour word in training."""
    return fraction("colour", name, colour) < COLOURS


def held_styles(styles: dict[str, tuple[str, ...]], count: int = STYLED, least: int = 4) -> dict[str, str]:
    """Concept label -> the one style of it that is hidden, for about `count` concepts of at least `least` styles.

    `styles` maps labels to the styles they are drawn in. Concepts are chosen by the hash of their label.
    """
    wide = sorted(label for label, drawn in styles.items() if len(drawn) >= least)
    share = min(1.0, count / len(wide)) if wide else 0.0
    return {
        label: min(styles[label], key=lambda style: fraction("style", label, style))
        for label in wide
        if fraction("concept", label) < share
    }
