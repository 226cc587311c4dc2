"""The kinds of models that can draw: built-in ones and families of files, with what each assumes.

Takes nothing, gives a Report. Opens no model.
"""

from mezzotint.engine.telling.report import Report, Section, rows
from mezzotint.families.family import Family
from mezzotint.families.registry import FAMILIES, OPENERS
from mezzotint.values.errors import ModelNotFound


def catalogue() -> Report:
    """One section for each family, the built-in models first."""
    names = sorted(FAMILIES, key=lambda name: name not in OPENERS)
    return Report(tuple(_section(name) for name in names))


def _section(name: str) -> Section:
    try:
        family = FAMILIES[name]()
    except ModelNotFound as error:
        return Section(name, (("not here", error.hint),))
    use = f"--model {name}" if name in OPENERS else "--model FILE or FOLDER of this family"
    return Section(f"{name}: {family.title}", rows([("use", use), *_defaults(family)]))


def _defaults(family: Family) -> list[tuple[str, object]]:
    known = family.defaults
    predicts = family.prediction.name if family.prediction else "noise or velocity, by file"
    return [
        ("size", f"{known.width}x{known.height}"),
        ("steps", known.steps),
        ("sampler", f"{known.sampler}, spacing {known.spacing}"),
        ("guidance", known.guidance),
        ("predicts", predicts),
        ("draws from", " and ".join(("a text", *family.needs))),
    ]
