"""Keep secrets out of everything that is shown: what counts as one, and how it is blotted out.

Known secrets are blotted by value; what only looks like one is the safety net below that. No pattern may take more
than a little longer for twice the text: what is redacted comes from outside.
"""

import re
from collections.abc import Iterable
from functools import cache

BLOT = "•••"
_SECRET_KEYS = (
    *("token", "password", "passphrase", "secret", "authorization", "cookie"),
    *("api_key", "api-key", "apikey", "ping_url", "apprise_url"),
)
# What is sent, or given to a program: it may hold a secret under any name, and where it is shown it is shown without.
SENT = frozenset({"headers", "body", "env"})
# Keys whose value is a name that messages need, or a place, and that may all the same come from `env:` or `file:`.
_NAME_KEYS = {
    *("observer", "healer", "name", "group", "title", "reason", "unit", "container", "depends_on", "components"),
    *("names", "channels", "fallback", "timezone", "strategy", "locale", "mode", "severity", "reference"),
    *("state_dir", "templates", "scripts", "folder", "file", "badges", "cwd", "ca_file", "cert_file"),
}
_TOKEN, _LONG = 8, 16  # signs of a word with letters and figures, and of any, that is a secret in a secret address
_SHORTEST = 4  # a shorter secret would blot out half of every text

# To the last @ before the path: a password may hold an @ that should have been written %40.
_USERINFO = r"(?i)(?P<head>\b[a-z][a-z0-9+.-]{0,30}://[^\s/@:]*:)(?P<secret>[^\s/]+)(?=@)"
# A key as the user of a login, its password empty or not there, as many services take it. What else has users, such as
# a database, gives them names. How long it has to be: as `_is_token` says.
_IN_USER = r"[^\s/?#@:\"<>]"
_USER = (
    rf"(?i)(?P<head>\bhttps?://)(?P<secret>{_IN_USER}{{{_LONG},}}"
    rf"|(?={_IN_USER}*[0-9])(?={_IN_USER}*[^\W\d_]){_IN_USER}{{{_TOKEN},}})(?=(?::[^\s/?#\"<>]*)?@)"
)
_ASSIGNED = (
    r"(?i)(?P<head>(?:password|passwd|passphrase|secret|token|api[_-]?key)[\"']?\s{0,9}"
    r"(?:=|:(?!\s{0,9}[a-z]{1,30}\s[a-z]))\s{0,9})"  # `/run/secret: No such file` is prose
    r"(?P<secret>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,'\"]+)"
)
# `basic authentication` is no secret: one has more than small letters.
_BEARER = r"(?P<head>\b(?i:bearer|basic)\s{1,9})(?=[a-z]*[^a-z\s])(?P<secret>[A-Za-z0-9._~+/=-]{8,})"
_BOT = r"(?P<head>/bot)(?P<secret>\d+:[A-Za-z0-9_-]+)"
# Each with small letters of which any match holds one: an ordinary text costs no search, nor compiling a pattern.
_PATTERNS = (
    (("@",), _USERINFO),
    (("@",), _USER),
    (("pass", "secret", "token", "key"), _ASSIGNED),
    (("bearer", "basic"), _BEARER),
    (("/bot",), _BOT),
)
_WORDS = tuple(word for words, _ in _PATTERNS for word in words)


@cache
def is_secret(key: str) -> bool:
    """Whether what stands under this key is never shown."""
    small = key.casefold()
    return any(word in small for word in _SECRET_KEYS)


def keys_of(where: str) -> list[str]:
    """The keys in the place of a setting, without the section and the id, which the user has chosen:
    `components.token-store.headers.X[0]` has `headers` and `X`."""
    section, *keys = (part.partition("[")[0] for part in where.split("."))
    return keys[1:] if section in ("components", "channels") else keys


def is_name(key: str) -> bool:
    """Whether what stands under this key of a section, component or channel is no secret, wherever it comes from."""
    return key in _NAME_KEYS


def secret_parts(text: str) -> set[str]:
    """The passwords and tokens standing inside a longer value such as a DSN, a URL or a header with a login."""
    found = set()
    for pattern in _worth_trying(text):
        for match in re.finditer(pattern, text):
            found.add(secret := match["secret"].strip("'\""))
            found.add(re.sub(r"\\(.)", r"\1", secret))  # as a DSN quotes it
            if match["head"][:5].lower() == "basic":
                found |= _login(match["secret"])
    return found


def _login(written: str) -> set[str]:
    """The password of a login as HTTP's header `Authorization: Basic …` has it, and its user if that is a token."""
    from binascii import a2b_base64

    try:
        raw = a2b_base64(written.rstrip("=") + "==")
    except ValueError:
        return set()
    try:
        login = raw.decode()
    except UnicodeDecodeError:
        login = raw.decode("latin-1")
    user, colon, password = login.partition(":")
    found = {password, user} if _is_token(user) else {password}
    return found - {""} if colon else set()


def worth_hiding(secrets: Iterable[str]) -> frozenset[str]:
    """Those that are long enough to be told from ordinary words."""
    return frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with known secrets, in whatever encoding, and whatever looks like one, blotted out.

    A text may have been shortened before: the end of it that is the beginning of a secret goes, too. A `Text` stays one
    where its values alone hold what is blotted out."""
    if type(text) is not str and hasattr(text, "mapped"):  # this stands below domain/text.py
        return str(text.mapped(lambda part: redact(part, secrets)))
    if secrets and text:
        text = _without(text, secrets if isinstance(secrets, frozenset) else frozenset(secrets))
    for pattern in _worth_trying(text):
        text = re.sub(pattern, lambda match: match["head"] + BLOT, text)
    return text


def are_harmless(texts: Iterable[str]) -> bool:
    """Whether `redact` would leave all these texts as they are where no secrets are known, as it does nearly always:
    asked of all at once, because a pass has thousands."""
    return not _worth_trying("\n".join(texts))


def _without(text: str, secrets: frozenset[str]) -> str:
    """`text` with every form of the secrets blotted out; forms that overlap are one."""
    from heartbeat_cli.secret_forms import forms_of
    from heartbeat_cli.secret_readings import readings

    forms = forms_of(secrets)
    spans = list(forms.spans(text))
    for reading in readings(text):
        spans += reading.places(forms.spans(reading.text))
    parts: list[str] = []
    end = 0
    for first, last in sorted(spans):
        if first > end or not parts:
            parts += [text[end:first], BLOT]
        elif first == end:
            parts += [BLOT]
        end = max(end, last)
    return "".join([*parts, text[end:]])


def _worth_trying(text: str) -> list[str]:
    """The patterns that may match. Beyond ASCII a letter has more kin (the long s is one of s): there all may."""
    if not text.isascii():
        return [pattern for _, pattern in _PATTERNS]
    small = text.lower()
    for word in _WORDS:
        if word in small:
            break
    else:
        return []
    return [pattern for words, pattern in _PATTERNS if _holds(small, words)]


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - any() takes three times as long, and every text of every look comes by here
        if word in text:
            return True
    return False


def pieces(address: str) -> frozenset[str]:
    """Every word of an address that is a secret as a whole, as written and as meant: for errors about it."""
    words = set(re.split(r"[/?#&=:@,;\s]+", address))
    if "%" in address:
        from urllib.parse import unquote

        words |= {unquote(word) for word in words}
    return worth_hiding(words)


def tokens(address: str) -> set[str]:
    """The words before and behind the host of a secret address that are secrets by themselves, such as its user, or
    those of a webhook: who answers there may repeat them. Ordinary words (`admin`, `health`) are none: they stand in
    other texts, too."""
    place, *behind = re.split("[/?#]", address.partition("://")[2], maxsplit=1)
    return {word for word in pieces("/".join([place.rpartition("@")[0], *behind])) if _is_token(word)}


def words_of(value: str, where: str) -> set[str]:
    """The words of a secret value that are secrets by themselves, since who is asked may repeat them alone: of an
    address those of `tokens`; of what stands under a secret key (`where`), or is sent, any such word, such as the value
    of a cookie, the key in `AWS ID:KEY`, and that in `ApiKey` and both in base64. Of other values, such as a DSN with a
    host and a database, none."""
    found = tokens(value) if "://" in value else set[str]()
    key = where.rpartition(".")[2]
    is_address = key != "apprise_url" and re.fullmatch(r"[A-Za-z][\w+.-]*://\S+", value) is not None
    if SENT.isdisjoint(keys_of(where)) and (is_address or not is_secret(key)):
        return found
    words = {*pieces(value), *re.split(r"[^\w%+~-]+", value)}
    found |= {word for word in words if _is_token(word)}
    for word in value.split():
        login = _login(word)
        if all(one.isascii() and one.isprintable() for one in login):  # else it was something else in base64
            found |= login
    return found


def _is_token(word: str) -> bool:
    if len(word) >= _LONG:
        return True
    return len(word) >= _TOKEN and any("0" <= sign <= "9" for sign in word) and any(map(str.isalpha, word))
