"""Times that can be compared: taken in turn, the least of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


def least(actions: Mapping[str, Callable[[], object]], rounds: int, budget: float = 5.0) -> dict[str, float]:
    """The least time of each action over rounds in which each has its turn.

    An action that has used up ``budget`` seconds is not called again; each is called at least once.

    >>> times = least({"few": lambda: sum(range(10)), "many": lambda: sum(range(100_000))}, rounds=3)
    >>> times["few"] < times["many"]
    True
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            if not found[name] or sum(found[name]) < budget:
                found[name].append(seconds(action))
    return {name: min(times) for name, times in found.items()}
