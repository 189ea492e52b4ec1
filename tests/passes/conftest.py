"""Everything here runs on both stores."""

from tests.parts.stores import store, store_url

__all__ = ["store", "store_url"]
