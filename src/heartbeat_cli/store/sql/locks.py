"""The numbers of PostgreSQL's advisory locks that heartbeat takes, all in one place, so that no two are the same.

They are shared by all hosts and versions that use a store: a number that is in use must not change.
"""

SCHEMA = 7_230_114  # two first starts take turns to make the tables
DETECTION = 7_230_115  # the detections of all observers take turns
RECOVERY = 7_230_116  # those who would begin a recovery step take turns
ROLLUP = 7_230_117  # one process at a time rolls up
PARTITIONS = 7_230_118  # one pass makes the day's partitions
