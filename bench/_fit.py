"""How a cost grows: the exponent of the power that fits it best, by least squares on logarithms."""

import math
from collections.abc import Mapping


def exponent(costs: Mapping[int, float]) -> float:
    """The `b` of `a * n ** b` for the costs by number: 0 where they stay the same, 1 where they are linear, 2 where
    they are quadratic."""
    points = [(math.log(number), math.log(cost)) for number, cost in costs.items() if cost > 0]
    x, y = (sum(one) / len(points) for one in zip(*points, strict=True))
    return float(sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points))
