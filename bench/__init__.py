"""Benchmarks: what heartbeat costs, as ratios against something run beside it in the same call. `make bench` runs all."""
