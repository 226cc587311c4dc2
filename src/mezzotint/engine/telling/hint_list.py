"""Which hints there are, with their settings.

Takes nothing, gives a Report. Loads no network and no other package.
"""

from mezzotint.engine.hinting import OURS
from mezzotint.engine.telling.report import Report, Section
from mezzotint.hints.outside import offered
from mezzotint.values.value import Value
from mezzotint.values.worded import fields_of, written


def hint_list() -> Report:
    """Every hint with its settings, and the hints of other packages, which are not loaded for it."""
    built_in = tuple((name, f"{hint.help}{_settings(hint.options)}") for name, hint in OURS.items())
    packages = [(name, package) for name, package in sorted(offered().items()) if name not in OURS]
    others = tuple((name, f"from the package {package}") for name, package in packages)
    sections = (Section("Hints", built_in), Section("Hints of other packages", others))
    return Report(tuple(section for section in sections if section.rows))


def _settings(options: type[Value]) -> str:
    shown = ", ".join(f"{name}={written(info.default)}" for name, info in fields_of(options).items())
    return f" ({shown})" if shown else ""
