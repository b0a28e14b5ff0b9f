"""``python3 -m nio.trace``."""

from __future__ import annotations

import sys

from nio.trace._command import main

sys.exit(main())
