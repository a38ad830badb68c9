"""What every layer kind states, and the registry of all kinds.

A layer kind is one frozen dataclass, made with :func:`layer`. Its fields are the arguments of its torch.nn
namesake (same names, order, defaults), each declared with :func:`size`, :func:`sizes`, :func:`real`,
:func:`flag`, :func:`choice`, :func:`shape` or :func:`inferred`. Its methods state the facts:

``conditions(*inputs)``     what must hold of arguments and input shapes, most basic first
``output_shape(*inputs)``   the shape of one sample's output
``parameters()``            torch's parameter names and their shapes (after :meth:`Layer.infer`)
``buffers()``               the same for buffers
``work(*inputs)``           the ledger of operations for one sample, and the MACs
``reach(*inputs)``          what one unit reads (see :mod:`netcalc.layers.reach`)

Rules use only ``+ - * //``, products, ``minimum`` and ``maximum`` of :mod:`netcalc.dims`, so that one method
serves ints, letters and arrays; a rule never branches on a size. Comparisons live in ``conditions``.
Only ``conditions`` may look at an input whose rank it has not checked yet, and it is read lazily: what follows a
condition that fails is never evaluated.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError, dataclass, field, fields
from itertools import chain
from typing import Any, Callable, ClassVar, Iterable, Iterator, TypeVar

from netcalc.dims import Dim, Expr, holds, product, text
from netcalc.errors import Span, SpecError
from netcalc.layers.reach import Reach, pointwise
from netcalc.records import NamedTuple, cached_property

Shape = tuple[Dim, ...]
Sizes = Any  # a Dim, or a tuple of one Dim an axis; conv padding also 'same' and 'valid'

KINDS = ("mul", "add", "max", "div", "exp", "log", "sqrt", "sin", "cos", "tanh", "erf", "pow")
"""The kinds of scalar operation in the ledger. Subtraction is ``add``; comparison and minimum are ``max``."""


# ---------------------------------------------------------------- the ledger


class Line(NamedTuple):
    """One line of the ledger: ``count`` operations of one ``kind``, written as a product of ``factors``.

    >>> Line("W x", "add", (512, 255)).count
    130560
    """

    label: str
    kind: str
    factors: Shape

    @property
    def count(self) -> Dim:  # type: ignore[override]
        return product(self.factors)


class Uncounted(str):
    """The name of operations that nobody has stated; ``kinds`` are those that they may be of.

    >>> name = Uncounted("sums of what overlaps", "add").of("fold1")
    >>> name, name.kinds
    ('fold1: sums of what overlaps', ('add',))
    """

    kinds: tuple[str, ...]

    def __new__(cls, name: str, *kinds: str) -> Uncounted:
        new = super().__new__(cls, name)
        new.kinds = kinds or KINDS
        return new

    def __reduce__(self) -> tuple[type[Uncounted], tuple[str, ...]]:
        return Uncounted, (str(self), *self.kinds)

    def of(self, layer: str) -> Uncounted:
        """The same with the layer that it is of."""
        return Uncounted(f"{layer}: {self}", *self.kinds)


class Work(NamedTuple):
    """A layer's ledger for one sample.

    ``macs`` are the multiply-accumulates of its contractions: recorded beside the lines, never added to them.
    ``note`` says why there is nothing to count where ``lines`` is empty: silence is not zero.
    ``uncounted`` names operations that nobody has stated: the total, and that of their kinds, is then a lower bound.
    """

    lines: tuple[Line, ...]
    macs: Dim = 0
    note: str = ""
    uncounted: tuple[Uncounted, ...] = ()


def free(note: str) -> Work:
    """The work of a layer that computes nothing, and why."""
    return Work((), note=note)


def elementwise(inputs: Shape, label: str, *kinds: str) -> Work:
    """One operation of each kind for every element of ``inputs``.

    >>> [(line.kind, line.count) for line in elementwise((2, 3), "1/(1 + exp(−x))", "exp", "add", "div").lines]
    [('exp', 6), ('add', 6), ('div', 6)]
    """
    return Work(tuple(Line(label, kind, inputs) for kind in kinds))


def contraction(label: str, outputs: Shape, lengths: Shape, bias: bool = False) -> Work:
    """Dot products: each output is one of length ``n = product(lengths)``: n mul, n − 1 add, + 1 add with bias.

    >>> work = contraction("W x", (512,), (256,), bias=True)
    >>> sum(line.count for line in work.lines), work.macs
    (262144, 131072)
    """
    lines = [
        Line(label, "mul", (*outputs, *lengths)),
        Line(label, "add", (*outputs, product(lengths) - 1)),
    ]
    if bias:
        lines.append(Line("+ b", "add", outputs))
    return Work(tuple(lines), macs=product(outputs) * product(lengths))


def called(size: Dim, name: str, what: str) -> Dim:
    """In an explanation, a size with a name and a line of its own; the axis it is of stands for {} in ``what``."""
    return size.called(name, what) if hasattr(size, "called") else size


# ---------------------------------------------------------------- conditions


class Condition(NamedTuple):
    """``left relation right`` must hold; ``about`` says in words what it is, ``argument`` which argument to blame.

    The relation is ``==``, ``>=``, ``<=`` or ``divisible by``. With letters it may stay open:

    >>> at_least(3, 1, "stride").holds, Condition(6, "divisible by", 4, "channels").holds
    (True, False)
    """

    left: Dim
    relation: str
    right: Dim
    about: str
    argument: str | None = None
    code: str = "illegal-size"
    hint: str = ""

    @property
    def holds(self) -> bool | None:
        left, right = self.left, self.right
        if type(left) is int and type(right) is int:
            if self.relation == "==":
                return left == right
            if self.relation == ">=":
                return left >= right
            if self.relation == "<=":
                return left <= right
            return right != 0 and left % right == 0
        return holds(left, self.relation, right)

    def __str__(self) -> str:
        sign = {"==": "=", ">=": "≥", "<=": "≤"}.get(self.relation, self.relation)
        if isinstance(self.left, int) and self.relation == "divisible by":
            return f"{text(self.right)} divides {text(self.left)}"
        return f"{text(self.left)} {sign} {text(self.right)}"

    def failure(self) -> SpecError:
        """The error for a condition that does not hold."""
        sign = {"==": "", ">=": "at least ", "<=": "at most ", "divisible by": "a multiple of "}[self.relation]
        return SpecError(
            self.code,
            f"{self.about} is {text(self.left)}, but must be {sign}{text(self.right)}",
            expected=f"{self.about} {sign or 'of '}{text(self.right)}",
            found=text(self.left),
            hint=self.hint,
            argument=self.argument,
        )


class Fact(NamedTuple):
    """A condition on something that is not a size (a rank, a choice): it holds or it does not."""

    holds: bool
    message: str
    expected: str = ""
    found: str = ""
    hint: str = ""
    argument: str | None = None
    code: str = "illegal-argument"
    within: Span | None = None

    def failure(self) -> SpecError:
        return SpecError(
            self.code,
            self.message,
            expected=self.expected,
            found=self.found,
            hint=self.hint,
            argument=self.argument,
            within=self.within,
        )


HELD = Fact(True, "holds")
"""A fact that holds; nobody reads its words, so they need not be put together."""

Conditions = Iterator["Condition | Fact"]


def equal(left: Dim, right: Dim, about: str, argument: str | None = None) -> Condition:
    """``left`` (what was stated) must equal ``right`` (what the input has)."""
    return Condition(left, "==", right, about, argument, "shape-mismatch")


def at_least(left: Dim, right: Dim, about: str, argument: str | None = None) -> Condition:
    return Condition(left, ">=", right, about, argument or (about if about.isidentifier() else None))


def at_most(left: Dim, right: Dim, about: str, argument: str | None = None) -> Condition:
    return Condition(left, "<=", right, about, argument or (about if about.isidentifier() else None))


def divisible(left: Dim, right: Dim, about: str, argument: str | None = None) -> Condition:
    return Condition(left, "divisible by", right, about, argument, "not-divisible")


def has_rank(inputs: Shape, allowed: int | tuple[int, ...], layout: str) -> Fact:
    """The input must have one of the ``allowed`` numbers of axes; ``layout`` names them (``C x H x W``)."""
    ranks = (allowed,) if isinstance(allowed, int) else allowed
    if len(inputs) in ranks:
        return HELD
    return Fact(
        False,
        f"the input has {_axes(len(inputs))}, {shape_text(inputs)}, but must have {' or '.join(map(_axes, ranks))}",
        expected=f"an input of {layout}",
        found=shape_text(inputs),
        hint="sizes are per sample: leave the batch axis out" if len(inputs) == max(ranks) + 1 else "",
        code="wrong-rank",
    )


def has_axes(inputs: Shape, least: int, layout: str) -> Fact:
    """The input must have at least ``least`` axes."""
    if len(inputs) >= least:
        return HELD
    return Fact(
        False,
        f"the input has {_axes(len(inputs))}, {shape_text(inputs)}, but needs at least {_axes(least)}",
        expected=f"an input of {layout}",
        found=shape_text(inputs),
        code="wrong-rank",
    )


def axis_in_range(axis: int, rank: int, argument: str) -> Fact:
    """``axis`` (may count from the end) must name one of ``rank`` axes, per sample."""
    return Fact(
        -rank <= axis < rank,
        f"{argument} is {axis}, but the input has {_axes(rank)} (counted without the batch axis)",
        expected=f"{argument} between {-rank} and {rank - 1}",
        found=str(axis),
        argument=argument,
    )


def behind_batch(dim: int, rank: int) -> int:
    """The per-sample axis that torch's ``dim`` names, which counts the batch axis; −1 for the batch axis itself.

    >>> behind_batch(1, 3), behind_batch(-1, 3), behind_batch(0, 3)
    (0, 2, -1)
    """
    return dim + rank if dim < 0 else dim - 1


def per_sample(dims: Any) -> Any:
    """Axes that count the batch axis as 0 (one, or a tuple of them) as a sample's own. Raises SpecError for the batch.

    >>> per_sample(1), per_sample((2, 3)), per_sample(-1)
    (0, (1, 2), -1)
    """
    if isinstance(dims, tuple):
        return tuple(map(per_sample, dims))
    if dims == 0:
        raise SpecError(
            "illegal-argument",
            "axis 0 is the batch here, which no sample has",
            expected="a sample's axis: 1 or more, or one from the end",
            found="0",
        )
    return dims - 1 if isinstance(dims, int) and dims > 0 else dims


class Function(NamedTuple):
    """How torch's function of a kind's name is called, where its axes count the batch axis as 0 and the kind's do not.

    ``axes``: the names of torch's arguments, and of this kind's that they stand for; ``per_sample`` makes a value for
    the kind of one for torch; ``gathers``: the argument that takes all numbers that stand alone (``permute 2 0 1``);
    ``needs``: the argument without which torch's function works on the batch, too.
    """

    axes: dict[str, str] = {}
    per_sample: Callable[[Any], Any] = per_sample
    gathers: str = ""
    needs: str = ""


def dim_behind_batch(dim: int, rank: int, argument: str) -> Fact:
    """torch's ``dim`` (which counts the batch axis as 0) must name one of a sample's ``rank`` axes."""
    if behind_batch(dim, rank) == -1:
        message = f"{argument} is {dim}, which names the batch axis: axis 0 is the batch, a sample's first axis is 1"
    else:
        message = f"{argument} is {dim}, but with the batch axis (0) in front the input has {rank + 1} axes"
    return Fact(
        0 <= behind_batch(dim, rank) < rank,
        message,
        expected=f"{argument} between 1 and {rank}, or between {-rank} and -1",
        found=str(dim),
        argument=argument,
    )


def _axes(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"


def shape_text(sizes: Shape) -> str:
    """A shape as it is written in a spec, formulas as for people.

    >>> shape_text((3, 32, 32))
    '3x32x32'
    """
    return crossed([text(size, grouped=False) for size in sizes]) or "scalar"


def crossed(written: Iterable[str], cross: str = "x") -> str:
    """Sizes with a cross between them, each in brackets that could be read together with its neighbours.

    >>> print(crossed(["3", "H", "W - 2"]), "|", crossed(["H - 2"]), "|", crossed(["-1", "-1"]))
    3xHx(W - 2) | (H - 2) | -1x-1
    """
    return cross.join(map(alone, written))


_ALONE = re.compile(r"[-−]?[\w,.]+(/\d+)?|[?–]|⌊[^⌊⌋]*⌋")


def alone(written: str) -> str:
    """A size that can stand beside others: a sum or a quotient in brackets."""
    return written if _ALONE.fullmatch(written) else f"({written})"


# ---------------------------------------------------------------- arguments


class Argument(NamedTuple):
    """What may be written for one argument of a layer.

    ``type`` is one of ``size`` (an integer or letter), ``sizes`` (one for all axes, or one an axis), ``real``,
    ``flag``, ``choice``, ``shape`` (a tuple of sizes), ``integer`` (a plain number such as an axis; negative ones too).
    ``lone``: torch takes a tuple of one of these ``sizes`` for all axes. ``stated``: torch's default for a size that
    the short form infers. ``callable``: torch takes the function or the module of each choice, too.
    ``entries``: torch's names for the entries of a ``shape``; ``spatial``: it has one for each spatial axis;
    ``of_input``: it must be that of the input's last axes.
    ``tries`` are the values that the conformance suite draws from, legal and illegal.
    """

    type: str
    doc: str
    letter: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False
    axis: int | None = None
    lone: bool = False
    stated: int | None = None
    callable: bool = False
    entries: tuple[str, ...] = ()
    spatial: bool = False
    of_input: bool = False
    tries: tuple[Any, ...] = ()


REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""The default of an argument that has none."""


def _argument(type: str, doc: str, default: Any, **more: Any) -> Any:
    more["optional"] = more.get("optional", False) or default is None
    return field(default=default, metadata={"argument": Argument(type, doc, **more)})


def size(doc: str, default: Any = REQUIRED, *, letter: str = "", tries: tuple[Any, ...] = ()) -> Any:
    """An argument that is one size."""
    return _argument("size", doc, default, letter=letter, tries=tries)


def sizes(
    doc: str,
    default: Any = REQUIRED,
    *,
    letter: str = "",
    choices: tuple[str, ...] = (),
    lone: bool = False,
    tries: tuple[Any, ...] = (),
) -> Any:
    """An argument that is one size for all axes, or a tuple with one an axis (or a word of ``choices``)."""
    return _argument("sizes", doc, default, letter=letter, choices=choices, lone=lone, tries=tries)


def integer(doc: str, default: Any = REQUIRED, *, tries: tuple[Any, ...] = ()) -> Any:
    """An argument that is a plain integer, such as the number of an axis."""
    return _argument("integer", doc, default, tries=tries)


def real(doc: str, default: Any = REQUIRED, *, optional: bool = False, tries: tuple[Any, ...] = ()) -> Any:
    """An argument that is a number; None too where that is the default, or ``optional``."""
    return _argument("real", doc, default, optional=optional, tries=tries)


def flag(doc: str, default: Any = REQUIRED, *, tries: tuple[Any, ...] = (True, False)) -> Any:
    """An argument that is True or False."""
    return _argument("flag", doc, default, tries=tries)


def choice(
    doc: str, default: Any, choices: tuple[str, ...], *, callable: bool = False, tries: tuple[Any, ...] | None = None
) -> Any:
    """An argument that is one of a few words."""
    tries = choices if tries is None else tries
    return _argument("choice", doc, default, choices=choices, callable=callable, tries=tries)


def shape(
    doc: str,
    default: Any = REQUIRED,
    *,
    entries: tuple[str, ...] = (),
    spatial: bool = False,
    of_input: bool = False,
    tries: tuple[Any, ...] = (),
) -> Any:
    """An argument that is a tuple of sizes (a lone size stands for a tuple of one)."""
    return _argument("shape", doc, default, entries=entries, spatial=spatial, of_input=of_input, tries=tries)


def phrase(doc: str, default: Any = REQUIRED, *, tries: tuple[Any, ...] = ()) -> Any:
    """An argument that is free text (``words`` is a class fact, hence this name)."""
    return _argument("phrase", doc, default, tries=tries)


def named(doc: str, *, tries: tuple[Any, ...] = ()) -> Any:
    """An argument that is a tuple of (name, size): the short form writes each by itself, ``h=4 w=4``."""
    return _argument("named", doc, (), tries=tries)


def inferred(doc: str, axis: int, stated: int | None = None) -> Any:
    """A size that is read off axis ``axis`` of the first input; torch's form takes ``stated`` where that is given."""
    return _argument("size", doc, None, axis=axis, stated=stated)


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "size":
            return isinstance(value, (int, Expr)) and not isinstance(value, bool)
        case "sizes":
            return _fits("size", value) or _fits("shape", value)
        case "shape":
            return _fits("size", value) or isinstance(value, tuple) and all(_fits("size", item) for item in value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "real":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "flag":
            return isinstance(value, bool)
        case "phrase":
            return isinstance(value, str)
        case "named":
            pairs = value if isinstance(value, tuple) else (None,)
            return all(isinstance(pair, tuple) and len(pair) == 2 and _fits("size", pair[1]) for pair in pairs)
    return False


_WANTED = {
    "size": "an integer or a letter",
    "sizes": "an integer, or one an axis",
    "shape": "one or more sizes",
    "integer": "an integer",
    "real": "a number",
    "flag": "True or False",
    "choice": "a word",
    "phrase": "a text in quotes",
    "named": "sizes with their names",
}


# ---------------------------------------------------------------- layers


class _Signature:
    """The arguments of a kind with their defaults, as :mod:`inspect` and notebooks show them."""

    def __get__(self, layer: Layer | None, kind: type[Layer]) -> inspect.Signature:
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter(name, either, default=value) for name, value in kind.defaults.items()]
        )


class Layer:
    """One layer with its arguments: the base of every kind. Frozen, hashable, equal by value.

    Class facts: ``words`` are its names in the short form (a word that several ranks share, such as ``conv``,
    takes the kind whose ``rank`` fits the input); ``namesake`` is the name of its torch.nn class, or None for a
    kind of our own; ``arity`` the number of inputs (None: two or more); ``source`` a paper or torch page;
    ``stated_by_name`` maps arguments whose lone number the short form takes only by name to a hint ({} is the value);
    ``function`` says how torch's function of that name counts axes; ``made_of`` are torch's arguments where the first
    is a module (of the kind ``one``, whose arguments this kind has, too); ``heedless``: torch takes any for nothing;
    ``examples`` are one-line specs; ``trial_inputs`` are the input shapes that the conformance suite draws from.
    """

    words: ClassVar[tuple[str, ...]] = ()
    rank: ClassVar[int | None] = None
    namesake: ClassVar[str | None] = None
    arity: ClassVar[int | None] = 1
    stated_by_name: ClassVar[dict[str, str]] = {}
    function: ClassVar[Function] = Function()
    heedless: ClassVar[bool] = False
    made_of: ClassVar[tuple[str, ...]] = ()
    one: ClassVar[type[Layer]]
    source: ClassVar[str] = ""
    examples: ClassVar[tuple[str, ...]] = ()
    trial_inputs: ClassVar[tuple[tuple[tuple[int, ...], ...], ...]] = ()
    arguments: ClassVar[dict[str, Argument]] = {}
    defaults: ClassVar[dict[str, Any]] = {}
    letters: ClassVar[dict[str, str]] = {}

    __signature__: ClassVar[Any] = _Signature()

    def __init__(self, *values: Any, **named: Any) -> None:  # one for all kinds: dataclass would write and run each
        if values or not named.keys() <= self.arguments.keys():
            placed = dict(zip(self.arguments, values))
            fits = len(placed) == len(values) and placed.keys().isdisjoint(named)
            if not fits or not named.keys() <= self.arguments.keys():
                inspect.signature(type(self)).bind(*values, **named)  # TypeError, with what does not fit
            named = placed | named
        self.__dict__.update(self.defaults)  # in order
        self.__dict__.update(named)
        self.__post_init__()

    # ``*inputs: Any, **more: Any`` lets a kind name its inputs: ``def work(self, x: Shape)``.

    def conditions(self, *inputs: Any, **more: Any) -> Conditions:
        raise NotImplementedError(f"{self.kind} states no conditions")

    @property
    def over_batch(self) -> str:
        """What torch takes over the whole batch, and the work counts for each sample; empty for nothing."""
        return ""

    def batch_conditions(self, batch: Dim, *inputs: Any) -> Conditions:
        """What must hold of so many samples together; most kinds take any number."""
        return iter(())

    def maker_conditions(self, *makers: Applied) -> Conditions:
        """What must hold of the layers that made the inputs; most kinds take any."""
        yield from ()

    def output_shape(self, *inputs: Any, **more: Any) -> Shape:
        raise NotImplementedError(f"{self.kind} states no output shape")

    def parameters(self) -> dict[str, Shape]:
        return {}

    def buffers(self) -> dict[str, Shape]:
        return {}

    def work(self, *inputs: Any, **more: Any) -> Work:
        raise NotImplementedError(f"{self.kind} states no work")

    def conventions(self, *inputs: Any, **more: Any) -> dict[str, Work]:
        """The work by name, where the field counts this layer in more than one way."""
        return {}

    def reach(self, *inputs: Any, **more: Any) -> Reach:
        raise NotImplementedError(f"{self.kind} states no receptive field")

    def infer(self, *inputs: Shape) -> Layer:
        """This layer with the sizes that were left out read off its inputs."""
        known = {
            name: inputs[0][argument.axis]
            for name, argument in self.arguments.items()
            if argument.axis is not None
            and getattr(self, name) is None
            and -len(inputs[0]) <= argument.axis < len(inputs[0])
        }
        if not known:
            return self
        return self.unchecked(**known)  # a size of the input needs no check

    def axes(self, name: str) -> Shape:
        """Argument ``name`` as one size an axis.

        A lone size serves all axes; a tuple must have ``rank`` entries (checked when the layer was made).
        """
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * (self.rank or 1)

    @property
    def kind(self) -> str:
        """The name of this kind."""
        return type(self).__name__

    def replace(self, **values: Any) -> Layer:
        """A copy with other arguments."""
        return type(self)(**{**self.__dict__, **values})

    def unchecked(self: Kind, **values: Any) -> Kind:
        """A copy with other arguments that are known to be right, or are letters of an explanation."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **values)
        return made

    def stated(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, in order."""
        return {
            entry.name: value
            for entry in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, entry.name)) != entry.default
        }

    def __post_init__(self) -> None:
        for name, argument in self.arguments.items():
            value = self.__dict__[name]
            if value is self.defaults[name]:  # fits, unless there is none
                if value is not REQUIRED:
                    continue
                raise SpecError(
                    "missing-argument",
                    f"{self.kind} needs {name}: {argument.doc}",
                    expected=f"{name} ({_WANTED[argument.type]})",
                    found="nothing",
                    hint=f"for example: {self.examples[0]}" if self.examples else "",
                )
            if value is None and (argument.optional or argument.axis is not None):
                continue
            if argument.choices and isinstance(value, str):
                if value in argument.choices:
                    continue
            elif _fits(argument.type, value):
                if argument.type == "sizes" and isinstance(value, tuple) and len(value) != (self.rank or 1):
                    if argument.lone and len(value) == 1:
                        object.__setattr__(self, name, value[0])
                        continue
                    raise self.wrong_entries(name)
                if argument.type == "shape" and not isinstance(value, tuple):
                    object.__setattr__(self, name, (value,))
                continue
            wanted = [_WANTED[argument.type]] if argument.type != "choice" else []
            raise SpecError(
                "bad-argument",
                f"{name} of {self.kind} cannot be {_shown(value)}",
                expected=" or ".join([*wanted, *map(repr, argument.choices)]),
                found=_shown(value),
                argument=name,
            )

    def wrong_entries(self, name: str) -> SpecError:
        """The error for a tuple that has not one entry an axis."""
        value = getattr(self, name)
        return SpecError(
            "wrong-rank",
            f"{name} has {len(value)} {'entry' if len(value) == 1 else 'entries'}, "
            f"but {self.kind} has {_axes(self.rank or 1)}",
            expected=f"one integer, or {self.rank or 1} of them",
            found=repr(value),
            argument=name,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to {name!r} of a layer: use replace")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete {name!r} of a layer")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        stated = ", ".join(f"{name}={_shown(value)}" for name, value in self.stated().items())
        return f"{self.kind}({stated})"


def _shown(value: object) -> str:
    return text(value) if isinstance(value, Expr) else repr(value)


class Applied:
    """A layer applied to input shapes: its facts, each computed once. Equal uses share one of these.

    ``stated`` is the layer as it was given, ``layer`` the same with what follows from its inputs. The facts are those
    of one sample; ``batch`` is how many there are where that decides whether the layer is legal.
    ``makers`` are the layers that made the inputs, where these are known.
    """

    def __init__(
        self, layer: Layer, inputs: tuple[Shape, ...], batch: Dim = 1, makers: tuple[Applied, ...] = ()
    ) -> None:
        self.inputs = inputs
        if layer.arity is not None and len(inputs) != layer.arity or layer.arity is None and len(inputs) < 1:
            wanted = "at least 1 input" if layer.arity is None else f"{layer.arity} inputs"
            raise SpecError(
                "wrong-inputs",
                f"{layer.kind} takes {wanted}, but has {len(inputs)}",
                expected=wanted,
                found=str(len(inputs)),
            )
        self.stated, self.layer = layer, layer.infer(*inputs)
        still_open = []
        for condition in chain(
            self.layer.conditions(*inputs),
            self.layer.batch_conditions(batch, *inputs),
            self.layer.maker_conditions(*makers) if makers else (),
        ):
            verdict = condition.holds
            if verdict is False:
                raise condition.failure()
            if verdict is None and isinstance(condition, Condition):
                still_open.append(condition)
        self.conditions: tuple[Condition, ...] = tuple(still_open)
        self.output: Shape = self.layer.output_shape(*inputs)

    @cached_property
    def parameters(self) -> dict[str, Shape]:
        return self.layer.parameters()

    @cached_property
    def buffers(self) -> dict[str, Shape]:
        return self.layer.buffers()

    @cached_property
    def work(self) -> Work:
        return self.layer.work(*self.inputs)

    @cached_property
    def reach(self) -> Reach:
        return self.layer.reach(*self.inputs)

    def reach_of(self, ignore_normalization: bool = False) -> Reach:
        """The reach; without the statistics, by which every unit reads all, where normalisation is ignored."""
        if ignore_normalization and getattr(self.layer, "normalizes", False):
            return pointwise(len(self.inputs[0]), len(self.inputs))
        return self.reach

    @cached_property
    def passes(self) -> bool:
        """Does every unit read just its own position of the one input (activations, normalisation at inference)?"""
        return len(self.inputs) == 1 and self.inputs[0] == self.output and self.reach == pointwise(len(self.output))


# ---------------------------------------------------------------- the registry


REGISTRY: dict[str, type[Layer]] = {}
"""Every kind loaded so far, by the name of its class; :mod:`netcalc.layers` loads and finds them."""

Kind = TypeVar("Kind", bound=Layer)


def record(cls: type[Kind]) -> type[Kind]:
    """Make ``cls`` a frozen dataclass of its arguments, without registering it (a base of several ranks)."""
    made: Any = dataclass(init=False, repr=False, eq=False)(cls)  # Layer has these
    made.arguments = {entry.name: entry.metadata["argument"] for entry in fields(made)}
    made.defaults = {entry.name: entry.default for entry in fields(made)}
    made.letters = {argument.letter: name for name, argument in made.arguments.items() if argument.letter}
    return made  # type: ignore[no-any-return]


def layer(cls: type[Kind]) -> type[Kind]:
    """Make ``cls`` a layer kind: a frozen dataclass, in the registry."""
    made = record(cls)
    REGISTRY[made.__name__] = made
    return made
