"""Badges: small pictures (SVG) that say a state and the availability of 30 days, for other people's pages.

A picture inside a page can ask for nothing and run nothing: what is true is written into it, with the moment of writing
as its tooltip. A badge cannot tell its own age; the dashboard can.
"""

import html
import unicodedata
from binascii import crc32
from collections.abc import Iterable

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.reporting.board import Board, Known
from heartbeat_cli.views import voice as voices
from heartbeat_cli.views.dashboard_rows import counted, groups
from heartbeat_cli.views.voice import Voice

ALL = "_all.svg"  # no component's id begins with a dash below
DAYS = 30
SIGN = "<!-- a heartbeat badge -->"
_COLORS = {"bad": "#b52a23", "warn": "#8a5a08", "dim": "#5c6875", "ok": "#23804f"}
_NARROW, _WIDE, _PAD = 6.3, 11.0, 7.0  # widths of a letter at 11 px, and of the space around a text
_NAME = 40  # letters of a component's name


def pictures(board: Board, config: Config, now: float) -> dict[str, str]:
    """Every badge by its file name: one for all together, and one for each component."""
    voice = voices.of(config, now)
    rows = {row["id"]: row for group in groups(board, config.components, voice) for row in group.all}
    made = {
        name: _badge(rows[id_]["name"], rows[id_]["state"], rows[id_]["level"], _known(board, id_), voice)
        for name, id_ in _file_names(rows).items()
    }
    worst, what, count = next(iter(counted(rows.values())), ("dim", "dim", 0))
    whole = Known()
    for id_ in rows:
        whole = whole.plus(_known(board, id_))
    text = voice.word(f"count_{what}", count=count) if rows else voice.word("unknown")
    return {ALL: _badge(config.dashboard.title, text, worst, whole, voice), **made}


def _file_names(ids: Iterable[str]) -> dict[str, str]:
    """The file of each component, written ones first: a found one whose name is taken has a checksum behind it."""
    names: dict[str, str] = {}
    for id_ in sorted(ids, key=lambda id_: "/" in id_):
        name = id_.replace("/", "_")
        names[f"{name}.svg" if f"{name}.svg" not in names else f"{name}-{crc32(id_.encode()):08x}.svg"] = id_
    return names


def _known(board: Board, component: str) -> Known:
    whole = Known()
    for one in board.days.get(component, ())[-DAYS:]:
        whole = whole.plus(one)
    return whole


def _badge(name: str, state: str, level: str, known: Known, voice: Voice) -> str:
    left, right = voice.clean(name, _NAME), voice.clean(state, _NAME)
    if known.share is not None:
        right += f" · {voice.percent(known.share)}"
    written = voice.word("as_of", at=voice.moment(voice.now).full)
    tip = f"{left}: {right} ({voice.word('last_days', days=DAYS)}), {written}"
    a, b = _width(left), _width(right)
    whole = a + b
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:.0f}" height="20" viewBox="0 0 {whole:.1f} 20"'
        f' role="img" aria-label="{_safe(tip)}">{SIGN}<title>{_safe(tip)}</title>'
        f'<clipPath id="r"><rect width="{whole:.1f}" height="20" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{a:.1f}" height="20" fill="#3d4651"/>'
        f'<rect x="{a:.1f}" width="{b:.1f}" height="20" fill="{_COLORS[level]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,Noto Sans CJK HK,sans-serif" font-size="11">'
        f"{_text(left, 0, a)}{_text(right, a, b)}</g></svg>\n"
    )


def _text(text: str, x: float, width: float) -> str:
    """A text that keeps to its width in whatever letters it is drawn."""
    inner = width - 2 * _PAD
    return (
        f'<text x="{x + _PAD:.1f}" y="14" textLength="{inner:.1f}" lengthAdjust="spacingAndGlyphs">{_safe(text)}</text>'
    )


def _width(text: str) -> float:
    return 2 * _PAD + sum(_WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW for char in text)


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
