"""What every Python process that a test starts does first: it guards itself from the network.

This folder is on PYTHONPATH for the children of a test session only, and the variable says that one runs.
"""

import os

if os.environ.get("MEZZOTINT_TEST_OFFLINE"):
    import network_guard

    network_guard.install()
