"""Fixtures live with the real parts they start, in `tests/parts/`."""

pytest_plugins = ["tests.parts.docker", "tests.parts.postgres", "tests.parts.systemd", "tests.parts.postgres_container"]
