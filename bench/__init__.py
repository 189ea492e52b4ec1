"""Benchmarks: what heartbeat costs, beside something run in the same call. `make bench` runs all."""
