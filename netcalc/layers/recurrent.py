"""Recurrent layers (torch.nn: RNN, LSTM, GRU) and their cells (RNNCell, LSTMCell, GRUCell).

A cell's step is written once, as the ledger of ``steps`` steps; a layer is num_layers × num_directions of them.
"""

from __future__ import annotations

from typing import ClassVar

from netcalc.dims import Dim
from netcalc.layers.attention import affine, joined, labelled, probability, sequences, takes_inputs
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    at_most,
    choice,
    elementwise,
    equal,
    flag,
    has_rank,
    inferred,
    integer,
    layer,
    real,
    size,
)
from netcalc.layers.reach import WHOLE, Blocks, Causal, Reach, Rule, Unknown, Window

MOST_LAYERS = 10_000
NONLINEARITY = {"tanh": ("h = tanh(·)", "tanh"), "relu": ("h = max(0, ·)", "max")}
"""The lines of a simple recurrent cell's nonlinearity."""


# ---------------------------------------------------------------- one step of each cell


def gate_sums(count: int, steps: Shape, inputs: Dim, state: Dim, units: Dim, bias: bool, names: str = "") -> Work:
    """W_ih x (+ b_ih) and W_hh h (+ b_hh) of ``count`` gates of ``units`` units, at every step."""
    outputs = (*steps, count, units) if count > 1 else (*steps, units)
    return joined(
        affine(f"W_ih x{names}", outputs, inputs, "b_ih" if bias else ""),
        affine(f"W_hh h{names}", outputs, state, "b_hh" if bias else ""),
    )


def rnn_step(steps: Shape, inputs: Dim, units: Dim, bias: bool, nonlinearity: str) -> Work:
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or with max(0, ·)."""
    each = (*steps, units)
    return joined(
        gate_sums(1, steps, inputs, units, units, bias),
        elementwise(each, "W_ih x + W_hh h", "add"),
        elementwise(each, *NONLINEARITY[nonlinearity]),
    )


def lstm_step(steps: Shape, inputs: Dim, units: Dim, bias: bool, projected: Dim = 0) -> Work:
    """i, f, o = σ(…), g = tanh(…), c = f c + i g, h = o tanh(c); with ``projected`` units h = W_hr (o tanh(c))."""
    each = (*steps, units)
    state = units if projected == 0 else projected
    return joined(
        gate_sums(4, steps, inputs, state, units, bias, " (i, f, g, o)"),
        elementwise((*steps, 4, units), "W_ih x + W_hh h", "add"),
        elementwise((*steps, 3, units), "i, f, o = σ(·) = 1/(1 + exp(−·))", "exp", "add", "div"),
        elementwise(each, "g = tanh(·)", "tanh"),
        Work((Line("c = f c + i g", "mul", (*steps, 2, units)), Line("c = f c + i g", "add", each))),
        elementwise(each, "h = o tanh(c)", "tanh", "mul"),
        *([] if projected == 0 else [affine("W_hr h", (*steps, projected), units)]),
    )


def gru_step(steps: Shape, inputs: Dim, units: Dim, bias: bool) -> Work:
    """r, z = σ(…), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 − z) n + z h."""
    each = (*steps, units)
    return joined(
        gate_sums(3, steps, inputs, units, units, bias, " (r, z, n)"),
        elementwise((*steps, 2, units), "W_ih x + W_hh h (r, z)", "add"),
        elementwise((*steps, 2, units), "r, z = σ(·) = 1/(1 + exp(−·))", "exp", "add", "div"),
        elementwise(each, "W_in x + r W_hn h", "mul", "add"),
        elementwise(each, "n = tanh(·)", "tanh"),
        Work(
            (
                Line("h = (1 − z) n + z h", "mul", (*steps, 2, units)),
                Line("h = (1 − z) n + z h", "add", (*steps, 2, units)),
            )
        ),
    )


def gate_parameters(gates: int, inputs: Dim, state: Dim, units: Dim, bias: bool, suffix: str = "") -> dict[str, Shape]:
    """torch's names for the parameters of a cell with this many gates."""
    found: dict[str, Shape] = {
        f"weight_ih{suffix}": (gates * units, inputs),
        f"weight_hh{suffix}": (gates * units, state),
    }
    if bias:
        found[f"bias_ih{suffix}"] = found[f"bias_hh{suffix}"] = (gates * units,)
    return found


def takes_states(inputs: tuple[Shape, ...], states: tuple[str, ...]) -> Fact:
    """The input, or the input with all initial states (zeros where not given)."""
    return takes_inputs(inputs, (1, 1 + len(states)), f"x, or x with {' and '.join(states)}")


# ---------------------------------------------------------------- layers


class _Recurrent(Layer):
    """What the recurrent layers share: they differ in one step and in the number of gates."""

    arity = None
    gates: int
    states: ClassVar[tuple[str, ...]] = ("h",)
    input_size: Dim
    hidden_size: Dim
    num_layers: int
    bias: bool
    dropout: float
    bidirectional: bool

    def step(self, steps: Shape, inputs: Dim) -> Work:
        """The work of ``steps`` steps of one layer in one direction."""
        raise NotImplementedError

    @property
    def state(self) -> Dim:
        """The size of h: what one direction puts out."""
        return self.hidden_size

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def conditions(self, *inputs: Shape) -> Conditions:
        yield takes_states(inputs, self.states)
        x, *states = inputs
        yield from sequences("T x input_size", x)
        yield equal(self.input_size, x[1], "input_size", "input_size")
        yield at_least(self.hidden_size, 1, "hidden_size")
        yield at_least(self.num_layers, 1, "num_layers")
        yield at_most(self.num_layers, MOST_LAYERS, "num_layers")
        yield probability(self.dropout, "dropout")
        for name, state in zip(self.states, states):
            one = "unsqueeze 0 makes a vector one state"
            yield has_rank(state, 2, "num_layers·num_directions x hidden_size")._replace(hint=one)
            yield equal(state[0], self.num_layers * self.directions, f"the number of states {name}")
            yield equal(state[1], self.state if name == "h" else self.hidden_size, f"the size of the state {name}")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], self.directions * self.state)

    def parameters(self) -> dict[str, Shape]:
        found: dict[str, Shape] = {}
        for number in range(self.num_layers):
            inputs = self.directions * self.state if number else self.input_size
            for suffix in (f"_l{number}", f"_l{number}_reverse")[: self.directions]:
                found |= gate_parameters(self.gates, inputs, self.state, self.hidden_size, self.bias, suffix)
                found |= self.projection(suffix)
        return found

    def projection(self, suffix: str) -> dict[str, Shape]:
        """The parameters that follow those of the gates."""
        return {}

    def work(self, *inputs: Shape) -> Work:
        x = inputs[0]
        first = self.step(x[:1], x[1])
        if self.num_layers == 1:
            return joined(first, times=self.directions)
        later = self.step(x[:1], self.directions * self.state)
        return joined(
            labelled("layer 0", joined(first, times=self.directions)),
            labelled("later layers", joined(later, times=(self.num_layers - 1) * self.directions)),
        )

    def reach(self, *inputs: Shape) -> Reach:
        steps: Rule = WHOLE if self.bidirectional else Causal(0)
        states: Rule = WHOLE
        if self.bidirectional:
            own = "a direction reads its own state of the last layer, and all of those below"
            states = Blocks(1, self.state, 1) if self.num_layers == 1 else Unknown(own)
        sizes: dict[str, Rule] = {"h": WHOLE, "c": self.reads_cells()}
        return ((steps, WHOLE), *((states, sizes[name]) for name in self.states[: len(inputs) - 1]))

    def reads_cells(self) -> Rule:
        """What one unit reads of the initial cells of a layer."""
        return Unknown("the first step reads its own cell alone, every later one all")


@layer
class RNN(_Recurrent):
    """A simple recurrent layer: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh), or with max(0, ·).

    Inputs: x, or x and h_0, ``num_layers·num_directions x hidden_size`` (zeros where not given).
    Shapes: ``T x input_size`` → ``T x num_directions·hidden_size``, all of h_1 … h_T of the last layer. With one layer
    and one direction ``slice start=-1`` is torch's h_n, and may be the next one's h_0; the last states of the layers
    below are no output here. ``batch_first`` changes nothing per sample.
    Each later layer reads the directions of the one below, side by side.
    Work, for each of T steps, layer and direction, of width n = its input and H = hidden_size: H·n + H·H mul,
    H·(n − 1) + H·(H − 1) + H add (+ 2·H with bias), H tanh or max. The zero state counts like any other.
    Step t reads the steps 0 … t; with two directions it reads them all.
    """

    words = ("rnn",)
    namesake = "RNN"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html"
    examples = ("10x8 -> rnn 16", "10x8 -> rnn 16 num_layers=2 nonlinearity=relu bidirectional=True")
    trial_inputs = (
        *(((3, 4),), ((1, 2),), ((4, 1),), ((2, 3),), ((3, 3),), ((2, 2),), ((2, 3, 2),)),
        *(((3, 4), (1, 2)), ((2, 3), (1, 2)), ((2, 3), (2, 2)), ((3, 2), (2, 2)), ((2, 2), (4, 2)), ((2, 3), (2,))) * 2,
    )
    gates = 1

    input_size: Dim = inferred("features of each step of the input", axis=-1)
    hidden_size: Dim = size("features of the hidden state", tries=(1, 2, 2, 2, 3, 3, 4, 4, 0))
    num_layers: int = integer("recurrent layers, one upon the other", 1, tries=(1, 2, 2, 2, 3, 3, 0))
    nonlinearity: str = choice("tanh, or relu: max(0, ·)", "tanh", ("tanh", "relu"))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)
    dropout: float = real("share dropped between layers in training", 0.0, tries=(0.0, 0.1, 0.25, 0.5, 1, 1.5))
    bidirectional: bool = flag("a second set of cells runs backwards", False)

    def step(self, steps: Shape, inputs: Dim) -> Work:
        return rnn_step(steps, inputs, self.hidden_size, self.bias, self.nonlinearity)


@layer
class LSTM(_Recurrent):
    """Long short-term memory: i, f, o = σ(·), g = tanh(·), c = f c + i g, h = o tanh(c).

    Each · is W_ih x + b_ih + W_hh h + b_hh with its gate's quarter of the tensors; σ(a) = 1 / (1 + exp(−a)).
    With ``proj_size`` P the state is h = W_hr (o tanh(c)), of P features.
    Inputs: x, or x with h_0, ``num_layers·num_directions x H_out``, and c_0, ``… x hidden_size`` (else zeros).
    The last c, torch's c_n, is no output here; h_n is the last step of the output, as :class:`RNN` says.
    Shapes: ``T x input_size`` → ``T x num_directions·H_out``, H_out = P or hidden_size (``batch_first`` or not).
    Work, for each of T steps, layer and direction, of width n = its input and H = hidden_size: products
    4·H·n + 4·H·H_out mul, 4·H·(n − 1) + 4·H·(H_out − 1) add, + 8·H add with bias; their sum 4·H add; gates 3·H exp, add
    and div, H tanh; c 2·H mul, H add; h H tanh, H mul; projection P·H mul, P·(H − 1) add. The zero state counts.
    Step t reads the steps 0 … t; with two directions it reads them all.
    """

    words = ("lstm",)
    namesake = "LSTM"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html"
    examples = ("10x8 -> lstm 16", "10x8 -> lstm 16 num_layers=2 bidirectional=True", "10x8 -> lstm 16 proj_size=4")
    trial_inputs = (
        *RNN.trial_inputs[:7],
        *(((3, 4), (1, 3), (1, 3)), ((2, 3), (2, 3), (2, 3)), ((2, 2), (2, 1), (2, 3)), ((1, 2), (4, 3), (4, 3))) * 4,
        *(((2, 3), (1, 1), (1, 4)), ((3, 2), (1, 4), (1, 4)), ((2, 3), (1, 3)), ((2, 3), (1, 3), (1, 2))),
    )
    gates = 4
    states = ("h", "c")

    input_size: Dim = inferred("features of each step of the input", axis=-1)
    hidden_size: Dim = size("features of the cell", tries=(1, 2, 3, 3, 3, 4, 4, 4, 5, 0))
    num_layers: int = integer("recurrent layers, one upon the other", 1, tries=(1, 2, 2, 2, 3, 3, 0))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)
    dropout: float = real("share dropped between layers in training", 0.0, tries=(0.0, 0.1, 0.25, 0.5, 1, -0.5))
    bidirectional: bool = flag("a second set of cells runs backwards", False)
    proj_size: Dim = size("features that h is projected to (0: not projected)", 0, tries=(0, 0, 1, 1, 2, 2, 3, -1))

    def conditions(self, *inputs: Shape) -> Conditions:
        yield from projection_fits(self.proj_size, self.hidden_size)
        yield from super().conditions(*inputs)

    def reads_cells(self) -> Rule:
        return super().reads_cells() if self.proj_size == 0 else WHOLE

    @property
    def state(self) -> Dim:
        return self.hidden_size if self.proj_size == 0 else self.proj_size

    def projection(self, suffix: str) -> dict[str, Shape]:
        return {} if self.proj_size == 0 else {f"weight_hr{suffix}": (self.proj_size, self.hidden_size)}

    def step(self, steps: Shape, inputs: Dim) -> Work:
        return lstm_step(steps, inputs, self.hidden_size, self.bias, self.proj_size)


def projection_fits(projected: Dim, units: Dim) -> Conditions:
    """The projection, where there is one (a letter is one), makes h smaller."""
    if projected != 0:
        yield at_least(projected, 1, "proj_size")
        yield at_most(projected, units - 1, "proj_size")


@layer
class GRU(_Recurrent):
    """Gated recurrent unit: r, z = σ(·), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 − z) n + z h.

    Each · is W_ih x + b_ih + W_hh h + b_hh with its gate's third of the tensors; σ(a) = 1 / (1 + exp(−a)).
    Inputs: x, or x and h_0, ``num_layers·num_directions x hidden_size`` (zeros where not given).
    Shapes: ``T x input_size`` → ``T x num_directions·hidden_size``; ``batch_first`` changes nothing per sample.
    The last state is the last step of the output, as :class:`RNN` says.
    Work, for each of T steps, layer and direction, of width n = its input and H = hidden_size: products
    3·H·n + 3·H·H mul, 3·H·(n − 1) + 3·H·(H − 1) add, + 6·H add with bias; their sum for r and z 2·H add; gates 2·H exp,
    add and div; n H mul, add and tanh; h 2·H mul, 2·H add (one of them 1 − z). The zero state counts like any other.
    Step t reads the steps 0 … t; with two directions it reads them all.
    """

    words = ("gru",)
    namesake = "GRU"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html"
    examples = (
        "10x8 -> gru 16",
        "10x8 -> gru 16 -> slice start=-1 as h -> from input -> gru 16 with h",
        "10x8 -> gru 16 num_layers=2 bidirectional=True nobias",
    )
    trial_inputs = RNN.trial_inputs
    gates = 3

    input_size: Dim = inferred("features of each step of the input", axis=-1)
    hidden_size: Dim = size("features of the hidden state", tries=(1, 2, 2, 2, 3, 3, 4, 4, 0))
    num_layers: int = integer("recurrent layers, one upon the other", 1, tries=(1, 2, 2, 2, 3, 3, 0))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)
    dropout: float = real("share dropped between layers in training", 0.0, tries=(0.0, 0.1, 0.25, 0.5, 1, 1.5))
    bidirectional: bool = flag("a second set of cells runs backwards", False)

    def step(self, steps: Shape, inputs: Dim) -> Work:
        return gru_step(steps, inputs, self.hidden_size, self.bias)


# ---------------------------------------------------------------- cells


class _Cell(Layer):
    """What the cells share: one step from x, and the states where they are given (zeros where not), to the next h."""

    gates: int
    states: ClassVar[tuple[str, ...]] = ("h",)
    input_size: Dim
    hidden_size: Dim
    bias: bool
    arity = None

    def conditions(self, *inputs: Shape) -> Conditions:
        yield takes_states(inputs, self.states)
        x, *states = inputs
        yield has_rank(x, 1, "input_size")
        yield equal(self.input_size, x[0], "input_size", "input_size")
        yield at_least(self.input_size, 1, "input_size")
        yield at_least(self.hidden_size, 1, "hidden_size")
        for name, state in zip(self.states, states):
            yield has_rank(state, 1, "hidden_size")
            yield equal(state[0], self.hidden_size, f"the size of the state {name}")

    def output_shape(self, *inputs: Shape) -> Shape:
        return (self.hidden_size,)

    def parameters(self) -> dict[str, Shape]:
        return gate_parameters(self.gates, self.input_size, self.hidden_size, self.hidden_size, self.bias)

    def reach(self, *inputs: Shape) -> Reach:
        cell_state = ((Window(0),),) if len(inputs) > 2 else ()  # a unit of h reads its own c
        return ((WHOLE,),) * min(2, len(inputs)) + cell_state


@layer
class RNNCell(_Cell):
    """One step of a simple recurrent layer: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with max(0, ·).

    Inputs: x, or x and h (zeros where not given). Shapes: ``input_size`` (and ``hidden_size``) → ``hidden_size``.
    Work as for one step of :class:`RNN`, that of a zero state included.
    """

    words = ("rnncell",)
    namesake = "RNNCell"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html"
    examples = ("8 -> rnncell 16", "8 -> rnncell 16 nonlinearity=relu nobias")
    trial_inputs = (((4,),), ((1,),), ((3,),), ((2,),), ((2, 3),), ((3,), (2,)), ((2,), (2,)))
    gates = 1

    input_size: Dim = inferred("features of the input", axis=-1)
    hidden_size: Dim = size("features of the hidden state", tries=(1, 2, 2, 2, 2, 3, 5, -1))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)
    nonlinearity: str = choice("tanh, or relu: max(0, ·)", "tanh", ("tanh", "relu"))

    def work(self, *inputs: Shape) -> Work:
        return rnn_step((), inputs[0][0], self.hidden_size, self.bias, self.nonlinearity)


@layer
class LSTMCell(_Cell):
    """One step of an LSTM: i, f, o = σ(·), g = tanh(·), c' = f c + i g, h' = o tanh(c'); the output is h'.

    Inputs: x, or x, h and c (zeros where not given).
    Shapes: ``input_size`` (and twice ``hidden_size``) → ``hidden_size``.
    Work as for one step of :class:`LSTM`, that of zero states included.
    """

    words = ("lstmcell",)
    namesake = "LSTMCell"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html"
    examples = ("8 -> lstmcell 16", "8 -> lstmcell 16 nobias")
    trial_inputs = (((4,),), ((1,),), ((3,),), ((2,),), ((2, 3),), ((3,), (2,), (2,)), ((2,), (2,), (2,)))
    gates = 4
    states = ("h", "c")

    input_size: Dim = inferred("features of the input", axis=-1)
    hidden_size: Dim = size("features of the hidden state", tries=(1, 2, 2, 2, 2, 3, 4, 5, -1))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)

    def work(self, *inputs: Shape) -> Work:
        return lstm_step((), inputs[0][0], self.hidden_size, self.bias)


@layer
class GRUCell(_Cell):
    """One step of a GRU: r, z = σ(·), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 − z) n + z h.

    Inputs: x, or x and h (zeros where not given). Shapes: ``input_size`` (and ``hidden_size``) → ``hidden_size``.
    Work as for one step of :class:`GRU`, that of a zero state included.
    """

    words = ("grucell",)
    namesake = "GRUCell"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html"
    examples = ("8 -> grucell 16", "8 -> grucell 16 nobias")
    trial_inputs = RNNCell.trial_inputs
    gates = 3

    input_size: Dim = inferred("features of the input", axis=-1)
    hidden_size: Dim = size("features of the hidden state", tries=(1, 2, 2, 2, 2, 3, 4, 5, -1))
    bias: bool = flag("add the learned biases b_ih and b_hh", True)

    def work(self, *inputs: Shape) -> Work:
        return gru_step((), inputs[0][0], self.hidden_size, self.bias)
