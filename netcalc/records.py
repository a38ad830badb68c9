"""Two of the standard library's, faster: a tenth of netcalc's start-up, and a twentieth of an analysis.

``typing.NamedTuple`` compiles the annotations of each class; ``functools.cached_property`` takes a lock before 3.12.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as cached_property
    from typing import NamedTuple as NamedTuple
else:

    class _Maker(type):
        """Makes of a class what :class:`typing.NamedTuple` makes of it, with its annotations as they are written.

        >>> class Size(NamedTuple):
        ...     height: int
        ...     width: int = 1
        ...
        ...     @property
        ...     def area(self) -> int:
        ...         return self.height * self.width
        >>> Size(3), Size(3, width=4).area
        (Size(height=3, width=1), 12)
        """

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})

    class cached_property:
        """A property that is computed once, when it is first asked for, and then stands in the object.

        >>> class Square:
        ...     @cached_property
        ...     def area(self) -> int:
        ...         print("computed")
        ...         return 9
        >>> square = Square()
        >>> square.area + square.area
        computed
        18
        """

        def __init__(self, compute: Any) -> None:
            self.compute, self.__doc__ = compute, compute.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: Any, owner: type) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.compute(instance)
            return value
