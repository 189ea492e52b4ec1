"""ntfy, Slack, Discord, Matrix, Pushover and a hundred other services, through the Apprise library.

The address says which service, where and as whom, such as ntfys://ntfy.sh/my-topic or slack://tokenA/tokenB/tokenC/#ops;
all of them: https://appriseit.com/services/. Use one address for each channel, so that what one service took is not
sent to it again because another did not. A text that is too long for the service is cut at its end, unless the
address says ?overflow=split. Apprise is optional: install heartbeat with its extra `apprise`.

    [channels.phone]
    kind = "apprise"
    apprise_url = "file:/etc/heartbeat/ntfy.url"
"""

import json
import os
import re
import sys
from typing import Any

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.http import proxies
from heartbeat_cli.redact import pieces, redact

_LACKING = "the package apprise is not installed: pip install 'heartbeat-cli[apprise]'"
_ADDRESS = re.compile(r"([a-z][a-z0-9_+.-]*)://\S.*", re.I)
_MENDABLE = 300.0  # seconds until the next try of what a person has to mend first
_GOOD = ("recovered", "degraded_ended", "observer_sees", "store_restored", "observed_again")
_TYPES = {"low": "info", "medium": "warning", "high": "failure", "severe": "failure"}


class Settings(Record):
    """The service.

    apprise_url: address of the service as Apprise writes it; a secret, so best as "file:PATH"
    proxy: proxy to go through; default: that of [heartbeat]
    """

    apprise_url: str
    proxy: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    if _ADDRESS.fullmatch(settings.apprise_url.strip()):
        return []
    return [("apprise_url", "expected an address as Apprise writes it, such as ntfys://ntfy.sh/my-topic")]


def unavailable() -> str:
    """What is not there that this kind needs; empty when all is."""
    from importlib.util import find_spec

    return "" if find_spec("apprise") else _LACKING


def send(settings: Settings, message: Message, *, timeout: float) -> None:
    """Hand it to Apprise; raises DeliveryError when the service did not take it.

    Apprise bounds neither the time nor the memory that a service takes, so it runs in a process of its own."""
    url = settings.apprise_url.strip()
    kind = "success" if message.type in _GOOD else _TYPES[message.severity]
    asked = {"url": url, "kind": kind, "title": message.headline, "body": message.text or message.title}
    said = _in_a_process({**asked, "timeout": timeout}, timeout, settings.proxy)
    if said is None:
        raise DeliveryError(f"no answer within {round(timeout, 1):g} s", retryable=True, unsure=True)
    if not said.get("taken"):
        raise _trouble(said, url)


def _in_a_process(asked: dict[str, Any], timeout: float, proxy: str | None) -> dict[str, Any] | None:
    """What became of it; None when that was not known in time."""
    import subprocess

    argv = [sys.executable, "-P", "-m", "heartbeat_cli.channels._apprise_child"]
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_environment(proxy), start_new_session=True
    )
    try:
        out, _ = child.communicate(json.dumps(asked).encode(), timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        child.kill()
        child.wait()
        for end in (child.stdin, child.stdout):
            if end is not None:
                end.close()
    try:
        said: dict[str, Any] = json.loads(out)
    except ValueError:
        return {"trouble": "failed", "error": f"it ended with {child.returncode}"}
    return said


def _environment(proxy: str | None) -> dict[str, str]:
    """The small one of every program that is started, where to find certificates and packages, and no proxy but this.
    The passwords of ~/.netrc are not read; heartbeat comes from where it is."""
    from heartbeat_cli.system import process, roots

    kept = roots.for_programs()
    if proxy not in (None, proxies.NONE):
        kept |= {"http_proxy": str(proxy), "https_proxy": str(proxy), "no_proxy": "localhost,127.0.0.0/8,::1"}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), root)))
    return process.minimal_env({**kept, "NETRC": os.devnull, "PYTHONPATH": path})


def _trouble(said: dict[str, Any], url: str) -> DeliveryError:
    trouble, heard = said["trouble"], said.get("heard") or []
    if trouble == "lacking":
        return DeliveryError(_LACKING, retryable=True, retry_after=_MENDABLE, lasting=True)
    if trouble == "address":
        scheme = url.partition("://")[0]
        return DeliveryError(f"not an address of Apprise ({scheme}://…){_said(heard, url)}", retryable=False)
    if trouble == "failed":
        return DeliveryError(f"Apprise failed: {one_line(str(said['error']), 60)}", retryable=True, unsure=True)
    return DeliveryError(f"{said['service']} did not take it{_said(heard, url)}", retryable=True, unsure=True)


def _said(heard: list[str], url: str) -> str:
    """The first of what it said, which is the cause; nothing of the address shows in it."""
    return f": {one_line(redact(heard[0], pieces(url.partition('://')[2])), 200)}" if heard else ""
