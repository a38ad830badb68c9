"""Sums over samples: ``Σ_i (wᵀ x_i + b − y_i)²``, where ``x_i`` is row i of x and ``y_i`` is entry i of y.

What stands under the sum is computed for all samples at once, as one array whose first axis is i: ``wᵀ x_i`` is
``x w``, ``W x_i`` is ``x Wᵀ``. A name without the index is the same for every sample: beside numbers a number, beside
vectors a vector or a number. What cannot be said so is refused: never is an index dropped.
"""

from __future__ import annotations

from typing import Any, Iterator, NoReturn

from netcalc.dims import symbol
from netcalc.equations.arrays import Array
from netcalc.equations.base import size_of
from netcalc.equations.conditions import usual
from netcalc.equations.exact import Exact
from netcalc.equations.operations import DEFINED, ElementLoss, Elementwise, Pairwise, operation
from netcalc.equations.solver import Shape
from netcalc.equations.syntax import Apply, Expression, Name, Number
from netcalc.equations.syntax import text as written
from netcalc.errors import SpecError

Sample = tuple[int, int]
"""A node and how many axes it has for each sample; −1 for what is the same for every sample."""
SAME = -1
REDUCING = ("sum", "mean", "prod", "amax", "amin", "norm", "sqnorm")
_LINEAR = ("add", "sub", "neg")


def total(builder: Any, expression: Apply) -> int:
    """The node of ``Σ_i …``."""
    return _Samples(builder, expression).total(expression.arguments[0])


def weighted_rows(builder: Any, expression: Apply) -> int | None:
    """``Σ_j a_j h_j``, where ``h_j`` is row j of h, is the vector ``aᵀ h``; a sum of numbers is left alone."""
    letter, operand = expression.option("index"), expression.arguments[0]
    for name in unreduced(operand):
        if name.name in expression.option("matrices", "").split() and builder.rank(builder.leaf(name)) < 2:
            raise SpecError(
                "wrong-rank", f"{name.name} has two indices and less than two axes", expected="a matrix",
                found=name.name, span=name.span, source=builder.source,
            )  # fmt: skip
    names = {name.name: name for name in unreduced(operand)} if letter else {}
    ranks = {name: builder.rank(builder.leaf(one)) for name, one in names.items()}
    if scalar := next((name for name, rank in ranks.items() if not rank), ""):
        raise SpecError(
            "wrong-rank", f"{scalar} is a number: there is no {scalar}_{letter}", expected="a vector", found=scalar,
            span=names[scalar].span, source=builder.source,
        )  # fmt: skip
    if set(ranks.values()) != {1, 2} and not (isinstance(operand, Name) and ranks.get(operand.name) == 2):
        return None
    if isinstance(operand, Apply) and operand.operation in ("product", "mul") and expression.operation == "sum":
        number, vector = sorted(operand.arguments, key=lambda a: max((ranks[n.name] for n in unreduced(a)), default=0))
        inside = {name.name for name in unreduced(number)}
        stated = isinstance(number, Name) or all(name in builder.given or name in builder.defined for name in inside)
        if stated and {ranks[name] for name in inside} == {1} and isinstance(vector, Name):
            told = f"{vector.name}_{letter} is row {letter} of {vector.name}, so the sum over {letter} is a vector"
            builder.note(f"{told}: ({written(number)})ᵀ {vector.name}")
            weights = builder.build(number, True)
            if limit := expression.option("limit"):
                check_limit(builder, limit, weights, expression)
            found: int = builder.apply("matmul", (weights, builder.leaf(vector)), expression)
            return found
    rows = next(name for name, rank in ranks.items() if rank == 2)
    raise SpecError(
        "wrong-rank", f"{rows}_{letter} is row {letter} of {rows}: the sum over {letter} of rows is a vector",
        expected="a sum of numbers", found=written(operand), span=expression.span, source=builder.source,
        hint=f"sum({rows}) adds every entry; a^T {rows} adds the rows, each times the number a_{letter}",
    )  # fmt: skip


def check_limit(builder: Any, limit: str, index: int, expression: Expression) -> None:
    """The upper limit of a sum is the length of what it runs over."""
    shape = builder.nodes[index].shape
    if len(shape) != 1:
        return
    _tie(builder, limit, shape[0], size_of(builder.label(index), 0, 1), expression)


def _tie(builder: Any, limit: str, size: Any, about: str, expression: Expression) -> None:
    one = builder.given.get(limit)
    if limit.isdigit():
        value: Any = int(limit)
    elif one is not None and one.value is not None and not one.value.shape:
        number = one.value.data[0]
        whole = number.rational if isinstance(number, Exact) else None
        value = int(whole) if whole is not None and whole.denominator == 1 else None
    else:
        value = symbol(limit) if limit in builder.letters else None
    if value is not None:
        builder.solver.equal((size, about), (value, f"the upper limit of the sum, {limit}"), expression.span)


class _Samples:
    def __init__(self, builder: Any, expression: Apply) -> None:
        self.b, self.whole = builder, expression
        self.letter: str = expression.option("over")
        self.limit: str = expression.option("limit", "")
        self.first: tuple[Any, str] | None = None  # the length of the first axis, and of what

    def fail(self, expression: Expression, message: str, hint: str = "", code: str = "wrong-rank") -> NoReturn:
        raise SpecError(code, message, expected=f"one number for each {self.letter}", found=written(expression),
                        hint=hint, span=expression.span, source=self.b.source)  # fmt: skip

    # ------------------------------------------------------------ the sum

    def total(self, expression: Expression) -> int:
        """The sum of an expression over the samples; squared norms are summed as they stand."""
        kind = self.whole.operation
        if kind == "sum" and has_norm(expression) and isinstance(expression, Apply):
            arguments = expression.arguments
            if expression.operation == "sqnorm":
                index, rank = self.each(arguments[0])
                if rank == 1:
                    return self.put("sqnorm", (index,), expression)
            elif is_inner(expression):
                (a, p), (b, q) = map(self.each, arguments)
                if p == q == 1:
                    return self.put("sum", (self.put("mul", (a, b), expression),), self.whole)
            elif expression.operation in _LINEAR:
                parts = tuple(self.total(argument) for argument in arguments)
                return self.put(expression.operation, parts, expression)
            elif expression.operation in ("product", "mul", "div"):
                same = [not varies(argument) for argument in arguments]
                if same[0] and expression.operation != "div" or same == [False, True]:
                    factor = self.b.build(arguments[not same[0]])
                    if self.b.rank(factor):
                        self.fail(expression, f"{written(arguments[not same[0]])} is no number")
                    summed = self.total(arguments[same[0]])
                    pair = (factor, summed) if same[0] else (summed, factor)
                    return self.put("div" if expression.operation == "div" else "mul", pair, expression)
        index, rank = self.each(expression)
        if rank == SAME:
            self.fail(expression, f"{written(expression)} has no index {self.letter} under its sum",
                      "put it in front of the sum, or behind it in brackets", "bad-index")  # fmt: skip
        if rank:
            self.fail(expression, f"{written(expression)} is a vector for each {self.letter}",
                      "\\|…\\|^2 is the sum of the squares of a vector", "wrong-rank")  # fmt: skip
        return self.put(kind, (index,), self.whole)

    # ------------------------------------------------------------ for each sample

    def put(self, kind: str, inputs: tuple[int, ...], expression: Expression, **options: Any) -> int:
        found: int = self.b.apply(kind, inputs, expression, **options)
        return found

    def each(self, expression: Expression) -> Sample:
        if not varies(expression):
            return self.b.build(expression), SAME
        if isinstance(expression, Name):
            return self.entry(expression)
        assert isinstance(expression, Apply)
        op, arguments = expression.operation, expression.arguments
        if op in DEFINED:
            return self.each(self.b.definition(expression))
        if known := usual(expression) if op in ("gt", "lt", "where") else None:
            index, rank = self.each(known[1])
            return self.put(known[0], (index,), expression), rank
        if op == "transpose":
            index, rank = self.each(arguments[0])
            if rank == 0:
                self.fail(expression, f"{written(arguments[0])} is a number for each {self.letter}: no transpose")
            return index, rank
        if op in ("product", "matmul"):
            return self.product(expression)
        if op == "pow":
            return self.power(expression)
        zero = [isinstance(a, Number) and a.value == 0 for a in arguments]
        if op == "max" and not expression.options and any(zero):
            index, rank = self.each(arguments[zero[0]])
            return self.put("relu", (index,), expression), rank
        if op in ("sqnorm", "norm"):
            index, rank = self.each(arguments[0])
            if rank == 0 and expression.option("p", 2) in (1, 2):
                if op == "norm":
                    return self.put("abs", (index,), Apply("abs", arguments, expression.span)), 0
                square = Apply("pow", (arguments[0], Number(Exact.of(2), expression.span)), expression.span)
                return self.put("pow", (index,), square, exponent=Exact.of(2)), 0
        elif op in ("softmax", "logsoftmax"):
            index, rank = self.each(arguments[0])
            if rank == 1 and "axis" not in dict(expression.options):
                return self.put(op, (index,), expression), 1
        elif op == "where" or isinstance(operation(op), Pairwise) and not expression.options:
            return self.elementwise(op, expression)
        elif op == "neg" or isinstance(operation(op), Elementwise):
            index, rank = self.each(arguments[0])
            return self.put(op, (index,), expression), rank
        self.fail(expression, f"{written(expression)} is not computed for each {self.letter}",
                  "a loss of all samples is already their mean: write it without the sum"
                  if isinstance(operation(op), ElementLoss) or op in ("cross_entropy", "nll")
                  else "give the equation with matrices, one row a sample", "bad-index")  # fmt: skip

    def entry(self, name: Name) -> Sample:
        """``x_i``: an entry of a vector or a row of a matrix."""
        index = self.b.leaf(Name(name.name, name.span))
        rank = self.b.rank(index)
        if rank not in (1, 2):
            self.fail(name, f"{name.name} has {rank or 'no'} axes, so {written(name)} is no entry or row of it")
        size = (self.b.nodes[index].shape[0], size_of(name.name, 0, rank))
        if self.first is None:
            self.first = size
            if self.limit:
                _tie(self.b, self.limit, *size, name)
        else:
            self.b.solver.equal(self.first, size, name.span)
        if rank == 2:
            self.b.note(f"{written(name)} is row {self.letter} of {name.name}: samples are rows")
        return index, rank - 1

    def power(self, expression: Apply) -> Sample:
        from netcalc.equations.inference import constant

        base, exponent = expression.arguments
        value = constant(exponent)
        if value is None or value.shape:
            self.fail(exponent, "an exponent must be a number", code="bad-exponent")
        index, rank = self.each(base)
        return self.put("pow", (index,), expression, exponent=value.data[0]), rank

    def elementwise(self, op: str, expression: Apply) -> Sample:
        """All of one shape: a number, or a vector beside vectors, is repeated for every sample."""
        built = [self.each(argument) for argument in expression.arguments]
        ranks = {rank for _, rank in built if rank != SAME}
        if len(ranks) > 1:
            self.fail(expression, f"a number and a vector for each {self.letter} in {written(expression)}")
        (rank,) = ranks
        shape = next(self.b.nodes[index].shape for index, one in built if one != SAME)
        same = tuple(index if one != SAME else self.spread(index, shape, expression) for index, one in built)
        return self.put(op, same, expression), rank

    def spread(self, index: int, shape: Shape, expression: Expression) -> int:
        node, rank = self.b.nodes[index], self.b.rank(index)
        if rank > len(shape) - 1:
            self.fail(
                expression, f"{self.b.label(index)} has {rank} axes beside {len(shape) - 1} for each {self.letter}",
                f"is it {self.b.label(index)}_{self.letter}, one for each {self.letter}?",
            )  # fmt: skip
        if rank == 0 and node.operation == "constant" and node.value is not None:
            number = Array((), node.value.data)
            return self.b.put(type(node)("constant", (), shape, node.expression, value=number))  # type: ignore[no-any-return]
        if rank == 0:
            return self.put("repeat", (index,), node.expression, size=shape)
        self.b.solver.equal(
            (node.shape[0], size_of(self.b.label(index), 0, 1)), (shape[1], "a sample"), expression.span
        )
        return self.put("repeat", (index,), node.expression, size=shape, axis=1)

    def product(self, expression: Apply) -> Sample:
        if (apart := first_apart(expression)) and self.is_number(apart.arguments[0]):
            expression = apart  # y_i (w^T x_i), not (y_i w^T) x_i
        left, right = expression.arguments
        if varies(left) and varies(right):
            (a, p), (b, q) = self.each(left), self.each(right)
            if p == q == 1:
                self.fail(expression, f"a product of two vectors for each {self.letter}",
                          "x_i^T y_i is a term of a sum; in other places write the equation with matrices",
                          "bad-index")  # fmt: skip
            if p != q:  # a number times a vector
                numbers, shape = (a, b)[p], self.b.nodes[(b, a)[p]].shape
                repeated = self.put("repeat", (numbers,), self.b.nodes[numbers].expression, size=shape, axis=0)
                a, b = (a, repeated) if p else (repeated, b)
            return self.put("mul", (a, b), expression), max(p, q)
        if varies(left):
            (vary, rank), same = self.each(left), self.b.build(right)
        else:
            turned = left.arguments[0] if is_transpose(left) else left  # type: ignore[union-attr]
            same, (vary, rank) = self.b.build(turned), self.each(right)
        return self.weighted(expression, same, vary, rank)

    def is_number(self, factor: Expression) -> bool:
        """Is a factor one number for each sample, or for all?"""
        if isinstance(factor, Name):
            return bool(self.b.rank(self.b.leaf(Name(factor.name, factor.span))) == bool(factor.index))
        if isinstance(factor, Number):
            return True
        names = list(unreduced(factor))
        return not is_transpose(factor) and all(map(self.is_number, names)) and bool(names)

    def weighted(self, expression: Apply, same: int, vary: int, rank: int) -> Sample:
        """A factor that is the same for every sample, and one of each sample."""
        left, right = expression.arguments
        first, other = varies(right), self.b.rank(same)  # is the factor the first of the two?
        if other == 0 and not is_transpose(left if first else right):
            spread = self.spread(same, self.b.nodes[vary].shape, expression)
            return self.put("mul", (spread, vary) if first else (vary, spread), expression), rank
        if rank == 0 or other == 0 or other == 1 and is_transpose(right) and not is_row(left):
            self.fail(expression, f"{written(expression)} is not a number or a vector for each {self.letter}",
                      "write the equation with matrices")  # fmt: skip
        if other == 1:
            if not is_row(left):
                self.b.note(f"{written(expression)}: two vectors side by side are read as their dot product")
            return self.put("matmul", (vary, same), expression), 0
        if first and not is_transpose(left):  # W x_i for every row x_i is x Wᵀ
            same = self.put("transpose", (same,), Apply("transpose", (left,), left.span))
        return self.put("matmul", (vary, same), expression), 1


def varies(expression: Expression) -> bool:
    """Is there a running index in it?"""
    if isinstance(expression, Name):
        return bool(expression.index)
    return isinstance(expression, Apply) and any(map(varies, expression.arguments))


def is_transpose(expression: Expression) -> bool:
    return isinstance(expression, Apply) and expression.operation == "transpose"


def is_row(expression: Expression) -> bool:
    """Is it transposed, as ``x^T A`` is?"""
    product = isinstance(expression, Apply) and expression.operation in ("product", "matmul")
    return is_transpose(expression) or product and any(map(is_row, expression.arguments))  # type: ignore[union-attr]


def is_inner(expression: Expression) -> bool:
    """``x_i^T y_i``: a product of two vectors of each sample."""
    if not isinstance(expression, Apply) or expression.operation not in ("product", "matmul"):
        return False
    left, right = expression.arguments
    first = left
    while isinstance(first, Apply) and first.operation in ("product", "matmul"):
        first = first.arguments[0]
    return varies(first) and varies(right) and is_transpose(first)


def first_apart(expression: Apply) -> Apply | None:
    """``a (b c)`` for ``a b c``, if there are several factors behind the first."""
    left, right = expression.arguments
    if not isinstance(left, Apply) or left.operation != "product" or not varies(left):
        return None
    first, rest = left.arguments
    if (deeper := first_apart(left)) is not None:
        first, rest = deeper.arguments
    behind = Apply("product", (rest, right), rest.span.to(right.span))
    return Apply("product", (first, behind), expression.span)


def unreduced(expression: Expression) -> Iterator[Name]:
    """The names that are not under a sum or a norm of their own."""
    if isinstance(expression, Name):
        yield expression
    elif isinstance(expression, Apply) and expression.operation not in REDUCING:
        for argument in expression.arguments:
            yield from unreduced(argument)


def has_norm(expression: Expression) -> bool:
    """Is there a square or a product of vectors, which has a sum over entries within that over the samples?"""
    if not isinstance(expression, Apply):
        return False
    norm = expression.operation == "sqnorm" and varies(expression) or is_inner(expression)
    return norm or any(map(has_norm, expression.arguments))
