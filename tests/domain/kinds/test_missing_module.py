"""The module that a program could not load."""

import pytest

from heartbeat_cli.domain.kinds import missing_module


@pytest.mark.parametrize(
    ("said", "module"),
    [
        ("ModuleNotFoundError: No module named 'tools.search'", "tools.search"),
        ("ModuleNotFoundError: no module named tools", "tools"),
        ("Error: Cannot find module '@acme/agent'", "@acme/agent"),
        ("ImportError: cannot import name x", ""),
        ("", ""),
    ],
)
def test_the_module_is_named_as_the_program_names_it(said: str, module: str) -> None:
    assert missing_module.of(said) == module
