"""The engine: turns recipes into pictures, and tells every step of it. The only way a picture is made.

Takes Recipes, gives an iterator of Events; whoever iterates owns progress and cancelling (stop iterating, and the
memory is free). Recipes in `exact` numerics are drawn one by one, so a picture's bits depend on nothing beside it.
"""

from collections.abc import Iterator, Sequence
from time import perf_counter

import torch

from mezzotint import __version__
from mezzotint.diffusion.samplers.step import Step
from mezzotint.engine import stages
from mezzotint.engine.guiding import Guiding, guiding_of
from mezzotint.engine.model import Models, Opened
from mezzotint.engine.placement import Placement, place
from mezzotint.engine.steering import asked_together, said
from mezzotint.engine.tiling import for_picture, seen_at_once
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
        `Prepared`, its `Stepped`s and its `Drawn`s; an exact group is one recipe.
        """
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
        use, numerics = recipes[0].passes[0], recipes[0].numerics
        exact = numerics.mode == "exact"
        started = perf_counter()
        opened = self._models.get(use.model, numerics.precision)
        yield Prepared(recipe_count=len(recipes), steps=use.steps, model=opened.model.family.name)
        guiding = guiding_of(use, opened.model)
        texts = asked_together(said(recipes[0]), guiding.texts)
        work = opened.work(*seen_at_once(recipes[0]), len(recipes) * len(texts))
        placement = self.placement.suited(work)
        latent: torch.Tensor | None = None
        for step, seconds in self._steps(opened, recipes, placement, guiding):
            latent = step.x
            yield Stepped(step.index, use.steps, float(step.level.sigma.max()), seconds)
        assert latent is not None
        with placement.pinned(exact):
            drawing = for_picture(opened, recipes[0])
            images = stages.finish(stages.decode(drawing, latent, not exact, use.tiling))
        seconds = (perf_counter() - started) / len(recipes)
        facts = _facts(opened, placement, seconds)
        for index, image, recipe in zip(places, images, recipes, strict=True):
            yield Drawn(index, Picture(image, recipe, facts))

    def _steps(
        self, opened: Opened, recipes: Sequence[Recipe], placement: Placement, guiding: Guiding
    ) -> Iterator[tuple[Step, float]]:
        """The sampler's steps with the seconds each took. Threads and precision hold only while a step is made."""
        use, device = recipes[0].passes[0], placement.device
        exact = recipes[0].numerics.mode == "exact"
        adapters = opened.adapted(recipes[0].adapters)
        taught = opened.taught(recipes[0].inversions)
        with placement.pinned(exact):
            opened.merge(adapters)
            begun = stages.begin(opened.model, recipes, device)
            steered = stages.encode(opened.model, recipes, guiding.texts, device, taught)
            drawing = for_picture(opened, recipes[0])
            denoise = stages.denoiser(drawing, recipes[0], steered, guiding, len(recipes))
            steps = stages.sample(denoise, begun, use)
        while True:
            before = perf_counter()
            with placement.pinned(exact):
                # Between two steps somebody else may have drawn with this model.
                opened.merge(adapters)
                step = next(steps, None)
            if step is None:
                return
            yield step, perf_counter() - before


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
    alike: dict[tuple[Recipe, int], list[int]] = {}
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


def _shared(recipe: Recipe) -> tuple[Recipe, int]:
    """What the recipes of one group have in common: everything but prompt and noise, and the number of texts."""
    plain = recipe.model_copy(update={"prompt": Prompt(text=""), "seed": 0, "noise": NoiseUse()})
    one = said(recipe)
    return plain, 0 if one.plain else len(one.parts)
