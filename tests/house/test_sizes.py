"""Files and functions stay small enough to be read in one go."""

from statistics import median

from house.sources import functions, length, modules, relative, suite

FILE, FILE_MEDIAN, FUNCTION, SHORT_FUNCTION, SHORT_SHARE = 400, 170, 60, 30, 0.9


def lines(path):
    return path.read_text("utf-8").count("\n")


def test_no_file_is_longer_than_400_lines():
    assert {relative(p): lines(p) for p in [*modules(), *suite()] if lines(p) > FILE} == {}


def test_half_of_the_files_have_at_most_170_lines():
    assert median(lines(p) for p in modules()) <= FILE_MEDIAN


def test_no_function_is_longer_than_60_lines():
    long = {
        f"{relative(p)}:{f.name}": length(f) for p in modules() for f in functions(p) if length(f) > FUNCTION
    }
    assert long == {}


def test_nine_in_ten_functions_have_at_most_30_lines():
    sizes = [length(f) for p in modules() for f in functions(p)]
    assert sum(s <= SHORT_FUNCTION for s in sizes) >= SHORT_SHARE * len(sizes)
