"""Every file says what it is, and everything public says what it does."""

import ast
import re

from house.sources import modules, parsed, public, relative, suite, tracked

LONGEST_FIRST_LINE = 110


def first_line(path):
    return (ast.get_docstring(parsed(path)) or "").split("\n")[0]


def test_every_file_begins_with_one_short_sentence():
    wrong = [
        f"{relative(p)}: {first_line(p)!r}"
        for p in modules()
        if not first_line(p).endswith((".", ").")) or len(first_line(p)) > LONGEST_FIRST_LINE
    ]
    assert wrong == []


def test_every_test_file_has_a_docstring():
    assert [relative(p) for p in suite() if not first_line(p)] == []


def test_everything_public_has_a_docstring():
    bare = [
        f"{relative(p)}:{node.lineno} {node.name}"
        for p in modules()
        for node in public(p)
        if ast.get_docstring(node) is None and not is_override(node)
    ]
    assert bare == []


def is_override(node):
    """A method that says @override or @overload is described where it is first declared."""
    return any(ast.unparse(d).split(".")[-1] in {"override", "overload"} for d in node.decorator_list)


def test_nothing_is_left_for_later():
    later = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
    here = [
        f"{relative(p)}:{n}"
        for p in tracked()
        if p.suffix == ".py"
        for n, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if later.search(line)
    ]
    assert here == []


MACHINE = re.compile(
    r"(?<![\w.])/(?:work|farm|root|home|Users|mnt)/\w"
    r"|https?://\S*(?:py" + r"pi|python" + r"hosted|npm" + r"js|deb" + r"ian|ubuntu)\S*"
)
TEXT = frozenset({".py", ".md", ".toml", ".txt", ".cfg", ".yml", ".yaml", ".json", ".sh", ""})


def test_no_file_names_a_machine_path_or_a_registry_host():
    named = []
    for path in tracked():
        if path.suffix in TEXT and path.stat().st_size < 2_000_000:
            lines = path.read_text("utf-8", errors="replace").splitlines()
            named += [f"{relative(path)}:{n}" for n, line in enumerate(lines, 1) if MACHINE.search(line)]
    assert named == []


def test_the_search_for_machine_paths_can_find_one():
    assert MACHINE.search("open('/" + "home/me/model')")
    assert MACHINE.search("--index-url https" + "://pyp" + "i.org/simple")
    assert not MACHINE.search("see docs/work/plan")
