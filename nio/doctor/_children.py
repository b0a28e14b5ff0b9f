"""What forked children find: they write it into a pipe, which the parent empties."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from nio.doctor._finding import Finding
from nio.doctor._place import Place
from nio.doctor._ward import Ward

_ATOMIC = 4096  # bytes that a pipe takes as one


class Children:
    """The pipe; a line of JSON is a finding."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._parent = os.getpid()
        self._rest = b""

    def reporting(self, plain: Callable[..., None]) -> Callable[..., None]:
        """In a child, tell the parent, too."""

        def report(ward: Ward, finding: Finding) -> None:
            plain(ward, finding)
            if os.getpid() != self._parent:
                self._tell(finding)

        return report

    def _tell(self, finding: Finding) -> None:
        fields = [finding.code, finding.evidence, *finding.place, finding.fix, finding.lesson]
        line = json.dumps(fields).encode() + b"\n"
        if len(line) <= _ATOMIC:
            try:
                os.write(self._writer, line)
            except OSError:
                pass  # the pipe is full, or the parent is gone

    def collect(self, ward: Ward) -> None:
        """In the parent, take up what the children have found."""
        if os.getpid() != self._parent or self._reader < 0:
            return
        while True:
            try:
                data = os.read(self._reader, 65536)
            except BlockingIOError:
                break
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                code, evidence, path, number, fix, lesson = json.loads(line)
                ward.report(Finding(code, evidence, Place(path, number), fix, lesson))

    def close(self) -> None:
        """Give the descriptors back."""
        reader, writer, self._reader, self._writer = self._reader, self._writer, -1, -1
        os.close(reader)
        os.close(writer)
