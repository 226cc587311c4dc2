"""Where the levels of a pass lie: the spacing, its rho, the shift and a list of sigmas, each on pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.recipes import Engine, draw, pixels, recipe
from families.reduced import saved
from mezzotint.diffusion.path import Path as NoisePath
from mezzotint.diffusion.path import Rectified
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.families import toy
from mezzotint.families.sd3 import SD3_MEDIUM
from mezzotint.values.errors import BadValue

STEPS = 4


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(saved("sd3-medium", tmp_path_factory.mktemp("sd3")))


def path_of(model: str) -> NoisePath:
    return (toy.TOY if model == "toy" else SD3_MEDIUM).schedule.path()


def sigmas(path: NoisePath, spacing: str, rho: float | None = None) -> tuple[float, ...]:
    return tuple(float(level.sigma) for level in make_plan(path, spacing, STEPS, rho).levels[:-1])


def drawn(engine: Engine, wishes: Sequence[dict[str, Any]], **shared: Any) -> list[bytes]:
    return pixels(engine, [recipe(**{"steps": STEPS, **shared, **wish}) for wish in wishes])


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_a", "unipc", "restart"])
def test_a_list_of_a_spacings_own_sigmas_gives_its_picture(engine: Engine, sampler: str) -> None:
    path = path_of("toy")
    for spacing in ("karras", "trailing", "beta"):
        own = sigmas(path, spacing)
        moved = (own[0], own[1] * 1.05, *own[2:])
        plain, listed, other = drawn(
            engine, [{"spacing": spacing}, {"sigmas": own}, {"sigmas": moved}], sampler=sampler
        )
        assert plain == listed != other


def test_so_on_the_rectified_path(engine: Engine, joint: str) -> None:
    own = sigmas(path_of(joint), "trailing")
    assert own[0] == 1.0
    wishes = [{"spacing": "trailing"}, {"sigmas": own}, {"sigmas": (*own[:-1], own[-1] / 2)}]
    plain, listed, other = drawn(engine, wishes, model=joint)
    assert plain == listed != other


@pytest.mark.parametrize("spacing", [name for name, entry in SPACINGS.items() if entry.rho])
def test_rho_is_that_of_the_formula(engine: Engine, spacing: str) -> None:
    usual = SPACINGS[spacing].rho
    wishes = [
        {"spacing": spacing},
        {"spacing": spacing, "rho": usual},
        {"spacing": spacing, "rho": 3.0},
        {"sigmas": sigmas(path_of("toy"), spacing, 3.0)},
    ]
    plain, told, three, listed = drawn(engine, wishes)
    assert plain == told != three == listed


def test_shift_moves_the_levels_of_flow_models(engine: Engine, joint: str) -> None:
    wishes: list[dict[str, Any]] = [{}, {"shift": 3.0}, {"shift": 1.0}]
    wishes.append({"sigmas": sigmas(Rectified(1.0), "linspace")})
    plain, three, one, listed = drawn(engine, wishes, model=joint, spacing="linspace")
    assert plain == three != one == listed


MISUSES: list[tuple[dict[str, Any], str]] = [
    ({"shift": 3.0}, "shift: only models of flow matching have one"),
    ({"rho": 7.0, "spacing": "trailing"}, "rho: trailing has no use for it.*karras, polyexponential"),
    ({"rho": 7.0, "sigmas": (3.0, 2.0)}, "rho: a list of sigmas has no use for it"),
    ({"steps": 1001}, "steps: "),
    ({"sampler": "euler", "eta": 0.5}, "eta: euler has no use for it"),
]


@pytest.mark.parametrize(("wishes", "says"), MISUSES, ids=str)
def test_misuse_is_an_error_that_says_what_to_do(engine: Engine, wishes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadValue, match=says):
        draw(engine, recipe(**{"steps": 2, **wishes}))


def test_misuse_on_flow_models(engine: Engine, joint: str) -> None:
    with pytest.raises(BadValue, match=r"sigmas: 1\.5 is beyond 1, all noise"):
        draw(engine, recipe(model=joint, sigmas=(1.5, 0.5)))
    with pytest.raises(BadValue, match="shift: a list of sigmas has no use for it"):
        draw(engine, recipe(model=joint, shift=2.0, sigmas=(1.0, 0.5)))


def test_an_error_draws_nothing_and_the_next_picture_is_as_ever(engine: Engine, tmp_path: Path) -> None:
    before = drawn(engine, [{}])
    with pytest.raises(BadValue):
        draw(engine, recipe(shift=3.0)).save(tmp_path / "a.png")
    assert not list(tmp_path.iterdir()) and drawn(engine, [{}]) == before
