"""The process that reads a pickle: limited in memory, time and output, and able to open, start or load nothing.

The pickle comes in as standard input, safetensors leave as standard output, a refusal as one line of JSON on standard
error. Run by `pickles`; importing this file does nothing.
"""
# Its lines run in a child process, where the coverage of the tests does not see them: tests/weights/test_pickles.py.

import codecs
import json
import os
import sys
from typing import NoReturn

from mezzotint.weights.harvest import SLACK, convert
from mezzotint.weights.unpickle import Unfit, Wanted

if sys.platform != "win32":
    import resource

REFUSED = 3


def confine(size: int) -> None:  # pragma: no cover
    """Limit this process to what reading `size` bytes takes, and let it open, start and load nothing any more."""
    if sys.platform != "win32":
        for kind, most in (
            (resource.RLIMIT_AS, 2**30 + 2 * size),
            (resource.RLIMIT_CPU, 20 + size // 2**24),
            (resource.RLIMIT_FSIZE, 2 * size + SLACK * 2),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (least, least))
    beginnings = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "mmap.", "urllib.", "http.", "pty.")

    def guard(event: str, args: tuple[object, ...]) -> None:
        if event in {"open", "import", "exec", "compile"} or event.startswith(beginnings):
            raise Wanted(event)

    sys.addaudithook(guard)


def main(separator: str) -> NoReturn:  # pragma: no cover
    """The child's work, from standard input to standard output; ends the process."""
    said: dict[str, str] = {}
    codecs.lookup("cp437")  # the encoding of names in zip files, which would have to be imported later
    with open(0, "rb") as file, open(1, "wb") as out:
        confine(os.fstat(0).st_size)
        try:
            convert(file, out, separator)
            out.flush()
        except Wanted as error:
            said = {"wanted": str(error)}
        except Unfit as error:
            said = {"reason": str(error)}
        except MemoryError:
            said = {"reason": "needs more memory than a file of its size should"}
        except Exception as error:  # noqa: BLE001 - a damaged file may raise anything; the child then ends
            said = {"reason": f"is damaged ({type(error).__name__})"}
    if said:
        sys.stderr.write(json.dumps(said) + "\n")
        sys.stderr.flush()
    # Without the interpreter's farewell, which could still run what a pickle has left behind.
    os._exit(REFUSED if said else 0)
