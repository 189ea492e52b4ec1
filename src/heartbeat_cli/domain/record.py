"""Named tuples whose classes cost little to make.

`typing.NamedTuple` compiles a constructor and makes eight more functions for each class, and checks each annotation.
A pass imports some eighty such classes and uses a third of them: this was a tenth of its processor time. Here the
constructor is compiled when the first record of a class is made; everything else is the same, and a type checker sees
`NamedTuple` itself.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Record"]

if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    from collections import _tuplegetter as field_reader

    def _annotated(body: dict[str, Any]) -> tuple[str, ...]:
        """The names that the body of a class annotates, in order."""
        if "__annotations__" in body:
            return tuple(body["__annotations__"])
        # From Python 3.14 on annotations are evaluated when somebody asks (PEP 649); 1 asks for their values. A
        # class that is defined later is named in quotes.
        annotate = body.get("__annotate_func__") or body.get("__annotate__")
        if annotate is None:
            return ()
        return tuple(annotate(1))

    def _constructor(cls: type) -> Any:
        """The function that makes a tuple of class `cls` from its fields, positional or named."""
        names = {"_tuple_new": tuple.__new__, "_defaults": tuple(cls._field_defaults.values())}
        parameters = ", ".join(cls._fields)
        made = eval(f"lambda _cls, {parameters}: _tuple_new(_cls, ({parameters}{',' if parameters else ''}))", names)  # noqa: S307
        made.__defaults__ = names["_defaults"]
        made.__name__ = made.__qualname__ = "__new__"
        made.__module__ = cls.__module__
        return made

    class _Kind(type):
        """Makes the classes of records; a class without fields is the base of all."""

        def __new__(kind, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = _annotated(body)
            if not fields and any(isinstance(base, _Kind) and base._fields for base in bases):
                raise TypeError(f"{name}: a record has no subclasses")
            body["_fields"] = body["__match_args__"] = fields
            defaults = {field: body[field] for field in fields if field in body}
            late = next((number for number, field in enumerate(fields) if field in defaults), len(fields))
            if missing := [field for field in fields[late:] if field not in defaults]:
                raise TypeError(f"{name}: field {missing[0]} without a default follows one with a default")
            body["_field_defaults"] = defaults
            body["__slots__"] = ()
            for number, field in enumerate(fields):
                body[field] = field_reader(number, "")
            return type.__new__(kind, name, bases, body)

    class Record(tuple, metaclass=_Kind):
        """The base of named tuples: annotated fields, with defaults behind those without."""

        def __new__(cls, *values: Any, **named: Any) -> Any:
            cls.__new__ = _constructor(cls)
            return cls(*values, **named)

        @classmethod
        def _make(cls, values: Any) -> Any:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes: Any) -> Any:
            made = tuple.__new__(type(self), map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"Got unexpected field names: {list(changes)!r}")
            return made

        __replace__ = _replace  # copy.replace, from Python 3.13 on

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._asdict().items())})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)
