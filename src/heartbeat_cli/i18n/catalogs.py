"""Sentences in the reader's language. English needs no catalog: the templates in the code are English.

A language is `locale/<xx_YY>/LC_MESSAGES/heartbeat.po`, compiled beside it; `make catalogs` brings both up to date.
"""

import gettext as standard
import re
from functools import lru_cache
from pathlib import Path

from heartbeat_cli.domain.text import Text, Value, plain

ENGLISH = "en"
DOMAIN = "heartbeat"
FOLDER = Path(__file__).with_name("locale")
_DEEPEST = 24  # sentences within sentences that are translated: a list of lines is one
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")


def available(locale: str) -> bool:
    """Whether there is a catalog for a locale (`zh-HK`)."""
    name = locale.replace("-", "_")
    return locale == ENGLISH or (
        bool(_LOCALE.fullmatch(locale)) and (FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.mo").is_file()
    )


def translated(text: str, locale: str) -> str:
    """A sentence of ours in the language of `locale`. What is no Text, and what a catalog does not know, stays."""
    if locale == ENGLISH or not isinstance(text, Text):
        return text
    return _shown(text, locale, _DEEPEST)


def word(template: str, locale: str, **values: Value) -> str:
    """A word or a line of a page in a language: the English template translated, then its places filled."""
    if locale != ENGLISH:
        template = _catalog(locale).gettext(template) if template else template
        values = {name: translated(str(v), locale) if isinstance(v, str) else v for name, v in values.items()}
    return template.format(**values) if values else template


def counted(n: int, one: str, many: str, locale: str, **values: Value) -> str:
    """`one` for a single thing and `many` for all other numbers, as the language counts; both may use `n`."""
    return translated(Text.counted(n, one, many, **values), locale)


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
def _catalog(locale: str) -> standard.NullTranslations:
    return standard.translation(DOMAIN, str(FOLDER), [locale.replace("-", "_")], fallback=True)
