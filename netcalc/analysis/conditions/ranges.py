"""Ranges of numbers, rising and with gaps between, and numbers of one remainder in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

Interval = tuple[int, "int | None"]  # the least and the greatest value, None for no greatest
Ranges = tuple[Interval, ...]  # rising, with gaps between


def joined(ranges: Iterable[Interval], step: int = 1) -> Ranges:
    """The same as rising ranges with gaps between: those that meet as one."""
    found: list[Interval] = []
    for low, high in sorted(ranges, key=itemgetter(0)):
        least, most = found[-1] if found else (low, low - step - 1)
        if most is not None and most + step < low:
            found.append((low, high))
        else:
            found[-1] = (least, None if most is None or high is None else max(most, high))
    return tuple(found)


def in_common(some: Ranges, others: Ranges) -> Ranges:
    """What two lists of ranges have in common.

    >>> in_common(((1, 4), (6, None)), ((3, 9),))
    ((3, 4), (6, 9))
    """
    found: list[Interval] = []
    for low, high in some:
        for least, most in others:
            end = most if high is None else high if most is None else min(high, most)
            if end is None or max(low, least) <= end:
                found.append((max(low, least), end))
    return tuple(found)


def of_remainder(ranges: Ranges, r: int, period: int) -> Iterator[Interval]:
    """Ranges from and to a number of this remainder."""
    for low, high in ranges:
        low += (r - low) % period
        high = high if high is None else high - (high - r) % period
        if high is None or low <= high:
            yield low, high


def least_passing(test: Callable[[int], bool], first: int, last: int) -> int:
    """The least number that passes a test that all greater ones pass too, last + 1 if there is none.

    >>> least_passing(lambda n: n * n >= 10**12, 1, 10**30)
    1000000
    """
    high, step = first, 1
    while high <= last and not test(high):
        first, high, step = high + 1, high + step, 2 * step
    high = min(high, last + 1)
    while first < high:
        middle = (first + high) // 2
        first, high = (first, middle) if test(middle) else (middle + 1, high)
    return first
