"""Habits that the linters do not know: closed signatures, no probing, no module-level state, tests that can fail."""

import ast
import re

from house.sources import Function, functions, modules, parsed, public, relative, suite

MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray"}
)
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def is_closed(keywords):
    """Whether keywords are those of a TypedDict, each with its name and type (PEP 692)."""
    return keywords is None or ast.unparse(keywords.annotation or keywords).startswith("Unpack[")


def test_public_functions_take_no_open_keywords():
    open_ended = [
        f"{relative(p)}:{node.lineno} {node.name}"
        for p in modules()
        for node in public(p)
        if isinstance(node, Function) and not is_closed(node.args.kwarg)
    ]
    assert open_ended == []


def test_nobody_probes_with_hasattr():
    probes = [
        f"{relative(p)}:{node.lineno}"
        for p in modules()
        for node in ast.walk(parsed(p))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr"
    ]
    assert probes == []


def is_mutable(value):
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in MUTABLE_CALLS
    return isinstance(value, MUTABLE)


def mutable_state(tree):
    """Module-level names bound to something that can change, and `global` statements."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if [ast.unparse(t) for t in targets] != ["__all__"]:
                yield node.lineno
    yield from (node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global))


def test_modules_hold_no_state():
    state = [f"{relative(p)}:{line}" for p in modules() for line in mutable_state(parsed(p))]
    assert state == []


def test_the_search_for_state_can_find_it():
    found = list(
        mutable_state(
            ast.parse(
                "A = []\nB: dict[str, int] = {}\nC = (1,)\nD = set()\nE = frozenset({1})\n__all__ = []\n"
            )
        )
    )
    assert found == [1, 2, 4]


def checks_something(function):
    """A test asserts, expects an error, or calls a helper whose name says that it checks."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if re.search(r"assert|raises|warns|check|expect|must|fail", name):
                return True
    return False


def test_every_test_can_fail():
    idle = [
        f"{relative(p)}:{f.lineno} {f.name}"
        for p in suite()
        for f in functions(p)
        if f.name.startswith("test_") and not checks_something(f)
    ]
    assert idle == []


def test_nothing_is_skipped_for_good():
    marks = re.compile(r"mark\.(?:skip|xfail)\b(?!if)")
    skipped = [
        relative(p) for p in suite() if p.name != "test_code.py" and marks.search(p.read_text("utf-8"))
    ]
    assert skipped == []
