"""Sentences in the reader's language. English needs no catalog: the templates in the code are English.

A language is `locale/<xx_YY>/LC_MESSAGES/heartbeat.po`, compiled beside it; `make catalogs` brings both up to date.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from heartbeat_cli.domain.text import Text, Value, plain

if TYPE_CHECKING:
    from gettext import NullTranslations

ENGLISH = "en"
DOMAIN = "heartbeat"
FOLDER = Path(__file__).with_name("locale")
_DEEPEST = 24  # sentences within sentences that are translated: a list of lines is one
_CONTEXT = "\x04"  # as gettext's own files have it
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")


def available(locale: str) -> bool:
    """Whether there is a catalog for a locale (`zh-HK`)."""
    name = locale.replace("-", "_")
    return locale == ENGLISH or (
        bool(_LOCALE.fullmatch(locale)) and (FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.mo").is_file()
    )


def locales() -> list[str]:
    """English, and the languages that there are catalogs of."""
    found = sorted(path.parents[1].name.replace("_", "-") for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return [ENGLISH, *found]


def translated(text: str, locale: str) -> str:
    """A sentence of ours in the language of `locale`. What is no Text, and what a catalog does not know, stays."""
    if locale == ENGLISH or not isinstance(text, Text):
        return text
    return _shown(text, locale, _DEEPEST)


def N_(message: str, context: str = "") -> str:
    """Marks a message for the catalogs where it is not shown yet; `context` tells it from one that is spelled alike."""
    return f"{context}{_CONTEXT}{message}" if context else message


def plural(one: str, many: str) -> tuple[str, str]:
    """Marks a message with its plural."""
    return one, many


def word(message: str, locale: str, **values: Value) -> str:
    """A word or a line of a page in a language: the English message translated, then its places filled."""
    context, _, text = message.rpartition(_CONTEXT)
    if locale != ENGLISH and text:
        catalog = _catalog(locale)
        text = catalog.pgettext(context, text) if context else catalog.gettext(text)
        values = {name: translated(one, locale) if isinstance(one, Text) else one for name, one in values.items()}
    return text.format(**values) if values else text


def counted(count: int, forms: tuple[str, str], locale: str) -> str:
    """`{count}` things: the first form for one, the second for all other numbers, or as the language counts."""
    one, many = forms
    text = (one if count == 1 else many) if locale == ENGLISH else _catalog(locale).ngettext(one, many, count)
    return text.format(count=f"{count:,}")


def _shown(text: Text, locale: str, depth: int) -> str:
    catalog = _catalog(locale)
    n = text.values.get("n")
    if text.many and isinstance(n, int):
        template = catalog.ngettext(text.template, text.many, n)
        known = template not in (text.template, text.many)
    else:
        template = catalog.gettext(text.template) if text.template else ""
        known = template != text.template
    values = {
        name: _shown(value, locale, depth - 1) if isinstance(value, Text) and depth else value
        for name, value in text.values.items()
    }
    if not known and values == text.values:
        return plain(text)
    try:
        return template.format(**values) if values else template
    except (LookupError, ValueError, TypeError, AttributeError):  # a stored sentence of another version
        return plain(text)


@lru_cache
def _catalog(locale: str) -> "NullTranslations":
    import gettext

    return gettext.translation(DOMAIN, str(FOLDER), [locale.replace("-", "_")], fallback=True)
