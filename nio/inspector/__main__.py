"""``python3 -m nio.inspector``."""

from __future__ import annotations

import sys

from nio.inspector._terminal import main

if __name__ == "__main__":
    sys.exit(main())
