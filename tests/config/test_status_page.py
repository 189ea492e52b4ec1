"""`[status_page]`: what it refuses, which components it stands for, and how they are called."""

import tomllib

import pytest

from heartbeat_cli.config import load, status_page
from heartbeat_cli.config.groups import Found
from heartbeat_cli.errors import ConfigError

COMPONENTS = """
[components.api-token]
kind = "tcp"
host = "localhost"
port = 1
name = "Token service on db-3"
[components.db]
kind = "tcp"
host = "localhost"
port = 2
[components.worker-1]
kind = "tcp"
host = "localhost"
port = 3
[components.boxes]
kind = "docker"
match = { name = "shop-*" }
"""


def config(page: str) -> load.Config:
    def found(*_: object) -> Found:
        return Found({"boxes": ["shop-web", "shop-queue"]})

    return load.load(tomllib.loads(f"[status_page]\n{page}\n{COMPONENTS}"), "heartbeat.toml", find=found)


def names(page: str) -> list[str]:
    made = config(page)
    return [status_page.public_name(made, one) for one in status_page.shown(made).values()]


def test_without_a_list_it_shows_what_is_written_and_nothing_that_was_found() -> None:
    assert names('file = "/srv/status.html"') == ["Token service on db-3", "db", "worker-1"]


def test_the_list_says_which_and_in_which_order() -> None:
    assert names('components = ["worker-*", "boxes/*", "db", "tcp"]') == [
        *("worker-1", "shop-queue", "shop-web", "db", "Token service on db-3")
    ]


def test_a_public_name_goes_before_the_components_own_and_is_no_secret_whatever_the_id() -> None:
    page = 'components = ["api-token", "boxes/shop-web"]\nnames = { api-token = "Sign in", "boxes/shop-web" = "Shop" }'
    assert names(page) == ["Sign in", "Shop"]
    assert "Sign in" not in config(page).secrets


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        ('file = "/srv/feed.atom"', ["status_page.file: expected the path of a page; feed.atom and status.json are"]),
        ('file = "/srv/status.json"', ["status_page.file: expected the path of a page"]),
        ('file = "/srv/a.html"\n[dashboard]\nfile = "/srv/a.html"', ["status_page.file: is the file of [dashboard]"]),
        ('file = "/dev/stdout"', ["status_page.file: expected the path of a page"]),
        ('url = "status.example.org"', ['status_page.url: expected https://host/path, got "status.example.org"']),
        ('url = "https://ann:pw@status.example.org/"', ["status_page.url: expected https://host/path"]),
        ('url = "https://status.example.org/\'><b"', ["status_page.url: expected https://host/path"]),
        ('components = ["dbx"]', ['status_page.components: no component "dbx"']),
        ('names = { wrker-1 = "Worker" }', ['status_page.names.wrker-1: no component "wrker-1"']),
        ('names = { "worker-*" = "Worker" }', ['status_page.names.worker-*: no component "worker-*"']),
        ('names = { db = " " }', ["status_page.names.db: expected some text on one line"]),
        ("names = { db = 7 }", ["status_page.names.db: expected a string, got 7"]),
        ('titel = "Status"', ["status_page.titel: unknown key"]),
        ('title = "a\\nb"', ["status_page.title: expected some text on one line"]),
    ],
)
def test_mistakes_are_named(page: str, lines: list[str]) -> None:
    with pytest.raises(ConfigError) as failed:
        config(page)
    assert len(failed.value.problems) == len(lines)
    for found, line in zip(failed.value.problems, lines, strict=True):
        assert found.startswith(f"heartbeat.toml: {line}")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://status.example.org", "status.example.org"),
        ("http://Status.Example.org:8080/a/status.html", "status.example.org"),
        ("https://status.example.org/?q", None),
        ("https://[::1]/", None),
        ("ftp://status.example.org/", None),
    ],
)
def test_the_host_of_the_page(url: str, host: str | None) -> None:
    assert status_page.host_of(url) == host
