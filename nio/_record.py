"""Record: a frozen dataclass that is made without the module ``dataclasses``.

Importing that module takes as long as importing a third of this package, and each class that it decorates as long as
ten others, because it writes source text and compiles it. A record's fields are the annotations of its class, and its
methods are the same for all. To whoever looks at it, it is a frozen dataclass with slots: it is made, compared, hashed,
printed, copied and matched like one, and ``fields()``, ``replace()`` and ``asdict()`` take it.

What only Python's module can tell, it is asked for then: ``_twin`` makes the dataclass that a record looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform


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

    fields: list[Any] = [
        (name, kind, field(default=cls._defaults[name])) if name in cls._defaults else (name, kind)
        for name, kind in cls._kinds.items()
    ]
    return make_dataclass(cls.__name__, fields, frozen=True)


def _signature(cls: type[Record]) -> Any:
    """What ``inspect.signature`` tells of the class."""
    from inspect import signature

    if cls.__init__ is Record.__init__:
        return signature(_twin(cls))
    own = signature(cls.__init__)
    return own.replace(parameters=list(own.parameters.values())[1:])


class Record:
    """The base of what ``record`` decorates.

    ``__post_init__`` is called when all are set. It changes a field by ``object.__setattr__``.
    """

    __slots__ = ()

    __match_args__: ClassVar[tuple[str, ...]]
    _kinds: ClassVar[dict[str, Any]]
    _defaults: ClassVar[dict[str, Any]]

    __dataclass_fields__: ClassVar[Late] = Late(lambda cls: _twin(cls).__dataclass_fields__)
    __dataclass_params__: ClassVar[Late] = Late(lambda cls: _twin(cls).__dataclass_params__)
    __signature__: ClassVar[Late] = Late(_signature)

    def __init__(self, *args: Any, **fields: Any) -> None:
        names, defaults = self.__match_args__, self._defaults
        given = dict(zip(names, args, strict=False)) | fields
        values = defaults | given
        if len(given) < len(args) + len(fields) or values.keys() != set(names):
            _twin(type(self))(*args, **fields)  # which raises TypeError in Python's words
        for name in names:
            object.__setattr__(self, name, values[name])
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields."""

    def __getstate__(self) -> Any:
        return [getattr(self, name) for name in self.__match_args__]

    def __setstate__(self, values: list[Any]) -> None:
        for name, value in zip(self.__match_args__, values, strict=True):
            object.__setattr__(self, name, value)

    def __replace__(self, /, **changes: Any) -> Self:
        """A copy with these values instead; for ``copy.replace``."""
        return type(self)(**(dict(zip(self.__match_args__, self.__getstate__(), strict=True)) | changes))

    def __setattr__(self, name: str, value: object) -> None:
        raise _frozen(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise _frozen(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.__getstate__() == other.__getstate__())

    def __hash__(self) -> int:
        return hash(tuple(self.__getstate__()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({fields})"


R = TypeVar("R", bound=Record)


@dataclass_transform(frozen_default=True)
def record(cls: type[R]) -> type[R]:
    """Make a record of a subclass of Record: its annotations are the fields, each with its default if it has one."""
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    kinds = body["_kinds"] = cls.__annotations__
    body["_defaults"] = {name: body.pop(name) for name in kinds if name in body}
    body["__slots__"] = body["__match_args__"] = tuple(kinds)
    made: Any = type(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made  # type: ignore[no-any-return]  # the same class, but with slots


def _frozen(words: str) -> AttributeError:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(words)
