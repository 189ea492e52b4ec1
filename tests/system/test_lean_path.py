"""pathlib as `cli` imports it: without urllib.parse, and whole."""

import subprocess
import sys


def test_a_path_is_whole_without_the_module_that_it_needs_for_addresses() -> None:
    code = (
        "import sys; before = set(sys.modules); from heartbeat_cli.system import lean_path; from pathlib import Path;"
        "new = set(sys.modules) - before; print('urllib.parse' in new, 'ipaddress' in new);"
        "print(Path('/a b/ü').as_uri()); import urllib.parse; print(urllib.parse.quote('a b'), urllib.parse.urlsplit)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code.replace("import sys;", f"import sys; sys.path = {sys.path!r};", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert first == "False False"
    assert second == "file:///a%20b/%C3%BC"
    assert third.startswith("a%20b ")
