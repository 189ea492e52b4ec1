"""The feed (Atom, RFC 4287) of the page that everybody may see: an entry for each incident, with its start and end.

Ids are tag URIs (RFC 4151) of the host in `url` and what stands for the incident in the document; where no address is
configured, of a name that can be nobody's. They never change while that address and the store stay.
"""

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote, urljoin

from heartbeat_cli.config.status_page import FEED, host_of
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.reporting.status_page import Facts
from heartbeat_cli.views.rows import iso
from heartbeat_cli.views.status_data import key_of
from heartbeat_cli.views.status_page import at, minute
from heartbeat_cli.views.status_words import word
from heartbeat_cli.views.voice import Voice

_ENTRIES = 100  # the newest
_NOBODY = "heartbeat.invalid"
_MINTED = "2026"  # a day on which the host was the user's: tag URIs want one


def feed(tree: Mapping[str, Any], facts: Facts, config: Config, voice: Voice) -> str:
    """The document as XML."""
    url, name = config.status_page.url, (config.status_page.file or "status.html").rpartition("/")[2]
    page = url or quote(name)
    own = urljoin(url, FEED) if url else FEED
    authority = (url and host_of(url)) or _NOBODY
    newest = sorted(tree["incidents"], key=lambda one: (one["changed"], one["id"]), reverse=True)[:_ENTRIES]
    updated = newest[0]["changed"] if newest else iso(facts.midnights[0])
    entries = "".join(_entry(one, page, authority, voice) for one in newest)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{escape(tree["language"])}">\n'
        f"<id>tag:{authority},{_MINTED}:{key_of(facts, 'feed')}</id>\n"
        f"<title>{escape(tree['title'])}</title>\n"
        f"<updated>{updated}</updated>\n"
        f"<author><name>{escape(tree['title'])}</name></author>\n"
        "<generator>heartbeat</generator>\n"
        f'<link rel="self" type="application/atom+xml" href="{escape(own)}"/>\n'
        f'<link rel="alternate" type="text/html" href="{escape(page)}"/>\n'
        f"{entries}</feed>\n"
    )


def _entry(one: Mapping[str, Any], page: str, authority: str, voice: Voice) -> str:
    start, span = minute(at(one["started"]), voice), voice.span(one["down_seconds"])
    if one["ended"] is None:  # its length would be another one at every writing
        title = word("feed_down", voice.locale, name=one["name"])
        text = word("feed_began", voice.locale, start=start)
    else:
        title = word("feed_over", voice.locale, name=one["name"], span=span)
        ended = word("feed_ended", voice.locale, start=start, end=minute(at(one["ended"]), voice), span=span)
        outcome = word("sentence", voice.locale, text=word(one["outcome"], voice.locale))
        text = f"{ended} {outcome}"
    return (
        "<entry>\n"
        f"<id>tag:{authority},{_MINTED}:{one['id']}</id>\n"
        f"<title>{escape(title)}</title>\n"
        f"<published>{one['declared']}</published>\n"
        f"<updated>{one['changed']}</updated>\n"
        f'<link rel="alternate" type="text/html" href="{escape(page)}#i-{one["id"]}"/>\n'
        f'<content type="text">{escape(text)}</content>\n'
        "</entry>\n"
    )
