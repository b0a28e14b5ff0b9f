from __future__ import annotations

from nio.channels._per_kernel import PerKernel, SharedTable
from nio.spi import SelectorProvider


class Entry:
    def __init__(self) -> None:
        self.calls = 0

    def _forget(self) -> None:
        self.calls += 1


def test_a_table_tells_those_that_live() -> None:
    table = SharedTable(SelectorProvider.default())
    kept, gone = Entry(), Entry()
    for entry in (kept, gone, kept):
        table.add(entry)
    del gone, entry
    table.forget()
    assert kept.calls == 1


def test_there_is_one_for_a_kernel() -> None:
    tables: PerKernel[SharedTable] = PerKernel(SharedTable)
    names = SelectorProvider.available()
    assert len({id(tables.of(SelectorProvider.named(name))) for name in names}) == 1


def test_two_threads_that_ask_at_once_get_the_same_one() -> None:
    provider = SelectorProvider.default()
    first: list[SharedTable] = []

    def make(provider: SelectorProvider) -> SharedTable:
        if not first:
            first.append(SharedTable(provider))
            first.append(tables.of(provider))  # the other thread, in the meantime
        return SharedTable(provider)

    tables = PerKernel(make)
    assert tables.of(provider) is first[1] is tables.of(provider)
