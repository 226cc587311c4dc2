"""`python -m mezzotint`: the command line without its entry script."""

import sys

from mezzotint.cli.main import main

sys.exit(main())
