"""Operations by kind: the ledger added up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netcalc.dims import Dim, text, total
from netcalc.layers.base import KINDS, Line, Uncounted, Work

_KINDS = frozenset(KINDS)


class Ops(Mapping[str, Dim]):
    """How many scalar operations of each kind; each kind is an attribute too. Kinds that do not occur count 0.

    >>> ops = Ops({"mul": 131584, "add": 131584, "max": 512})
    >>> ops.mul, ops.exp, ops.total
    (131584, 0, 263680)
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[str, Dim]) -> None:
        self._counts = {kind: counts[kind] for kind in KINDS if kind in counts and not _is_zero(counts[kind])}
        if unknown := counts.keys() - _KINDS:
            raise KeyError(f"no such kind of operation: {', '.join(sorted(unknown))}")

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Ops:
        """The sums of a ledger's lines."""
        counts: dict[str, Dim] = {}
        for line in lines:
            counts[line.kind] = counts.get(line.kind, 0) + line.count
        return cls(counts)

    @classmethod
    def sum(cls, many: Iterable[Ops]) -> Ops:
        """The kind-by-kind sum."""
        counts: dict[str, list[Dim]] = {}
        for ops in many:
            for kind, count in ops._counts.items():
                counts.setdefault(kind, []).append(count)
        return cls({kind: total(parts) for kind, parts in counts.items()})

    def times(self, factor: int) -> Ops:
        """Each kind so many times.

        >>> Ops({"mul": 3, "max": 1}).times(2)
        Ops(mul=6, max=2)
        """
        return self if factor == 1 else Ops({kind: count * factor for kind, count in self._counts.items()})

    @property
    def total(self) -> Dim:
        """All kinds together, each counted 1: the textbook FLOPs."""
        return total(self._counts.values())

    def __getitem__(self, kind: str) -> Dim:
        return self._counts[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __getattr__(self, kind: str) -> Dim:
        if kind in KINDS:
            return self._counts.get(kind, 0)
        raise AttributeError(f"no such kind of operation: {kind!r}; there are {', '.join(KINDS)}")

    def __repr__(self) -> str:
        return f"Ops({', '.join(f'{kind}={text(count)}' for kind, count in self.items())})"


def _is_zero(count: Dim) -> bool:
    return isinstance(count, int) and count == 0


def touching(figure: str, uncounted: Iterable[Uncounted]) -> tuple[Uncounted, ...]:
    """What of the uncounted is missing in a figure: all of it in the FLOPs, what may be of a kind in that kind.

    >>> names = [Uncounted("what overlaps", "add")]
    >>> touching("add", names), touching("mul", names), touching("flops", names)
    (('what overlaps',), (), ('what overlaps',))
    """
    return tuple(name for name in uncounted if figure == "flops" or figure in name.kinds)


def lower_bounds(uncounted: Iterable[Uncounted]) -> tuple[str, ...]:
    """The figures that are only lower bounds: the FLOPs and the kinds that something uncounted may be of."""
    names = tuple(uncounted)
    return tuple(figure for figure in ("flops", *KINDS) if touching(figure, names))


def by_kind(ops: Ops, uncounted: Iterable[Uncounted]) -> Iterator[tuple[str, Dim, tuple[Uncounted, ...]]]:
    """Each kind with its count, and what is uncounted of it: a kind of which nothing is counted counts 0 then.

    >>> [(kind, count, bool(names)) for kind, count, names in by_kind(Ops({"mul": 9}), [Uncounted("sums", "add")])]
    [('mul', 9, False), ('add', 0, True)]
    """
    names = tuple(uncounted)
    known = {kind for name in names if name.kinds != KINDS for kind in name.kinds}
    yield from ((kind, ops.get(kind, 0), touching(kind, names)) for kind in KINDS if kind in ops or kind in known)


def scaled(work: Work, batch: Dim | None) -> Work:
    """The work of a whole batch: every line once a sample."""
    if batch is None or (isinstance(batch, int) and batch == 1):
        return work
    lines = tuple(Line(line.label, line.kind, (batch, *line.factors)) for line in work.lines)
    return work._replace(lines=lines, macs=batch * work.macs)
