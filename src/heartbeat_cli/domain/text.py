"""A sentence of heartbeat's own as a value: an English template and what stands in its places.

A `Text` is its English line, so whatever stores, searches or prints the line needs to know nothing about it. The
template is the key of the translation catalogs (`i18n`); values that are Texts are translated in their turn, all other
values (what a component said, names, figures) never.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

Value = str | int | float


class Text(str):
    """`Text("{n} of {total} hosts fail", n=2, total=3)`; the template is used as it stands where there are no values.
    `Text(line)` is a line of ours that was stored before. `many` is the template's plural, chosen by the value `n`."""

    __slots__ = ("many", "template", "values")
    template: str
    values: Mapping[str, Value]
    many: str

    def __new__(cls, template: str, /, **values: Value) -> Self:
        if isinstance(template, Text) and not values:
            return template  # type: ignore[return-value]
        return cls.known(template.format(**values) if values else template, template, values)

    @classmethod
    def known(cls, line: str, template: str, values: Mapping[str, Value], many: str = "") -> Self:
        """A Text whose English line is known already."""
        text = super().__new__(cls, line)
        text.template, text.values, text.many = template, values, many
        return text

    @classmethod
    def counted(cls, n: int, one: str, many: str, /, **values: Value) -> Self:
        """The template `one` where `n` is 1, else `many`; both may use `n`."""
        values["n"] = n
        return cls.known((one if n == 1 else many).format(**values), one, values, many)

    def with_values(self, **values: Value) -> "Text":
        """The same sentence, or template, with these values besides."""
        return Text(self.template, **{**self.values, **values})

    def __str__(self) -> Self:  # so that an exception's text is what the exception was made with
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Text.known, (str.__str__(self), self.template, dict(self.values), self.many)

    def mapped(self, change: Callable[[str], str]) -> str:
        """The line after `change`: a Text where changing the values alone gives the same, else a plain line."""
        line = change(plain(self))
        if line == self:
            return self
        if not self.values:
            return line
        values = {name: _changed(value, change) for name, value in self.values.items()}
        template = self.many if self.many and values.get("n") != 1 else self.template
        made = Text.known(template.format(**values), self.template, values, self.many)
        return made if made == line else line


def brief(text: str, most: int) -> str:
    """A sentence that has more than `most` characters by the sentence that it begins with, where there is one."""
    while isinstance(text, Text) and len(text) > most:
        first = next((one for name, one in text.values.items() if text.template.startswith(f"{{{name}}}")), None)
        if not isinstance(first, Text):
            break
        text = first
    return text


def plain(text: str) -> str:
    """The line as an ordinary string."""
    return str.__str__(text)


def joined(parts: Iterable[str]) -> str:
    """Lines in a row, with semicolons between them."""
    return _in_a_row(list(parts), Text("{first}; {then}"))


def listed(parts: Iterable[str]) -> str:
    """Words in a row, with commas between them."""
    return _in_a_row(list(parts), Text("{first}, {then}"))


def stacked(parts: Iterable[str], limit: int = 2_000) -> str:
    """A line below the other, as far as `limit` characters go; "…" stands for what is left out. A Text if one of them
    is: of one template, however many they are."""
    kept: list[str] = []
    room = limit
    for part in parts:
        for line in _lines_of(part):
            if len(line) + 1 >= room:
                return _below(kept, cut=True)
            kept.append(line)
            room -= len(line) + 1
    return _below(kept, cut=False)


def _lines_of(text: str) -> list[str]:
    """The lines of a text; of one that was stacked each as it was given."""
    if "\n" not in text:
        return [text]
    if isinstance(text, Text) and text.template == "\n".join(f"{{{name}}}" for name in text.values):
        return [str(one) for one in text.values.values()]
    return plain(text).split("\n")


def _below(lines: list[str], cut: bool) -> str:
    lines = [*lines, "…"] if cut else lines
    if not any(isinstance(one, Text) for one in lines):
        return "\n".join(lines)
    if len(lines) == 1:
        return lines[0]
    values = {f"l{number}": line for number, line in enumerate(lines)}
    return Text("\n".join(f"{{{name}}}" for name in values), **values)


def _in_a_row(parts: list[str], two: Text) -> str:
    """By halves: a row of hundreds must not be as deep."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    half = len(parts) // 2
    values = {"first": _in_a_row(parts[:half], two), "then": _in_a_row(parts[half:], two)}
    return Text.known(two.template.format_map(values), two.template, values)


def strings(value: Any) -> Iterator[str]:
    """Every text in a tree of lists and tables."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def within(value: Any) -> Iterator[Text]:
    """The sentences among them."""
    return (one for one in strings(value) if isinstance(one, Text))


def _changed(value: Value, change: Callable[[str], str]) -> Value:
    if isinstance(value, Text):
        return value.mapped(change)
    return change(value) if isinstance(value, str) else value
