"""psycopg2 without what heartbeat has no use for."""

import sys
import threading
from types import ModuleType

from heartbeat_cli.system import lean_import


class _NoDecimal(ModuleType):
    class Decimal:
        """Of no value ever."""


class _NoRange(ModuleType):
    Range = None


def driver() -> ModuleType:
    """psycopg2, imported at half of its cost while this is the only thread.

    Its C part imports `ssl`, uses nothing of it and only means to have Python's locks installed for an
    OpenSSL older than 1.1. Its Python part registers how a Decimal and a Range are sent, which heartbeat never does.
    Stubs satisfy it; other threads must not catch sight of them. Where they do not, psycopg2 is imported as it is.
    """
    if "psycopg2" not in sys.modules:
        from heartbeat_cli.postgres import foreign_files

        foreign_files.shut_out()
    if "psycopg2" in sys.modules or threading.active_count() > 1:
        import psycopg2

        return psycopg2
    return lean_import.without("psycopg2", ModuleType("ssl"), _NoDecimal("decimal"), _NoRange("psycopg2._range"))
