"""What the repository promises around the code: README, decisions, pins and the size of the weights."""

import re
import tomllib

from house.sources import PACKAGE, ROOT, relative, tracked
from readme import developer_command, tree, with_tree

WEIGHTS, ANY_FILE = 48_000_000, 50_000_000


def test_the_tree_in_the_readme_is_fresh():
    readme = (ROOT / "README.md").read_text("utf-8")
    fresh = with_tree(readme, tree(PACKAGE)) == readme
    assert fresh, "run `make tree`"


def test_the_readme_names_one_command_that_sets_up_and_tests():
    command = developer_command((ROOT / "README.md").read_text("utf-8"))
    assert command == 'pip install -c constraints.txt -e ".[dev]" && pytest -n 2 --dist worksteal'


def test_the_index_of_decisions_names_every_page_by_its_title():
    folder = ROOT / "docs" / "decisions"
    pages = {
        (p.read_text("utf-8").split("\n")[0].removeprefix("# "), p.name) for p in folder.glob("[0-9]*.md")
    }
    index = re.findall(r"^- \[(.+)\]\((.+)\)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(index) == pages
    assert len(index) == len(pages)


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{relative(page)}: {target}")
    assert broken == []


def test_the_shipped_weights_stay_small():
    shipped = [p for p in PACKAGE.rglob("*.safetensors") if p.is_file()]
    assert sum(p.stat().st_size for p in shipped) <= WEIGHTS
    assert [relative(p) for p in tracked() if p.stat().st_size > ANY_FILE] == []


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_dependency_is_pinned_and_no_pin_names_a_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for e in project["optional-dependencies"].values() for d in e)]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    names = {normal(re.match(r"[\w.-]+", d)[0]) for d in wanted} - {"mezzotint"}
    assert names - {normal(line.split("==")[0]) for line in pins} == set()
