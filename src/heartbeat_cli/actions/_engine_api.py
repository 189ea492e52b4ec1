"""The Docker SDK's client over guarded connections: an Engine, or what poses as one, is bounded in bytes and time."""

from typing import Any

import requests
from docker import APIClient
from docker.utils import config as _files

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http.guarded import Guard as _Guard
from heartbeat_cli.http.guarded import TooMuch

_MOST_BYTES = 1_048_576  # of any answer but the list of all containers
_MOST_LISTED = 200_000  # values in that


def _no_file(config_path: str | None = None) -> None:
    """No ~/.docker/config.json: nothing that is asked of an Engine here needs it, $HOME need not be ours (`sudo -E`),
    and a pipe in its place would be waited for."""


_files.find_config_file = _no_file  # type: ignore[assignment]


class Guard(_Guard):
    """Reads every answer as a whole, since the SDK would read it without a bound."""

    def send(self, request: Any, *values: Any, **named: Any) -> requests.Response:
        response = super().send(request, *values, **named)
        most_bytes, most_values = _MOST_BYTES, docker_host.MOST_VALUES
        if request.path_url.partition("?")[0].endswith("/containers/json"):
            most_bytes, most_values = self._most, _MOST_LISTED
        content = self.body(response, most_bytes + 1)
        if len(content) > most_bytes:
            response.close()
            raise TooMuch(Text("it sent more than {n:,} bytes", n=most_bytes))
        if foreign_json.values(content) > most_values:
            raise TooMuch(Text("it sent more than {n:,} values", n=most_values))
        response._content = content
        response.encoding = "utf-8"  # else it would be guessed, which takes long
        return response


class Api(APIClient):
    """The SDK's client; neither proxies and passwords of the environment nor redirects count."""

    def __init__(self, guard: Guard, **named: Any) -> None:
        self._guard = guard
        super().__init__(**named)

    def get_adapter(self, url: str) -> Guard:
        return self._guard

    def request(self, *values: Any, **named: Any) -> requests.Response:
        self.trust_env = False  # after the SDK has made it anew, before its first request
        return super().request(*values, **named)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: another server is not the Engine."""
