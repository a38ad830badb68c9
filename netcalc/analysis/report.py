"""Everything that is known of a network, layer by layer and in total: one frozen :class:`Report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from netcalc._version import __version__
from netcalc.analysis.operations import Ops, lower_bounds, scaled
from netcalc.analysis.receptive_field import receptive_fields
from netcalc.dims import Dim, ascii_text, product, symbol, symbols, text, total
from netcalc.errors import SpecError, did_you_mean
from netcalc.graph import Graph, Node
from netcalc.layers.base import Applied, Shape, Uncounted, Work, shape_text
from netcalc.layers.input import Input
from netcalc.records import NamedTuple, cached_property

if TYPE_CHECKING:
    from netcalc.analysis.conditions import Requirement
    from netcalc.analysis.receptive_field import ReceptiveField

SCHEMA = 1
HEAD = {"netcalc": __version__, "schema": SCHEMA}
"""What every object for programs begins with."""
CONVENTION = "textbook"
BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8": 1, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint8": 1,
}  # fmt: skip


class Counted(NamedTuple):
    """What a convention counts."""

    flops: Dim
    macs: Dim


class LayerReport:
    """The figures of one layer, for the whole batch.

    Attributes: ``name``, ``kind``, ``input_shapes`` and ``output_shape`` (with the batch axis if there is a batch),
    ``parameters`` and ``buffers`` (names to shapes), ``params`` (elements of all parameters), ``own_params`` (those not
    shared with an earlier layer), ``work`` (the ledger's lines), ``ops``, ``macs``, ``flops``, ``receptive_field`` (or
    None), ``activations`` (output elements), ``note`` (why there is nothing to count), ``uncounted``, ``shared``.
    """

    def __init__(self, node: Node, facts: _Facts, field: ReceptiveField | None) -> None:
        self.node, self._facts, self.receptive_field = node, facts, field
        self.name = node.name
        self.shared = node.shared

    @property
    def kind(self) -> str:
        return self.node.layer.kind

    @property
    def layer(self) -> Any:
        """The layer with its arguments."""
        return self.node.layer

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return self._facts.inputs

    @property
    def output_shape(self) -> Shape:
        return self._facts.output

    @property
    def parameters(self) -> dict[str, Shape]:
        return self.node.applied.parameters

    @property
    def buffers(self) -> dict[str, Shape]:
        return self.node.applied.buffers

    @property
    def params(self) -> Dim:
        return self._facts.params

    @property
    def own_params(self) -> Dim:
        if not self.shared:
            return self._facts.params
        taken = {own for own, _ in self.shared}
        return total(product(shape) for name, shape in self.parameters.items() if name not in taken)

    @property
    def work(self) -> Work:
        return self._facts.work

    @property
    def ops(self) -> Ops:
        return self._facts.ops

    @property
    def macs(self) -> Dim:
        return self._facts.work.macs

    @property
    def flops(self) -> Dim:
        return self._facts.flops

    @property
    def activations(self) -> Dim:
        return self._facts.activations

    @property
    def conventions(self) -> dict[str, Counted]:
        """The work by each convention, by name, where the field counts this kind in more than one way."""
        return self._facts.conventions

    @property
    def note(self) -> str:
        return self._facts.work.note

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        return self._facts.work.uncounted

    def to_dict(self) -> dict[str, Any]:
        """This layer as in the JSON schema: exact integers; formulas as text."""
        return {
            "name": self.name,
            "kind": self.kind,
            "input_shapes": [plain(shape) for shape in self.input_shapes],
            "output_shape": plain(self.output_shape),
            "parameters": {name: plain(shape) for name, shape in self.parameters.items()},
            "buffers": {name: plain(shape) for name, shape in self.buffers.items()},
            "shared": dict(self.shared),
            "params": plain(self.params),
            "own_params": plain(self.own_params),
            "ops": {kind: plain(count) for kind, count in self.ops.items()},
            "work": [
                {"label": line.label, "kind": line.kind, "count": plain(line.count), "factors": plain(line.factors)}
                for line in self.work.lines
            ],
            "macs": plain(self.macs),
            "flops": plain(self.flops),
            "activations": plain(self.activations),
            "note": self.note,
            "uncounted": list(self.uncounted),
            "lower_bounds": list(lower_bounds(self.uncounted)),
            "receptive_field": plain_field(self.receptive_field),
        }

    def __repr__(self) -> str:
        figures = f"{text(self.params)} params, {text(self.flops)} FLOPs"
        return f"<{self.name} {self.kind} -> {shape_text(self.output_shape)}, {figures}>"


class _Facts:
    """The figures that equal uses of a layer share: computed once for each :class:`Applied`."""

    def __init__(self, applied: Applied, batch: Dim | None) -> None:
        lead: Shape = () if batch is None else (batch,)
        self.inputs = tuple((*lead, *shape) for shape in applied.inputs)
        self.output: Shape = (*lead, *applied.output)
        self.params = total(product(shape) for shape in applied.parameters.values())
        self.buffer_elements = total(product(shape) for shape in applied.buffers.values())
        self.work = scaled(applied.work, batch)
        self.ops = Ops.of(self.work.lines)
        self.flops = self.ops.total
        self.activations = product(self.output)
        self._applied, self._batch = applied, batch

    @cached_property
    def conventions(self) -> dict[str, Counted]:
        known = self._applied.layer.conventions(*self._applied.inputs)
        works = {name: scaled(work, self._batch) for name, work in known.items()}
        return {name: Counted(Ops.of(work.lines).total, work.macs) for name, work in works.items()}


class Totals(NamedTuple):
    """The whole network's figures: ``params`` with shared tensors once, ``activations`` of all layers' outputs."""

    params: Dim
    trainable: Dim
    buffers: Dim
    ops: Ops
    macs: Dim
    flops: Dim
    activations: Dim


class Report:
    """What is known of a network. Made by :func:`analyze`; nothing in it changes.

    ``layers`` are all layers behind the inputs, in order. Totals are attributes: ``params``, ``trainable``,
    ``buffers``, ``ops``, ``macs``, ``flops`` (by the textbook: every operation counts 1), ``activations``.
    ``requirements`` say what must hold of the letters, ``conditions`` in words; ``uncounted`` names layers with
    operations that nobody has stated (then the totals are lower bounds).
    """

    def __init__(self, graph: Graph, batch: Dim | None = None, dtype: str = "float32") -> None:
        self.graph, self.batch, self.dtype = graph, batch, dtype
        facts: dict[int, _Facts] = {}
        layers = []
        for node, field in zip(graph.nodes, receptive_fields(graph)):
            known = facts.get(id(node.applied))
            if known is None:
                known = facts[id(node.applied)] = _Facts(node.applied, batch)
            layers.append(LayerReport(node, known, field))
        self.nodes = tuple(layers)
        self.layers = tuple(layer for layer in layers if not isinstance(layer.layer, Input))

    @cached_property
    def totals(self) -> Totals:
        uses = Counter(layer._facts for layer in self.layers)  # equal layers have equal figures: added up at once
        sharing = [layer for layer in self.layers if layer.shared]
        owned = uses - Counter(layer._facts for layer in sharing)
        params = total(facts.params * times for facts, times in owned.items())
        params = params + total(layer.own_params for layer in sharing)
        return Totals(
            params=params,
            trainable=params,
            buffers=total(facts.buffer_elements * times for facts, times in owned.items()),
            ops=Ops.sum(facts.ops.times(times) for facts, times in uses.items()),
            macs=total(facts.work.macs * times for facts, times in uses.items()),
            flops=total(facts.flops * times for facts, times in uses.items()),
            activations=total(facts.activations * times for facts, times in uses.items()),
        )

    @cached_property
    def conventions(self) -> dict[str, Counted]:
        """The totals by each convention that a layer knows, by name; the other layers count as ever."""
        found: dict[str, Counted] = {}
        for layer in self.layers:
            for name, counted in layer.conventions.items():
                flops, macs = found.get(name, (self.flops, self.macs))
                found[name] = Counted(flops + counted.flops - layer.flops, macs + counted.macs - layer.macs)
        return found

    @cached_property
    def batch_reductions(self) -> dict[str, str]:
        """What torch takes once over the batch, and is here of each sample: a loss's ``reduction``, a BatchNorm's
        mean and variance without running ones; by the layer's name.
        """
        if self.batch is None or self.batch == 1:
            return {}
        kinds = ((one.name, one.layer.over_batch or getattr(one.layer, "reduction", "none")) for one in self.layers)
        return {name: reduction for name, reduction in kinds if reduction != "none"}

    @property
    def params(self) -> Dim:
        return self.totals.params

    @property
    def trainable(self) -> Dim:
        return self.totals.trainable

    @property
    def buffers(self) -> Dim:
        return self.totals.buffers

    @property
    def ops(self) -> Ops:
        return self.totals.ops

    @property
    def macs(self) -> Dim:
        return self.totals.macs

    @property
    def flops(self) -> Dim:
        return self.totals.flops

    @property
    def activations(self) -> Dim:
        """Elements of every layer's output, views included, the input not."""
        return self.totals.activations

    @property
    def activation_bytes(self) -> Dim:
        return self.activations * BYTES[self.dtype]

    @property
    def parameter_bytes(self) -> Dim:
        return self.params * BYTES[self.dtype]

    @property
    def outputs(self) -> tuple[LayerReport, ...]:
        return tuple(self.nodes[index] for index in self.graph.outputs)

    @property
    def output_shape(self) -> Shape:
        """The shape of the (last) output, with the batch axis if there is a batch."""
        return self.outputs[-1].output_shape

    @property
    def receptive_field(self) -> ReceptiveField | None:
        """The field of one unit of the (last) output."""
        return self.outputs[-1].receptive_field

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """What must hold of the letters for the formulas to be true: what is declared of them, then the conditions."""
        if not (self.graph.symbols or self.graph.conditions):  # these may be on the batch alone
            return ()
        from netcalc.analysis.conditions import requirements_of  # only networks with letters pay for it

        return requirements_of(self.graph)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What must hold of the letters, in words: ``H in 32..1024``, ``H divisible by 16``."""
        return tuple(map(str, self.requirements))

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """``layer: operation`` for every operation that nobody has stated; not empty: the totals are lower bounds."""
        return tuple(name.of(layer.name) for layer in self.layers for name in layer.uncounted)

    _repr_mimebundle_: ClassVar[Callable[..., dict[str, str]]]  # set where reports are rendered

    def __getitem__(self, name: str | int) -> LayerReport:
        """The layer of that name, or by its place among the layers."""
        if isinstance(name, int):
            return self.layers[name]
        return self.nodes[self.graph.index(name)]

    def to_dict(self) -> dict[str, Any]:
        """The report as in the JSON schema (version 1): exact integers; formulas as Python expressions in text."""
        totals = self.totals
        return {
            **HEAD,
            "convention": CONVENTION,
            "batch": plain(1 if self.batch is None else self.batch),
            "batch_axis": self.batch is not None,
            "dtype": self.dtype,
            "inputs": {node.name: plain(node.output_shape) for node in self.nodes if isinstance(node.layer, Input)},
            "layers": [layer.to_dict() for layer in self.layers],
            "totals": {
                "params": plain(totals.params),
                "trainable": plain(totals.trainable),
                "buffers": plain(totals.buffers),
                "ops": {kind: plain(count) for kind, count in totals.ops.items()},
                "macs": plain(totals.macs),
                "flops": plain(totals.flops),
                "activations": plain(totals.activations),
                "activation_bytes": plain(self.activation_bytes),
                "parameter_bytes": plain(self.parameter_bytes),
            },
            "output_shape": plain(self.output_shape),
            "outputs": {layer.name: plain(layer.output_shape) for layer in self.outputs},
            "conventions": {
                name: {"flops": plain(counted.flops), "macs": plain(counted.macs)}
                for name, counted in self.conventions.items()
            },
            "reduced_per_sample": list(self.batch_reductions),
            "uncounted": list(self.uncounted),
            "lower_bounds": list(lower_bounds(self.uncounted)),
            **stated(self.requirements),
        }

    def __repr__(self) -> str:
        return (
            f"<Report {len(self.layers)} layers -> {shape_text(self.output_shape)}: {shown(self.params)} parameters, "
            f"{shown(self.flops)} FLOPs ({CONVENTION})>"
        )


def plain(value: Any) -> Any:
    """A figure as JSON takes it: ints as they are, formulas and fractions as text, tuples as lists."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return ascii_text(value) if hasattr(value, "_terms") else str(value)


def plain_field(field: ReceptiveField | None) -> dict[str, Any] | None:
    """A receptive field as in the JSON schema."""
    if field is None:
        return None
    return {"size": plain(field.size), "stride": plain(field.stride), "start": plain(field.start)}


def stated(requirements: Sequence[Requirement]) -> dict[str, list[Any]]:
    """What must hold of the letters, as in the JSON schema: in words, and one by one with its letters and layers."""
    return {"conditions": list(map(str, requirements)), "requirements": [one.to_dict() for one in requirements]}


def shown(value: Dim) -> str:
    """A figure for people: ``132,097``, or a formula."""
    return f"{value:,}" if isinstance(value, int) else text(value)


def analyze(graph: Graph, batch: Dim | str | None = None, dtype: str = "float32", **sizes: Dim) -> Report:
    """The report on a network.

    ``batch`` (a number or a letter) adds the batch axis to every shape and multiplies the work; ``dtype`` says what
    an element weighs; ``sizes`` gives letters a value. Raises SpecError for an impossible size.
    """
    samples = samples_in(batch)
    if not isinstance(samples, int) and (same := set(symbols(samples)).intersection(graph.symbols)):
        raise size_and_batch(*same)
    graph = graph.of_batch(samples)
    if dtype not in BYTES:
        raise SpecError(
            "unknown-dtype",
            f"no element type is called {dtype!r}",
            expected=", ".join(BYTES),
            found=dtype,
            hint=did_you_mean(dtype, BYTES),
        )
    if sizes:
        from netcalc.analysis.conditions import decided

        graph = decided(graph, sizes)
    return Report(graph, None if batch is None else samples, dtype)


def samples_in(batch: Dim | str | None) -> Dim:
    """How many samples a batch has, a number of at least 1 or a letter; 1 without a batch. Raises SpecError.

    >>> samples_in("32"), samples_in("N"), samples_in(None)
    (32, N, 1)
    """
    if batch is None:
        return 1
    if isinstance(batch, str):
        batch = int(batch) if batch.isdecimal() else symbol(batch)
    if isinstance(batch, int) and batch < 1:
        raise SpecError(
            "illegal-size", f"the batch is {batch}, but must be at least 1", expected="1 or more", found=str(batch)
        )
    return batch


def size_and_batch(letter: str) -> SpecError:
    """One letter cannot be a size of a sample and how many samples there are."""
    other = "B" if letter == "N" else "N"
    return SpecError(
        "ambiguous-argument",
        f"{letter} would be both the batch and a size of the network",
        expected="another letter for the batch",
        found=letter,
        hint=f"--batch {other}",
    )


def where_it_holds(graph: Graph) -> tuple[Graph, tuple[Requirement, ...]]:
    """What must hold of a network's letters, and the network with that declared of them."""
    if not (graph.symbols or graph.conditions):
        return graph, ()
    from netcalc.analysis.conditions import on_domain, requirements_of  # only networks with letters pay for it

    requirements = requirements_of(graph)
    return on_domain(graph, requirements), requirements


def analyze_on_domain(graph: Graph, batch: Dim | str | None = None, dtype: str = "float32") -> Report:
    """The report on a network where its conditions hold: ⌊H/16⌋ is H/16 where H must be divisible by 16.

    >>> from netcalc.spec import elaborate
    >>> report = analyze_on_domain(elaborate("1xHx8 -> relu as top -> maxpool 2 -> upsample scale_factor=2 -> add top"))
    >>> [text(size) for size in report["maxpool1"].output_shape], report.conditions
    (['1', 'H/2', '4'], ('H divisible by 2',))
    """
    graph, requirements = where_it_holds(graph.of_batch(samples_in(batch)))
    report = analyze(graph, batch, dtype)
    report.requirements = requirements  # in the network as it is now they are met, and no longer to be found
    return report
