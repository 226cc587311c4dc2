"""How people write guides: `NAME`, `NAME:VALUE` or `NAME:VALUE,FIELD=VALUE`.

Takes text, gives guides and back, in the form of `values.worded`. What may be written follows from the fields in
`values.guides`, so a new guide needs no line here.
"""

from collections.abc import Sequence
from typing import cast

from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.guides import KINDS, Guide
from mezzotint.values.recipe import Recipe
from mezzotint.values.worded import from_words, to_words


def from_text(text: str) -> Guide:
    """The guide that `text` writes. Raises BadValue and UnknownName, naming the guide and the field."""
    name, _, rest = text.partition(":")
    known = tuple(kind for kind in KINDS if kind != "cfg")
    if name == "cfg":
        raise BadValue("guide", "cfg has an option of its own", "use --guidance")
    if name not in known:
        raise UnknownName("guide", name, known)
    return cast(Guide, from_words("guide", name, rest, KINDS[name]))


def to_text(guide: Guide) -> str:
    """`guide` as `from_text` reads it, every field but those with their default written."""
    return to_words(guide.kind, guide)


def with_guides(recipe: Recipe, texts: Sequence[str]) -> Recipe:
    """`recipe` with the guides of `texts` behind its own. Raises what `from_text` does, and BadValue for guides that
    do not fit together."""
    if not texts:
        return recipe
    first, *others = recipe.passes
    guides = (*first.guides, *map(from_text, texts))
    return recipe.model_copy(update={"passes": (first.model_copy(update={"guides": guides}), *others)})
