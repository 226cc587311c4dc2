"""From what was written to what is drawn: styles, and what is left to chance.

Takes flat options with a seed. Gives them with the texts that a recipe holds, and what was written as `source` where
that is something else. Draws nothing.
"""

from collections.abc import Mapping, Sequence

from mezzotint.families.shelf import folders
from mezzotint.text.styles import Style, apply, read_styles
from mezzotint.text.wildcards import from_folders, resolve
from mezzotint.values.errors import BadValue, UnknownName, shorten

STYLES = "styles.csv"
WILDCARDS = "wildcards"
"""The file of styles and the folder of lines to choose from, in every model folder."""


def written(flat: Mapping[str, object], styles: Sequence[str] = ()) -> dict[str, object]:
    """The options with `prompt` and `negative` as they are drawn. Raises BadValue and UnknownName."""
    prompt, negative = str(flat.get("prompt") or ""), str(flat.get("negative") or "")
    before = prompt
    known = _styles() if styles else dict[str, Style]()
    for name in styles:
        if not known:
            hint = f"put a {STYLES} into a model folder ({', '.join(map(str, folders()))})"
            raise BadValue("style", f"there are no styles, so no '{shorten(name)}'", hint)
        if name not in known:
            raise UnknownName("style", name, sorted(known))
        prompt, negative = apply(known[name], prompt, negative)
    seed = flat["seed"]
    # A wrong seed is told about by the recipe.
    if flat["dialect"] != "plain" and isinstance(seed, int):
        lines = from_folders([folder / WILDCARDS for folder in folders()])
        chosen = resolve(prompt, seed, lines), resolve(negative, seed, lines)
        by_chance = chosen != (prompt, negative)
        prompt, negative = chosen
    else:
        by_chance = False
    made = {**flat, "prompt": prompt, "negative": negative}
    return {**made, "source": before} if by_chance or prompt != before else made


def _styles() -> Mapping[str, Style]:
    """All styles of the model folders; the first of a name counts."""
    found: dict[str, Style] = {}
    for folder in folders():
        if (folder / STYLES).is_file():
            found = {**read_styles(folder / STYLES), **found}
    return found
