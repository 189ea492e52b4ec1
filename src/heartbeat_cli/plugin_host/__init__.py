"""Plug-ins of other packages: which are installed, and the process of its own that each kind of them runs in."""
