"""Says what a prompt means: its texts over the steps, their weights, tokens and chunks.

Takes a prompt, its dialect and a model. Gives a Report. Reads at most the header of a model file and draws nothing.
"""

from collections.abc import Callable, Iterator

from mezzotint.engine.composing.compose import DIALECT
from mezzotint.engine.telling.report import Report, Row, Section
from mezzotint.families.registry import find
from mezzotint.text.chunks import Chunk, chunks
from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.grammar import DIALECTS, read
from mezzotint.text.prompt import Content, Part, Passage, Run
from mezzotint.text.spelling import spell
from mezzotint.text.taught import NOTHING, Ids
from mezzotint.values.adapters import Named, in_prompt
from mezzotint.values.errors import UnknownName
from mezzotint.values.names import DIALECTS as NAMES
from mezzotint.values.recipe import ModelUse


def explain(
    prompt: str,
    model: str = "mini",
    steps: int | None = None,
    dialect: str | None = None,
    to: str | None = None,
) -> Report:
    """What `prompt` says over `steps` (None: the model's own number) in `dialect` (None: A1111's), and how it is
    written in the dialect `to`. Raises BadValue, UnknownName, and what finding the model raises."""
    dialect = DIALECT if dialect is None else dialect
    for name in (dialect, to):
        if name is not None and name not in NAMES:
            raise UnknownName("dialect", name, NAMES)
    family = find(ModelUse(base=model)).family
    steps = family.defaults.steps if steps is None else steps
    text, named = in_prompt(prompt)
    said = read(dialect, text, steps)
    rows: list[Row] = [("dialect", dialect), ("steps", str(steps)), ("model", family.title)]
    rows += [("adapter", _strength(one)) for one in named]
    sections = [Section("Prompt", tuple(rows))]
    sections += [_over_time(part, steps, place, len(said.parts)) for place, part in enumerate(said.parts, 1)]
    tokenizer = family.text.tokenizer()
    ids = family.text.trained(tokenizer) if DIALECTS[dialect].cutting.trained else tokenizer.ids
    sections += [_tokens(place, c, dialect, tokenizer, ids) for place, c in enumerate(said.contents, 1)]
    if to is not None:
        written = spell(said, to)
        told: list[Row] = [] if written.text is None else [("prompt", written.text)]
        sections.append(Section(f"In {to}", (*told, *(("cannot say", reason) for reason in written.lost))))
    return Report(tuple(sections))


def _strength(one: Named) -> str:
    told = f"{one.name}, {one.weight:g} times as strong as trained"
    return told if one.text_weight is None else f"{told}, {one.text_weight:g} times in the text encoders"


def _over_time(part: Part, steps: int, place: int, of: int) -> Section:
    """The texts of a part with the steps, counted from 1, that each is for."""
    ends = [span.first for span in part.spans[1:]] + [steps]
    rows = [
        (
            f"step {span.first + 1}" if end == span.first + 1 else f"steps {span.first + 1} to {end}",
            _shown(span.content),
        )
        for span, end in zip(part.spans, ends, strict=True)
    ]
    return Section(f"Text {place} of {of}, with weight {part.weight:g}" if of > 1 else "Text", tuple(rows))


def _shown(content: Content) -> str:
    if isinstance(content, Passage):
        return " BREAK ".join("".join(map(_run, runs)) for runs in content.segments)
    verb = "blend" if content.blend else "and"
    weights = ", ".join(f"{weight:g}" for weight in content.weights)
    return f"({', '.join(map(_shown, content.passages))}).{verb}({weights})"


def _run(run: Run) -> str:
    return run.text if run.weight == 1 else f"({run.text}:{run.weight:.4g})"


def _tokens(
    place: int, content: Content, dialect: str, tokenizer: ClipTokenizer, ids: Callable[[str], Ids]
) -> Section:
    passages = (content,) if isinstance(content, Passage) else content.passages
    rows: list[Row] = []
    for passage in passages:
        found = chunks(passage, tokenizer.frame, NOTHING, ids, DIALECTS[dialect].cutting)
        rows += [
            (
                f"chunk {len(rows) + n}",
                f"{_count(chunk)} of {tokenizer.frame.room}: {' '.join(_spelled(chunk, tokenizer))}",
            )
            for n, chunk in enumerate(found, 1)
        ]
        unread = len([i for r in passage.segments for run in r for i in ids(run.text)]) - sum(
            map(_count, found)
        )
        if unread > 0:
            rows.append(("not read", f"{unread} tokens at the end"))
    return Section(f"Tokens of wording {place}", tuple(rows))


def _count(chunk: Chunk) -> int:
    return sum(run >= 0 for run in chunk.runs)


def _spelled(chunk: Chunk, tokenizer: ClipTokenizer) -> Iterator[str]:
    for i, weight, run in zip(chunk.ids, chunk.weights, chunk.runs, strict=True):
        if run >= 0:
            yield tokenizer.token(i) + (f"({weight:.4g})" if weight != 1 else "")
