"""The function types between a network and a sampler, and the steps from one to the other.

A `Predictor` answers for K conditionings at once, an `Ask` for whichever questions a step has, and a `Denoiser` with
the one clean latent that a sampler steers to; guidance makes the last from the second. Nothing here changes its
arguments. Does not know networks, prompts or samplers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor

from mezzotint.diffusion.path import Level
from mezzotint.diffusion.prediction import Prediction

NetworkCall = Callable[[Tensor, Tensor], Tensor]
"""`(input B C H W of unit variance, t B) -> outputs K B C H W`, one for each conditioning it holds."""

Predictor = Callable[[Tensor, Level], Tensor]
"""`(x B C H W, level) -> clean K B C H W`, in the dtype of x."""

Denoiser = Callable[[Tensor, Level], Tensor]
"""`(x B C H W, level) -> clean B C H W`, in the dtype of x."""


def predictor(call: NetworkCall, prediction: Prediction) -> Predictor:
    """Makes a Predictor of a network call: scales the input, hands `t` on as `B` in the dtype of x, and reads
    the outputs in that dtype too, whatever precision the network runs in.
    """

    def predict(x: Tensor, level: Level) -> Tensor:
        outputs = call(prediction.scale_in(x, level), _times(x, level))
        return prediction.clean(outputs.to(x), x, level)

    return predict


def _times(x: Tensor, level: Level) -> Tensor:
    return level.t.to(x).reshape(-1).expand(x.shape[0])


@dataclass(frozen=True)
class Question:
    """What a network is asked: with which `text`, and how its inside is touched meanwhile ("": not at all).

    Both are names; what they stand for is known to whoever answers.
    """

    text: str
    touch: str = ""


POSITIVE, NEGATIVE, EMPTY = Question("positive"), Question("negative"), Question("empty")
"""The prompt, the negative prompt, no prompt."""
BLANK = Question("blank")
"""The negative prompt without the picture that a model is shown."""

Taps = Mapping[str, Tensor]
"""Inner values of a network by site, each `B ...`."""


def _no_taps() -> Mapping[Question, Taps]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network said of `x` at `level`: `clean` B C H W for each question, and the `taps` it handed out. Whoever
    needs to know more may `ask` again."""

    x: Tensor
    level: Level
    ask: "Ask"
    clean: Mapping[Question, Tensor]
    taps: Mapping[Question, Taps] = field(default_factory=_no_taps)


Ask = Callable[[Tensor, Level, Sequence[Question]], Answers]
"""`(x B C H W, level, questions) -> answers` to all of them, in the dtype of x."""


@dataclass(frozen=True)
class Request:
    """What one network call is about: its K `texts`, the `touch` of its inside, and the `level`."""

    texts: tuple[str, ...]
    touch: str
    level: Level


@dataclass(frozen=True, eq=False)
class Reply:
    """The `outputs` of one network call, K B C H W, and its `taps`, each K B ..."""

    outputs: Tensor
    taps: Taps = field(default_factory=lambda: MappingProxyType(dict[str, Tensor]()))


RequestCall = Callable[[Tensor, Tensor, Request], Reply]
"""`(input B C H W of unit variance, t B, request) -> reply`."""


def asker(call: RequestCall, prediction: Prediction) -> Ask:
    """Makes an Ask of network calls: one for all questions that are touched alike, in their order.

    Input, `t` and outputs are treated as `predictor` does.
    """

    def ask(x: Tensor, level: Level, questions: Sequence[Question]) -> Answers:
        clean: dict[Question, Tensor] = {}
        taps: dict[Question, Taps] = {}
        for touch in dict.fromkeys(question.touch for question in questions):
            alike = [question for question in questions if question.touch == touch]
            request = Request(tuple(question.text for question in alike), touch, level)
            reply = call(prediction.scale_in(x, level), _times(x, level), request)
            clean.update(zip(alike, prediction.clean(reply.outputs.to(x), x, level), strict=True))
            for k, question in enumerate(alike):
                taps[question] = {site: values[k] for site, values in reply.taps.items()}
        return Answers(x, level, ask, clean, taps)

    return ask


def always(predict: Predictor, questions: Sequence[Question]) -> Ask:
    """An Ask of a Predictor whose K answers are those to `questions`, whichever of them are asked."""

    def ask(x: Tensor, level: Level, asked: Sequence[Question]) -> Answers:
        return Answers(x, level, ask, dict(zip(questions, predict(x, level), strict=True)))

    return ask
