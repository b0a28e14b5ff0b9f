"""What a program on nio does, recorded at the door: see ``docs/how-to/trace.md``."""

from __future__ import annotations

from nio.trace._provider import TracingProvider as TracingProvider
from nio.trace._recording import Recording as Recording

__all__ = ["Recording", "TracingProvider"]
