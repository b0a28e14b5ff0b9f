"""What tests of your own code are made of: ``verify_framing`` holds a framing to the contract of ``nio.framing``."""

from __future__ import annotations

from nio.testing._framing import verify_framing as verify_framing

__all__ = ["verify_framing"]
