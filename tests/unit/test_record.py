"""A record beside the dataclass that it replaces: whatever is asked of both, they answer the same."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from nio._record import Record, record
from nio.framing import Delimiter, Lines
from nio.reactor import Backoff


@record
class Point(Record):
    """Ours."""

    x: int
    y: int = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """Python's."""

    x: int
    y: int = 2


KINDS: tuple[Any, Any] = (Point, Model)


def both(ask: Any) -> Any:
    """The answer, which is the same for both but for the class's name."""
    ours, theirs = (ask(kind) for kind in KINDS)
    if isinstance(ours, str):
        theirs = theirs.replace("Model", "Point")
    assert ours == theirs
    return ours


def error(kind: Any, *args: object, **fields: object) -> str:
    with pytest.raises(TypeError) as caught:
        kind(*args, **fields)
    return str(caught.value)


def test_it_is_made_compared_hashed_and_printed_like_a_dataclass() -> None:
    assert both(lambda kind: repr(kind(1))) == "Point(x=1, y=2)"
    assert both(lambda kind: repr(kind(y=3, x=1))) == "Point(x=1, y=3)"
    assert both(lambda kind: kind(1) == kind(1, 2) != kind(2))
    assert both(lambda kind: kind(1) != (1, 2))
    assert both(lambda kind: hash(kind(1)) == hash(kind(y=2, x=1)) == hash((1, 2)))
    assert both(lambda kind: hasattr(kind(1), "__dict__")) is False
    assert both(lambda kind: kind.__match_args__) == ("x", "y")
    assert both(lambda kind: str(inspect.signature(kind))) == "(x: 'int', y: 'int' = 2) -> None"


@pytest.mark.parametrize("args", [(), (1, 2, 3)])
@pytest.mark.parametrize("fields", [{}, {"x": 1}, {"z": 1}, {"x": 1, "z": 1}])
def test_wrong_arguments_are_told_in_pythons_words(args: tuple[int, ...], fields: dict[str, int]) -> None:
    if args or fields != {"x": 1}:
        assert both(lambda kind: error(kind, *args, **fields)).startswith("Point.__init__() ")


def test_it_is_frozen() -> None:
    for kind in KINDS:
        value = kind(1)
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
            value.x = 2
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
            del value.x


def test_the_module_dataclasses_takes_it_for_one() -> None:
    assert both(dataclasses.is_dataclass)
    assert both(lambda kind: [(field.name, field.type, field.default) for field in dataclasses.fields(kind)])
    assert both(lambda kind: dataclasses.asdict(kind(1))) == {"x": 1, "y": 2}
    assert both(lambda kind: repr(dataclasses.replace(kind(1), y=5))) == "Point(x=1, y=5)"
    assert Point(1).__replace__(y=5) == Point(1, 5)
    assert Point.__dataclass_fields__ is Point.__dataclass_fields__


def test_it_is_copied_and_pickled() -> None:
    for kind in KINDS:
        value = kind([1])
        assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    delimiter = Delimiter(b";", max_length=3)
    assert pickle.loads(pickle.dumps(delimiter)) == delimiter


def test_a_dataclass_of_the_users_own_adds_a_field() -> None:
    @dataclasses.dataclass(frozen=True)
    class Named(Lines):
        name: str = "n"

    assert repr(Named(5)).endswith(r"Named(max_length=5, ending=b'\n', name='n')")
    assert Named(5) != Named(5, name="m")


def test_a_subclass_keeps_its_fields_and_checks() -> None:
    class Short(Lines):
        def decoder(self) -> Any:
            return super().decoder()

    assert (Short(5).max_length, type(Short(5).decoder()).__name__) == (5, "LinesDecoder")
    assert Short(5) != Lines(5)
    with pytest.raises(ValueError, match="max_length"):
        Short(0)


def test_a_constructor_of_its_own_is_the_signature() -> None:
    assert str(inspect.signature(Delimiter)) == "(*delimiters: 'bytes', max_length: 'int' = 8192) -> 'None'"
    assert str(inspect.signature(Backoff)).startswith("(first: 'float' = 0.5, ")
