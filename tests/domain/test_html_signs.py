"""Signs of HTML, escaped and read as Python's own module `html` does."""

import html
import random
import subprocess
import sys

from heartbeat_cli.domain import html_signs

PIECES = ["&", ";", "#", "amp", "&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#34;", "&#x27;", "&#X27;", "&#39", "&lt"]
PIECES += ["&amp", "&eacute;", "&notit;", "&#0;", "&#x110000;", "<", ">", '"', "'", "a", " ", "網", "\n", "x27;", "39;"]


def test_it_does_what_the_library_does() -> None:
    draw = random.Random(1)
    for _ in range(20_000):
        text = "".join(draw.choices(PIECES, k=draw.randrange(8)))
        assert html_signs.unescape(text) == html.unescape(text), text
        assert html_signs.escape(text) == html.escape(text)
        assert html_signs.escape(text, quote=False) == html.escape(text, quote=False)
        assert html_signs.unescape(html_signs.escape(text)) == text


def test_its_own_signs_need_no_library() -> None:
    code = """
import sys
from heartbeat_cli.domain.html_signs import unescape
assert unescape("&amp;&lt;&gt;&quot;&#34;&#39;&#x27;") == "&<>\\"\\"''"
assert "html" not in sys.modules
assert unescape("&eacute;") == "é"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
