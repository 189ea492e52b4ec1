"""This Python and heartbeat in a container whose image has neither: mounted read-only, as /usr/local/bin/heartbeat."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg2

from tests.parts import lacking

_TREE = Path(__file__).parents[2]
PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"  # in the container
_PROGRAM = f"""#!/bin/sh
export PYTHONPATH=/opt/heartbeat/src:/opt/site-packages PYTHONDONTWRITEBYTECODE=1
export LD_LIBRARY_PATH=/opt/python/lib:/opt/lib
exec {PYTHON} -m heartbeat_cli "$@"
"""


def mounts(folder: Path, image: str) -> tuple[str, ...]:
    """Options of `docker run`; the program is kept in `folder`. Skips the test where this Python does not run in it."""
    program = folder / "heartbeat-program"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    folders = {
        sys.base_prefix: "/opt/python",
        str(Path(psycopg2.__file__).parents[1]): "/opt/site-packages",
        f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}": "/opt/lib",
        str(_TREE): "/opt/heartbeat",
        str(program): "/usr/local/bin/heartbeat",
    }
    options = tuple(f"--volume={here}:{there}:ro" for here, there in folders.items())
    argv = ["docker", "run", "--rm", "--network=none", *options, image, "heartbeat", "--version"]
    tried = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if tried.returncode != 0:
        lacking(f"this Python does not run in the image {image}: {tried.stderr[-300:]}")
    return options
