"""From checks to states: thresholds, flapping, dependencies, quorum."""
