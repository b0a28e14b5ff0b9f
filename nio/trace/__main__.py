"""``python3 -m nio.trace``."""

from __future__ import annotations

import sys

from nio.trace._command import main

if __name__ == "__main__":
    sys.exit(main())
