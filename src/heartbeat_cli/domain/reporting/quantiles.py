"""Response times counted in buckets: a quantile of any span is had from sums, of hours, of components, of both.

A bucket is a range of whole microseconds. Up to 64 µs it is one value; above, every doubling is cut into 32 equal
parts, so the middle of a bucket is at most 1/64 (1.6 %) away from what is in it. Integers only: the store counts with
the very same arithmetic in SQL (`store/history/spans.py`), and two stores come to the same buckets. Merging is adding.
"""

from collections.abc import Iterable, Mapping

PARTS = 32  # of a doubling
EXACT = 2 * PARTS  # below this a bucket is one value
DOUBLINGS = 26  # of what a stored response time can be: 2**31 microseconds
ERROR = 1 / (2 * PARTS)  # relative, at most

Sketch = Mapping[int, int]


def bucket_of(microseconds: int) -> int:
    """The bucket of a response time."""
    shift = max(0, microseconds.bit_length() - EXACT.bit_length() + 1)
    return shift * PARTS + (microseconds >> shift)


def bounds(bucket: int) -> tuple[int, int]:
    """The first value of a bucket and the first one after it, in microseconds."""
    if bucket < EXACT:
        return bucket, bucket + 1
    shift = bucket // PARTS - 1
    first = (bucket - shift * PARTS) << shift
    return first, first + (1 << shift)


def sketch(microseconds: Iterable[int]) -> dict[int, int]:
    """Single values, counted."""
    found: dict[int, int] = {}
    for one in microseconds:
        bucket = bucket_of(one)
        found[bucket] = found.get(bucket, 0) + 1
    return found


def merged(sketches: Iterable[Sketch]) -> dict[int, int]:
    """Several as one."""
    found: dict[int, int] = {}
    for one in sketches:
        for bucket, count in one.items():
            found[bucket] = found.get(bucket, 0) + count
    return found


def quantile(counted: Sketch, share: float, least: int | None = None, most: int | None = None) -> int | None:
    """The value (microseconds) that `share` of all do not exceed: the one of rank ceil(share * number), within `ERROR`
    of the true one, and never outside of `least` and `most`. None when nothing was counted."""
    number = sum(counted.values())
    if not number:
        return None
    rank = max(1, -int(-share * number // 1))
    for bucket in sorted(counted):
        rank -= counted[bucket]
        if rank <= 0:
            first, after = bounds(bucket)
            value = (first + after - 1) // 2
            value = value if least is None else max(value, least)
            return value if most is None else min(value, most)
    raise AssertionError("unreachable")
