"""Record: a frozen dataclass that is made without the module ``dataclasses``.

Importing that module takes as long as importing a third of this package, and each class that it decorates as long as
ten others, because it writes source text and compiles it. A record finds the names of its fields in its annotations
instead and keeps their values in ``__dict__``. To whoever looks at it, it is a frozen dataclass: it is made, compared,
hashed, printed, copied and matched like one, and ``fields()``, ``replace()`` and ``asdict()`` take it.

What only Python's module can tell, it is asked for then: ``_twin`` makes the dataclass that a record looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, dataclass_transform


class Late:
    """A class attribute that each class makes when somebody first asks for it."""

    def __init__(self, make: Callable[[type[Record]], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._made = f"_{name}_made"

    def __get__(self, instance: object, owner: type[Record]) -> Any:
        if self._made not in vars(owner):
            setattr(owner, self._made, self._make(owner))
        return vars(owner)[self._made]


def _twin(cls: type[Record]) -> Any:
    """The dataclass of the same name and fields; nobody sees an instance of it."""
    from dataclasses import field, make_dataclass

    types = {
        name: kind for owner in reversed(cls.__mro__) for name, kind in getattr(owner, "__annotations__", {}).items()
    }
    fields: list[Any] = [
        (name, types[name], field(default=getattr(cls, name))) if hasattr(cls, name) else (name, types[name])
        for name in cls.__match_args__
    ]
    return make_dataclass(cls.__name__, fields, frozen=True)


def _signature(cls: type[Record]) -> Any:
    """What ``inspect.signature`` tells of the class."""
    from inspect import signature

    if cls.__init__ is Record.__init__:
        return signature(_twin(cls))
    own = signature(cls.__init__)
    return own.replace(parameters=list(own.parameters.values())[1:])


@dataclass_transform(frozen_default=True)
class Record:
    """A value with named fields: the annotations of its subclass in their order, each with its default if it has one.

    ``__post_init__`` is called when all are set. It changes a field by ``object.__setattr__``.
    """

    __match_args__ = ()
    __dataclass_fields__ = Late(lambda cls: _twin(cls).__dataclass_fields__)
    __dataclass_params__ = Late(lambda cls: _twin(cls).__dataclass_params__)
    __signature__ = Late(_signature)

    def __init_subclass__(cls) -> None:
        known = cls.__match_args__
        cls.__match_args__ = (*known, *(name for name in cls.__annotations__ if name not in known))

    def __init__(self, *args: Any, **fields: Any) -> None:
        cls, values, names = type(self), self.__dict__, self.__match_args__
        given = dict(zip(names, args, strict=False)) | fields
        try:
            if len(given) < len(args) + len(fields) or not given.keys() <= set(names):
                raise TypeError
            for name in names:
                values[name] = given[name] if name in given else getattr(cls, name)
        except (AttributeError, TypeError):
            _twin(cls)(*args, **fields)  # which raises TypeError in Python's words
            raise
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields."""

    def __replace__(self, /, **changes: Any) -> Self:
        """A copy with these values instead; for ``copy.replace``."""
        return type(self)(**(self.__dict__ | changes))

    def __setattr__(self, name: str, value: object) -> None:
        raise _frozen(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise _frozen(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__qualname__}({fields})"


def _frozen(words: str) -> AttributeError:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(words)
