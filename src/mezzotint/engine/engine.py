"""The engine: turns recipes into pictures, and tells every step of it. The only way a picture is made.

Takes Recipes, gives an iterator of Events; whoever iterates owns progress and cancelling (stop iterating, and the
memory is free). Recipes in `exact` numerics are drawn one by one, so a picture's bits depend on nothing beside it.
"""

from collections.abc import Generator, Iterator, Sequence
from time import perf_counter

import torch

from mezzotint import __version__
from mezzotint.engine import stages
from mezzotint.engine.followed import followed
from mezzotint.engine.guiding import guiding_of
from mezzotint.engine.model import Models, Opened
from mezzotint.engine.placement import Placement, place
from mezzotint.engine.regions import shares_of
from mezzotint.engine.scene import Left, scene, size_after
from mezzotint.engine.steering import asked_together, told
from mezzotint.engine.tiling import for_picture, seen_at_once
from mezzotint.engine.walk import Walk, walks
from mezzotint.values.errors import BadValue
from mezzotint.values.events import Drawn, Event, Prepared, Stepped
from mezzotint.values.noise import NoiseUse
from mezzotint.values.picture import Picture, RunFacts
from mezzotint.values.recipe import Prompt, Recipe


class Engine:
    """Draws recipes on one device and keeps the model of the last one open. Not for several threads at once."""

    def __init__(self, device: str | None = None, threads: int | None = None, batch: int = 8) -> None:
        """`device` None is the fastest present, `threads` None as many as the process may use; `batch` is the most
        pictures that one network call holds in `fast` numerics. Raises UnknownName, BadValue."""
        if not 1 <= batch <= 1024:
            raise BadValue("batch", f"{batch} is out of range", "use 1 to 1024")
        self.placement: Placement = place(device, threads)
        self._batch = batch
        self._models = Models(self.placement)

    def run(self, recipe: Recipe) -> Iterator[Event]:
        """Draws one recipe: `Prepared`, a `Stepped` for each step, `Drawn`. Raises MezzotintError."""
        return self.run_batch([recipe])

    def run_batch(self, recipes: Sequence[Recipe]) -> Iterator[Event]:
        """Draws all recipes; `Drawn.index` is the place in `recipes`.

        Recipes that differ only in prompt, seed and noise, and have equally many texts, form a group. Each group gives
        `Prepared` and its `Stepped`s for each pass, then its `Drawn`s; an exact group is one recipe.
        """
        self._models.keep = max((_models_of(recipe) for recipe in recipes), default=1)
        for group in grouped(recipes, self._batch):
            yield from self._group(group, [recipes[index] for index in group])

    def unread(self, recipe: Recipe) -> int:
        """How many tokens at the end of the prompt the model does not read, because its longest text encoder is too
        short; 0 in dialects that go on in another chunk."""
        if recipe.prompt.dialect != "plain":
            return 0
        opened = self._models.get(recipe.passes[0].model, recipe.numerics.precision)
        taught = opened.taught(recipe.inversions)
        return min(e.read(recipe.prompt.text, taught.get(e.part.name))[1] for e in opened.model.texts)

    def _group(self, places: Sequence[int], recipes: Sequence[Recipe]) -> Iterator[Event]:
        exact = recipes[0].numerics.mode == "exact"
        started = perf_counter()
        run, left = _Run(self._models, self.placement), None
        for number in range(len(recipes[0].passes)):
            left = yield from run.walk(recipes, number, left)
        assert left is not None
        with run.placement.pinned(exact):
            images = left.pictures(together=not exact)
        seconds = (perf_counter() - started) / len(recipes)
        facts = _facts(left.opened, run.placement, seconds)
        for index, image, recipe in zip(places, images, recipes, strict=True):
            yield Drawn(index, Picture(image, recipe, facts))


class _Run:
    """One group of recipes while it is drawn: where the pass is that it is at."""

    def __init__(self, models: Models, placement: Placement) -> None:
        self._models = models
        self._whole = placement
        self.placement = placement

    def walk(self, recipes: Sequence[Recipe], number: int, left: Left | None) -> Generator[Event, None, Left]:
        """Walks one pass: `Prepared` and its `Stepped`s; returns what it left."""
        first, use = recipes[0], recipes[0].passes[number]
        exact = first.numerics.mode == "exact"
        opened = self._models.get(use.model, first.numerics.precision)
        walked = walks(recipes, number, self._size(first, number, opened, left))
        guiding = guiding_of(use, opened.model)
        count = len(recipes) * len(asked_together(told(walked[0]), guiding.texts))
        self.placement = self._whole.suited(opened.work(*seen_at_once(walked[0]), count))
        adapters, taught = opened.adapted(walked[0].adapters), opened.taught(walked[0].inversions)
        with self.placement.pinned(exact):
            opened.merge(adapters)
            drawing, device = for_picture(opened, walked[0]), self.placement.device
            drawn_on = scene(drawing, walked, left)
            if not use.draws:
                yield Prepared(len(recipes), 0, opened.model.family.name, number + 1, len(first.passes))
                return Left(drawing, None, drawn_on.canvases, use.tiling)
            begun = stages.begin(opened.model, walked, device, drawn_on.ground, drawn_on.left)
            steered = stages.encode(opened.model, walked, guiding.texts, device, taught, drawn_on.seen)
            shares = shares_of(walked, *begun.x.shape[-2:])
            followers = followed(opened, walked, drawn_on, left, begun.plan)
            denoise = stages.denoiser(drawing, walked[0], steered, guiding, len(recipes), shares, followers)
            steps = stages.sample(denoise, begun, use)
        steps_left, latent = len(begun.plan), begun.x
        yield Prepared(len(recipes), steps_left, opened.model.family.name, number + 1, len(first.passes))
        while True:
            before = perf_counter()
            with self.placement.pinned(exact):
                # Between two steps somebody else may have drawn with this model.
                opened.merge(adapters)
                step = next(steps, None)
            if step is None:
                break
            latent = step.x
            yield Stepped(step.index, steps_left, float(step.level.sigma.max()), perf_counter() - before)
        clean = stages.settled(latent, opened.model.family, drawn_on.ground)
        return Left(drawing, clean, drawn_on.canvases, use.tiling)

    def _size(self, recipe: Recipe, number: int, opened: Opened, left: Left | None) -> tuple[int, int]:
        if left is None:
            return recipe.width, recipe.height
        return size_after(opened, recipe.passes[number], left)


def _models_of(recipe: Recipe) -> int:
    """How many models a recipe draws with."""
    return len(dict.fromkeys(use.model for use in recipe.passes))


def _facts(opened: Opened, placement: Placement, seconds: float) -> RunFacts:
    return RunFacts(
        program_version=__version__,
        torch_version=str(torch.__version__),
        device=str(placement.device),
        threads=placement.threads,
        kernels=placement.kernels,
        model_digest=opened.model.digest,
        seconds=seconds,
    )


def grouped(recipes: Sequence[Recipe], batch: int) -> list[tuple[int, ...]]:
    """The places of `recipes` in groups that are drawn together, those of one model next to each other."""
    alike: dict[tuple[Recipe, tuple[object, ...]], list[int]] = {}
    models: dict[object, int] = {}
    for index, recipe in enumerate(recipes):
        alike.setdefault(_shared(recipe), []).append(index)
        models.setdefault(recipe.passes[0].model, index)
    groups: list[tuple[int, ...]] = []
    for key in sorted(alike, key=lambda key: models[key[0].passes[0].model]):
        size = 1 if key[0].numerics.mode == "exact" else batch
        indices = alike[key]
        groups += [tuple(indices[i : i + size]) for i in range(0, len(indices), size)]
    return groups


def _shared(recipe: Recipe) -> tuple[Recipe, tuple[object, ...]]:
    """What the recipes of one group have in common: everything but prompt and noise, and of each pass the number of
    texts and the forms of its regions."""
    plain = recipe.model_copy(update={"prompt": Prompt(text=""), "seed": 0, "noise": NoiseUse()})
    every = [Walk(recipe, number, recipe.width, recipe.height) for number in range(len(recipe.passes))]
    texts = (0 if told(walk).plain else len(told(walk).parts) for walk in every)
    return plain, (*texts, *(tuple(one.form for one in walk.prompt.regions) for walk in every))
