"""A computation told step by step: sections of rows, from which text, Markdown and LaTeX are made."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Iterator, NamedTuple, Sequence

from netcalc.analysis.report import plain, shown
from netcalc.dims import Dim, product
from netcalc.dims import text as size_text
from netcalc.equations.arrays import MOST, Array
from netcalc.equations.arrays import shown as array_text
from netcalc.equations.cautions import cautions
from netcalc.equations.exact import Exact, Value, both
from netcalc.equations.exact import text as number_text
from netcalc.equations.inference import PARAMETER, Computation
from netcalc.equations.ledger import (
    Edge,
    Entry,
    Ledger,
    all_edges,
    backward_ledger,
    edges,
    forward_ledger,
    node_work,
    update_ledger,
)
from netcalc.equations.operations import OPERATIONS, Elementwise, bare, operation
from netcalc.equations.syntax import Apply, Name
from netcalc.equations.syntax import text as written
from netcalc.equations.values import (
    Update,
    differences,
    evaluate,
    gradients,
    has_numbers,
    jacobian,
    known,
    missing,
    updates,
)
from netcalc.equations.windows import Windowed
from netcalc.errors import SpecError


class Section(NamedTuple):
    """A part of the answer: a table with a head, or (without a head) lines of text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


class Asked(NamedTuple):
    """What the answer should hold."""

    gradients: bool = False
    explain: bool = False
    lr: Value | None = None
    momentum: Value | None = None
    weight_decay: Value | None = None

    @property
    def updates(self) -> bool:
        return self.lr is not None or self.momentum is not None or self.weight_decay is not None


def shape_text(shape: Sequence[Dim]) -> str:
    """``[512, 256]``, or ``scalar``."""
    return f"[{', '.join(map(size_text, shape))}]" if shape else "scalar"


_STACKED = re.compile(r"vec\(|⊗")
_PHRASE = re.compile(r" [a-z]{2,} ")


class Story:
    """Everything asked about a computation.

    >>> from netcalc.equations.inference import infer
    >>> story = Story(infer("y = W x + b"), Asked())
    >>> [story.names[i] for i, node in enumerate(story.c.nodes)], story.step(2)
    (['W', 'x', 'q1', 'b', 'y'], 'W x')
    """

    def __init__(self, c: Computation, asked: Asked) -> None:
        self.c, self.asked = c, asked
        for value, about in ((asked.lr, "the learning rate"), (asked.momentum, "the momentum")):
            if value is not None and value < 0:
                raise SpecError(
                    "bad-value",
                    f"{about} {number_text(value)} is below 0" + (": a step uphill" if value is asked.lr else ""),
                    expected="a number of at least 0",
                    found=number_text(value),
                )
        self.names = display_names(c)
        self.forward = forward_ledger(c)
        self.values: list[Array] | None = evaluate(c) if has_numbers(c) else None
        some = any(node.value is not None for node in c.inputs)
        self.known: Sequence[Array | None] = self.values or (known(c) if some else [None] * len(c.nodes))
        self.valued = any(v is not None and not c.nodes[i].is_leaf for i, v in enumerate(self.known))
        self.single = all(size == 1 for size in c.nodes[c.output].shape)
        self.result = self.names[c.output]
        self.top = (
            self.result if self.single else "L"
        )  # of a result of several numbers, the gradients are of a later loss

    # ------------------------------------------------------------ words

    def step(self, index: int) -> str:
        """What a node computes, in the names of its arguments."""
        node = self.c.nodes[index]
        names = [self.names[i] for i in node.inputs]
        match node.operation:
            case "relu":
                return f"max(0, {names[0]})"
            case "repeat":
                return f"{names[0]} repeated to {shape_text(node.shape)}"
            case "reshape":
                return f"{names[0]} as {shape_text(node.shape)}"
            case "unvec":
                return f"unvec({names[0]})"
            case "stack":
                return f"[{'; '.join(names)}]"
            case "outer":
                return f"{names[0]} {names[1]}ᵀ"
            case "matmul":
                dot = all(len(self.c.nodes[i].shape) == 1 for i in node.inputs)
                return f"{names[0]}{'ᵀ' if dot else ''} {names[1]}"
        arguments = tuple(Name(name, node.expression.span) for name in names)
        operator = node.operation
        if operator == "mul" and isinstance(node.expression, Apply) and node.expression.operation == "product":
            operator = (
                "product"
                if not node.shape or any(self.c.nodes[i].operation in ("repeat", "constant") for i in node.inputs)
                else "mul"
            )
        if operator == "pow" and isinstance(node.expression, Apply):
            return written(Apply("pow", (*arguments, node.expression.arguments[1]), node.expression.span))
        if operator == "sqnorm":
            return f"‖{names[0]}‖²"
        options = (
            ()
            if operator in ("norm", "softmax")
            else tuple((k, v) for k, v in node.options.items() if not isinstance(v, Exact))
        )
        return written(Apply(operator, arguments, node.expression.span, options or tuple(node.options.items())))

    def layout(self, edge: Edge) -> tuple[str, str]:
        """The local derivative and the gradient in backprop's layout, in words."""
        node = self.c.nodes[edge.target]
        names = [*(self.names[i] for i in node.inputs), self.names[edge.target]]
        shapes = [self.c.nodes[i].shape for i in node.inputs]
        rule = operation(node.operation)
        layout = rule.layout(edge.place, names, self.partial(self.top, names[-1]), shapes, node.options)
        told = re.sub(r"^1 ([·⊙] )?(?!at |as |summed|−|·|⊙)|(?<=ᵀ) 1$", "", re.sub("^−1 · ", "−", layout))
        return rule.local(edge.place, names, shapes, node.options), bare(told)

    def told_gradients(self) -> Iterator[tuple[Edge, str, str]]:
        """Every edge with its gradient in backprop's layout, in words: ``∂L/∂x``, and what it is.

        Where several nodes read x, the gradients through them are summed: all but the last are parts.
        """
        told = self.told_edges()
        left = Counter(edge.source for edge in told)
        parts: dict[int, str] = {}
        for edge in told:
            source, layout = edge.source, self.layout(edge)[1]
            name = self.partial(self.top, self.names[source])
            left[source] -= 1
            if source in parts or left[source]:
                part = f"({layout})" if _PHRASE.search(layout) else layout
                parts[source] = f"{parts[source]} + {part}".replace("+ −", "− ") if source in parts else part
            yield edge, *((f"part of {name}", layout) if left[source] else (name, parts.get(source, layout)))

    def partial(self, top: str, bottom: str) -> str:
        return "1" if top == bottom else f"∂{top}/∂{bottom}"

    # ------------------------------------------------------------ sections

    def sections(self) -> list[Section]:
        found = [self.tensors(), self.graph()]
        if self.asked.explain:
            found += [self.why(), *(self.ledger(*one) for one in self.ledgers())]
        found += self.windows()
        if self.asked.gradients:
            found.append(self.edges())
            if self.values is not None:
                found += self.local_values()
        if self.values is not None and (self.asked.gradients or self.asked.lr is not None):
            found += self.gradient_values()
        return [section for section in found if section.rows]

    def tensors(self) -> Section:
        rows = []
        for node in self.c.inputs:
            role = self.c.roles[node.name]
            count = shown(product(node.shape)) if role == PARAMETER else ""
            rows.append((node.name, role, shape_text(node.shape), count))
        return Section("tensors", ("name", "role", "shape", "params"), tuple(rows), (3,))

    def graph(self) -> Section:
        rows = []
        for i, node in enumerate(self.c.nodes):
            if node.is_leaf:
                continue
            work = node_work(self.c, i)
            flops = "?" if work.uncounted else shown(Ledger((Entry("", work),)).flops)
            value = self.known[i]
            told = ("?" if value is None else array_text(value),) if self.valued else ()
            rows.append((self.names[i], self.step(i), shape_text(node.shape), flops, *told))
        head = ("node", "is", "shape", "FLOPs", *(("value",) if self.valued else ()))
        return Section("the graph", head, tuple(rows), (3,))

    def why(self) -> Section:
        return Section("why these shapes", (), tuple((reason,) for reason in self.c.reasons))

    def ledger(self, title: str, ledger: Ledger, labels: Sequence[str]) -> Section:
        """A ledger line by line."""
        rows = []
        for entry, label in zip(ledger.entries, labels):
            for line in entry.work.lines:
                factors = " × ".join(_factor(size) for size in line.factors) or "1"
                rows.append((label, line.label, factors, shown(line.count), line.kind))
            if not entry.work.lines:
                uncounted = ", ".join(entry.work.uncounted)
                rows.append((label, entry.work.note or uncounted, "", "?" if uncounted else "0", ""))
        return Section(title, ("for", "of", "factors", "count", "kind"), tuple(rows), (3,))

    def ledgers(self) -> Iterator[tuple[str, Ledger, list[str]]]:
        """Title, ledger and names of its entries: forward, and where they are asked for backward and update."""
        steps = [self.names[i] for i, node in enumerate(self.c.nodes) if not node.is_leaf]
        yield "the ledger of the forward pass", self.forward, steps
        if self.asked.gradients:
            labels = [f"∂{self.names[e.target]}/∂{self.names[e.source]}" for e in edges(self.c)]
            title = "the ledger of the backward pass (edges that lead to parameters)"
            yield title, backward_ledger(self.c), labels
        if self.asked.updates:
            yield "the ledger of an update", self.update_ledger(), list(self.c.parameters)

    def update_ledger(self) -> Ledger:
        return update_ledger(self.c, self.asked.momentum is not None, self.asked.weight_decay is not None)

    def edges(self) -> Section:
        rows = []
        for edge, name, layout in self.told_gradients():
            q, z = self.c.nodes[edge.target].shape, self.c.nodes[edge.source].shape
            local = self.layout(edge)[0]
            top = f"∂{self.names[edge.target]}/∂{self.names[edge.source]}"
            rows.append(
                (
                    top,
                    local,
                    shape_text((*q, *z)),
                    f"{name} = {layout}",
                    shape_text(z),
                )
            )
        return Section(
            "the edges, backwards", ("edge", "derivative", "Jacobian", "in backprop's layout", "shape"), tuple(rows)
        )

    def told_edges(self) -> list[Edge]:
        return all_edges(self.c)

    def windows(self) -> list[Section]:
        found = []
        for i, node in enumerate(self.c.nodes):
            rule = operation(node.operation)
            value, inputs = self.known[i], [v for j in node.inputs if (v := self.known[j]) is not None]
            if isinstance(rule, Windowed) and value is not None:
                lines = rule.working(inputs, value, node.options)
                if len(lines) <= 200:
                    found.append(Section(f"{self.names[i]} = {self.step(i)}", (), tuple((line,) for line in lines)))
        return found

    def local_values(self) -> list[Section]:
        assert self.values is not None
        rows = []
        for edge in self.told_edges():
            size = len(self.values[edge.target].data) * len(self.values[edge.source].data)
            if size <= 36:
                rows.append(
                    (
                        f"∂{self.names[edge.target]}/∂{self.names[edge.source]}",
                        array_text(jacobian(self.c, self.values, edge)),
                    )
                )
        return [Section("local derivatives", ("edge", "value"), tuple(rows))]

    def scalar(self) -> bool:
        return self.values is not None and len(self.values[self.c.output].data) == 1

    def gradient_values(self) -> list[Section]:
        if not self.scalar():
            return [
                Section(
                    "gradients",
                    (),
                    (
                        (
                            f"{self.result} has shape {shape_text(self.c.nodes[self.c.output].shape)}: "
                            f'gradients in numbers need a loss, such as --loss "mse({self.result}, t)"',
                        ),
                    ),
                )
            ]
        rows = [
            (f"∂{self.result}/∂{name}", value_text(slope), array_text(check), mark)
            for name, slope, check, mark in self.checked_gradients()
        ]
        found = [Section("gradients", ("gradient", "value", "by finite differences", ""), tuple(rows))]
        if self.asked.lr is not None:
            found.append(
                Section(
                    "one update",
                    ("parameter", "=", "value"),
                    tuple(row for update in self.updates() for row in self.update_rows(update)),
                )
            )
        return found

    def checked_gradients(self) -> Iterator[tuple[str, Array, Array, str]]:
        """The gradient in every input, by reverse mode and by finite differences, and the verdict."""
        assert self.values is not None
        grads = gradients(self.c, self.values)
        for i, node in enumerate(self.c.nodes):
            if node.operation == "input" and i in grads:
                check = differences(self.c, node.name, self.values)
                slopes = tuple(
                    Exact.of(0) if a == 0 and abs(float(b)) < 1e-9 else b for a, b in zip(grads[i].data, check.data)
                )
                yield node.name, grads[i], Array(check.shape, slopes), self.mark(i, agree(grads[i], check))

    def update_rows(self, update: Update) -> list[tuple[str, str, str]]:
        """w ← w − α · ∂; with momentum by way of the velocity, which starts at 0."""
        if self.asked.momentum is None:
            return [(f"{update.name} ←", update.words, value_text(update.after))]
        assert self.asked.lr is not None
        step = update.gradient
        if self.asked.weight_decay is not None:
            step = step.plus(update.before.times(self.asked.weight_decay))
        return velocity_rows(update.name, update.words, self.asked.momentum, value_text(step), value_text(update.after))

    def kinks(self, source: int) -> list[int]:
        """The nodes behind ``source`` and before the result that are exactly at a kink with these numbers."""
        behind = {source}
        for i, node in enumerate(self.c.nodes):
            if behind & set(node.inputs):
                behind.add(i)
        before = {self.c.output}
        for i in range(self.c.output, -1, -1):
            if i in before:
                before.update(self.c.nodes[i].inputs)
        return [i for i in sorted(behind & before) if self.at_corner(i)]

    def at_corner(self, index: int) -> bool:
        """Is an argument of this node exactly where its function has a corner?"""
        assert self.values is not None
        node = self.c.nodes[index]
        return at_kink(node.operation, [self.values[j] for j in node.inputs])

    def mark(self, source: int, right: bool) -> str:
        """The verdict on a gradient; at a kink finite differences say nothing."""
        return "✓" if right else "at a kink" if self.kinks(source) else "✗"

    def disagreeing(self) -> list[int]:
        """The inputs whose gradients are not what finite differences say."""
        if not self.asked.gradients or self.values is None or not self.scalar():
            return []
        grads = gradients(self.c, self.values)
        return [
            i
            for i, node in enumerate(self.c.nodes)
            if node.operation == "input"
            and i in grads
            and not agree(grads[i], differences(self.c, node.name, self.values))
        ]

    def kink_notes(self) -> list[str]:
        """Where the slopes from the left and from the right differ, so that finite differences say nothing."""
        told: dict[str, None] = {}
        for source in self.disagreeing():
            for kink in self.kinks(source):
                where = f"{self.names[kink]} = {self.step(kink)} is at a kink: the one-sided slopes differ"
                told[where + KINKS[self.c.nodes[kink].operation]] = None
        return list(told)

    def updates(self) -> list[Update]:
        assert self.values is not None
        lr = self.asked.lr
        assert lr is not None
        zero = Exact.of(0)
        return updates(
            self.c,
            self.values,
            gradients(self.c, self.values),
            lr,
            self.asked.momentum or zero,
            self.asked.weight_decay or zero,
        )

    # ------------------------------------------------------------ totals and notes

    def summary(self) -> list[tuple[str, str]]:
        bound = "≥ " if self.forward.uncounted else ""
        lines = [
            ("parameters", shown(self.c.params)),
            ("FLOPs (textbook)", f"{bound}{shown(self.forward.flops)} = {_ops(self.forward)}"),
            ("MACs", shown(self.forward.macs)),
        ]
        if self.asked.gradients:
            backward = backward_ledger(self.c)
            lines.append(
                ("FLOPs backward", f"{'≥ ' if backward.uncounted else ''}{shown(backward.flops)} = {_ops(backward)}")
            )
        if self.asked.updates:
            update = self.update_ledger()
            lines.append(("FLOPs of an update", f"{shown(update.flops)} = {_ops(update)}"))
        for letter, about in self.c.free.items():
            lines.append(("free", f"{letter}: {about}"))
        lines += [("holds when", condition) for condition in self.c.conditions]
        lines += [("uncounted", name) for name in self.forward.uncounted]
        lines += [("note", note) for note in self.c.notes]
        if self.asked.gradients and any(_STACKED.search(self.layout(edge)[0]) for edge in self.told_edges()):
            columns = "derivatives of matrices are of vec(q) by vec(z), the columns below one another"
            lines.append(("note", f"{columns}; I and the column of ones 1 are as large as they must be"))
        if self.asked.gradients and not self.single:
            lines.append(("note", f"{self.result} is not a single number: L stands for a loss behind it"))
        if self.asked.updates and self.asked.lr is None:
            lines.append(("note", "without a learning rate (--lr) an update is counted, but not computed"))
        if self.asked.explain and self.asked.gradients:
            one = f"; of {self.result} itself it is 1, and the product with it is counted" if self.single else ""
            lines.append(("note", f"g in the ledger is the gradient that comes in{one}"))
        lines += [("note", note) for note in (*self.missing_notes(), *self.kink_notes())]
        for caution in cautions(self.c, self.known):
            lines.append(("caution", f"{caution.label}: {caution.what}. Write instead: {caution.instead}"))
        return lines

    def missing_notes(self) -> list[str]:
        """Which inputs have no numbers, where others have some."""
        lacking = missing(self.c)
        if not lacking or len(lacking) == len(self.c.inputs):
            return []
        slopes = self.asked.gradients or self.asked.updates
        told = f"no numbers for {', '.join(lacking)}: what depends on {'it' if len(lacking) == 1 else 'them'}"
        return [f"{told} has no value" + (", and there are no gradients in numbers" if slopes else "")]

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        c = self.c
        found: dict[str, Any] = {
            "equations": [f"{e.name} = {written(e.expression)}" for e in c.equations],
            "tensors": {n.name: {"role": c.roles[n.name], "shape": plain(n.shape)} for n in c.inputs},
            "nodes": [self.node_dict(i) for i, node in enumerate(c.nodes) if not node.is_leaf],
            "totals": {
                "params": plain(c.params),
                "flops": plain(self.forward.flops),
                "macs": plain(self.forward.macs),
                "ops": counts(self.forward),
            },
            "free": dict(c.free),
            "conditions": list(c.conditions),
            "uncounted": list(self.forward.uncounted),
            "notes": [*c.notes, *self.missing_notes()],
            "cautions": [caution._asdict() for caution in cautions(c, self.known)],
        }
        if self.asked.gradients:
            found["edges"] = [self.edge_dict(edge) for edge in self.told_edges()]
            backward = backward_ledger(c)
            found["backward"] = {
                "flops": plain(backward.flops),
                "ops": counts(backward),
                "uncounted": list(backward.uncounted),
            }
        if self.asked.updates:
            update = self.update_ledger()
            found["update"] = {"flops": plain(update.flops), "ops": counts(update)}
        if any(value is not None for value in self.known):
            found["values"] = {
                self.names[i]: numbers(value)
                for i, value in enumerate(self.known)
                if value is not None and c.nodes[i].operation != "constant"
            }
        if self.values is not None and self.scalar() and (self.asked.gradients or self.asked.lr is not None):
            grads = gradients(c, self.values)
            found["gradients"] = {
                self.names[i]: numbers(g) for i, g in sorted(grads.items()) if c.nodes[i].operation != "constant"
            }
            if self.asked.lr is not None:
                found["updated"] = {u.name: numbers(u.after) for u in self.updates()}
        return found

    def node_dict(self, index: int) -> dict[str, Any]:
        node = self.c.nodes[index]
        return {
            "name": self.names[index],
            "is": self.step(index),
            "operation": node.operation,
            "inputs": [self.names[i] for i in node.inputs],
            "shape": plain(node.shape),
            "work": [
                {"label": line.label, "kind": line.kind, "count": plain(line.count), "factors": plain(line.factors)}
                for line in node_work(self.c, index).lines
            ],
        }

    def edge_dict(self, edge: Edge) -> dict[str, Any]:
        q, z = self.c.nodes[edge.target].shape, self.c.nodes[edge.source].shape
        derivative, layout = self.layout(edge)
        return {
            "of": self.names[edge.target],
            "in": self.names[edge.source],
            "jacobian": plain((*q, *z)),
            "derivative": derivative,
            "layout": layout,
            "shape": plain(z),
        }


KINKS = {
    **{kind: f"; {one.at_corner}" for kind, one in OPERATIONS.items() if isinstance(one, Elementwise) and one.corners},
    "mae": "; torch takes 0",
    "max": " (two arguments are equal)",
    "min": " (two arguments are equal)",
    "maxpool": " (two entries of a window are equal)",
    "amax": " (the greatest entry occurs twice; equal ones share the gradient)",
    "amin": " (the least entry occurs twice; equal ones share the gradient)",
    **dict.fromkeys(
        ("gt", "ge", "lt", "le"), " (its two sides are equal); the derivative of the case that holds is taken"
    ),
}
"""Operations with a corner, and what is taken there."""


def velocity_rows(name: str, words: str, momentum: Value, velocity: str, after: str) -> list[tuple[str, str, str]]:
    """One step by way of the velocity, from the words of the step without it."""
    start, _, slope = words.partition(" · ")
    return [
        (f"v_{name} ←", f"{number_text(momentum)} · 0 + {slope}  (v starts at 0)", velocity),
        (f"{name} ←", f"{start} · v_{name}", after),
    ]


def at_kink(kind: str, inputs: Sequence[Array]) -> bool:
    """Is an argument exactly where the function has a corner?"""
    if kind not in KINKS or not inputs:
        return False
    if kind in ("amax", "amin"):
        return inputs[0].data.count((max if kind == "amax" else min)(inputs[0].data, key=float)) > 1
    if len(inputs) == 2 and kind != "maxpool":
        return any(a == b for a, b in zip(inputs[0].data, inputs[1].data))
    if kind in ("max", "min", "maxpool"):
        return len({float(v) for v in inputs[0].data}) < len(inputs[0].data)
    rule = operation(kind)
    assert isinstance(rule, Elementwise)
    return any(v in rule.corners for v in inputs[0].data)


def agree(gradient: Array, check: Array) -> bool:
    """Is the gradient what finite differences say?"""
    return all(abs(float(a) - float(b)) <= 1e-4 * max(1.0, abs(float(a))) for a, b in zip(gradient.data, check.data))


def counts(ledger: Ledger) -> dict[str, Any]:
    return {kind: plain(count) for kind, count in ledger.ops.items()}


def numbers(array: Array) -> dict[str, Any]:
    """The decimals, and the exact numbers as text."""

    def nested(value: object, each: Any) -> Any:
        return [nested(v, each) for v in value] if isinstance(value, list) else each(value)

    return {
        "decimal": nested(array.nested(), float),
        "exact": nested(array.nested(), lambda v: number_text(v) if isinstance(v, Exact) else None),
    }


def value_text(array: Array) -> str:
    """Exact, and the decimals where they say more."""
    if not array.shape:
        return both(array.data[0])
    exact = array_text(array)
    if len(array.data) <= MOST and any(
        isinstance(v, Exact)
        and v.rational is None
        or isinstance(v, Exact)
        and v.rational is not None
        and v.rational.denominator > 1
        for v in array.data
    ):
        return f"{exact} ≈ {array_text(Array(array.shape, tuple(float(v) for v in array.data)))}"
    return exact


def display_names(c: Computation) -> dict[int, str]:
    """The names that the equations give, and ``q1, q2, …`` for what has none; numbers stand for themselves."""
    taken = {node.name for node in c.nodes}
    letter = next(
        letter for letter in ("q", "s", "r", "u") if not any(name.startswith(letter) for name in taken if name)
    )
    found: dict[int, str] = {}
    count = 0
    for i, node in enumerate(c.nodes):
        if node.operation == "constant":
            found[i] = written(node.expression)
        elif node.name:
            found[i] = node.name
        else:
            count += 1
            found[i] = f"{letter}{count}"
    return found


def _factor(size: Dim) -> str:
    written_size = shown(size)
    return f"({written_size})" if " " in written_size else written_size


def _ops(ledger: Ledger) -> str:
    return " + ".join(f"{_factor(count)} {kind}" for kind, count in ledger.ops.items()) or "nothing"
