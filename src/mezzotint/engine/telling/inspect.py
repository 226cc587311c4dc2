"""Says what a file or folder is, for people: a model's family and parts, a picture's recipe and settings.

Takes a path, gives a Report. Reads headers only, but for the hash of a model file, and opens no network. What was
found but cannot be used is said in the report; only what cannot be read at all is raised.
"""

from pathlib import Path

from mezzotint.engine.identity import sha256_of
from mezzotint.engine.telling.add_ons import inversion, training
from mezzotint.engine.telling.report import Report, Row, Section, rows
from mezzotint.families.kinds import INVERSION, LORA
from mezzotint.families.recognise import Recognised, recognise
from mezzotint.values import metadata
from mezzotint.values.errors import BadModelFile
from mezzotint.values.facts import RunFacts
from mezzotint.values.metadata import Found
from mezzotint.values.options import flatten
from mezzotint.values.recipe import Recipe
from mezzotint.values.region import region_to_text
from mezzotint.weights.hashes import Told

SHORT = 10
"""Digits of a file's hash that web UIs show ("AutoV2")."""
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


def inspect(path: Path, told: Told | None = None) -> Report:
    """What `path` is; `told` hears of the hashing of a model file that was not hashed before.

    Raises BadPicture, BadModelFile, PickleRefused, ModelNotFound for what cannot be read.
    """
    if _is_picture(path):
        return _picture(path)
    return _model(recognise(path), _hashes(path, told) if path.is_file() else ())


def _hashes(path: Path, told: Told | None) -> tuple[Row, ...]:
    """The hash of a file's bytes, and the beginning of it that web UIs show."""
    found = sha256_of(path, told)
    return ("sha256", found), ("short hash", found[:SHORT])


def _is_picture(path: Path) -> bool:
    """Whether the content begins like a picture; the name plays no part."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(16).startswith(_PICTURES)
    except OSError as error:
        raise BadModelFile(path, error.strerror or "cannot be read", "check its permissions") from None


def _picture(path: Path) -> Report:
    found = metadata.read(path)
    sections = [Section(str(path), (("kind", "a picture"), ("holds", found.describe())), "file")]
    if found.recipe is not None:
        sections.append(Section("Recipe", _recipe_rows(found.recipe)))
    if found.facts is not None:
        sections.append(Section("Drawn with", _facts_rows(found.facts)))
    if found.recipe is None and found.infotext is not None:
        sections.append(_infotext_section(found))
    return Report(tuple(sections))


def _recipe_rows(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    return rows([*flatten(recipe).items(), *_adapters(recipe), *_lists(recipe), ("digest", recipe.digest())])


def _facts_rows(facts: RunFacts) -> tuple[tuple[str, str], ...]:
    plain = facts.to_plain().items()
    return rows((name.replace("_", " "), value) for name, value in plain if name != "seconds")


def _infotext_section(found: Found) -> Section:
    assert found.infotext is not None
    text = found.infotext
    return Section(
        "Settings of a web UI",
        rows([("prompt", text.prompt), ("negative", text.negative), *text.params.items()]),
    )


def _model(found: Recognised, hashes: tuple[Row, ...]) -> Report:
    about = rows(
        [
            ("kind", found.kind),
            ("family", found.family),
            ("layout", found.layout),
            (
                "prediction",
                found.prediction or (found.family and "open: give --prediction noise or velocity"),
            ),
            ("noise", "up to pure noise (zero terminal SNR)" if found.pure_noise else None),
            ("draws from", " and ".join(("a text", *found.needs)) if found.family else None),
            ("stored as", found.precision),
            ("parameters", f"{found.parameters:,}"),
            ("made for", " or ".join(found.fits)),
            ("missing", " and ".join(found.missing)),
        ]
    )
    more = inversion(found.path) if found.kind == INVERSION else ()
    sections = [Section(str(found.path), (*about, *more, *hashes), "file")]
    sections += training(found.metadata) if found.kind == LORA else ()
    if found.decided_by:
        sections.append(Section("Decided by", rows(found.decided_by.items())))
    if found.problems:
        sections.append(Section("Cannot draw", rows(("because", problem) for problem in found.problems)))
    return Report(tuple(sections))


def _lists(recipe: Recipe) -> list[tuple[str, object]]:
    """What may be there several times in the first pass, and is no option."""
    first = recipe.passes[0]
    mixed = () if first.source is None else first.source.mixed
    return [
        *(("region", region_to_text(one)) for one in recipe.prompt.regions),
        *(("mix", f"{one.file}:{one.weight:g}") for one in mixed),
        *(("control", one.file) for one in first.controls),
        *(("image prompt", one.file) for one in first.image_prompts),
    ]


def _adapters(recipe: Recipe) -> list[tuple[str, object]]:
    return [
        *(("part", use.file) for one in recipe.passes for use in one.model.parts),
        *(("lora", f"{use.file}:{use.weight:g}") for use in recipe.adapters),
        *(("embedding", f"{use.name}={use.file}") for use in recipe.inversions),
        *(("control", f"{use.file}:{use.weight:g}") for one in recipe.passes for use in one.controls),
        *(
            ("image prompt", f"{use.file}:{use.weight:g}")
            for one in recipe.passes
            for use in one.image_prompts
        ),
    ]
