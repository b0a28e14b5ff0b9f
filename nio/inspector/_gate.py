"""Gate: holds a loop between two turns, lets it make one, or makes each turn slow. For level ``teach``.

The loop's own thread waits here, before it asks the kernel: nothing is lost meanwhile, it is only late. A loop that is
held while nobody looks would be a server that hangs. So the gate opens when the last page has gone.
"""

from __future__ import annotations

from nio.spi import Event, SelectorProvider

SLOW = 0.3  # seconds that each turn waits
_LOOK = 0.05


class Gate:
    """``pass_through`` is called by the loops that are observed, all else by the page's thread."""

    def __init__(self, provider: SelectorProvider) -> None:
        self._let_on: Event = provider.event()
        self._never: Event = provider.event()
        self.is_held = False
        self.is_slow = False
        self.steps = 0  # turns that may still be made

    def pass_through(self) -> None:
        """Return when the next turn may begin."""
        if self.is_slow and not self.is_held:
            self._never.wait(SLOW)
        while self.is_held and not self._step():
            self._let_on.wait(_LOOK)

    def _step(self) -> bool:
        if self.steps <= 0:
            return False
        self.steps -= 1
        return True

    def hold(self) -> None:
        """Let no turn begin."""
        self.steps = 0
        self._let_on.clear()
        self.is_held = True

    def step(self) -> None:
        """Hold, but for one more turn."""
        if not self.is_held:
            self.hold()
        self.steps += 1

    def be_slow(self) -> None:
        """Let each turn wait a little, or no longer."""
        self.is_slow = not self.is_slow

    def open(self) -> None:
        """Let all turns begin, at full speed."""
        self.is_held = self.is_slow = False
        self._let_on.set()
