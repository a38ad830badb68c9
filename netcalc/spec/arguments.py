"""What is given to a layer kind, or to a ``def``: each argument finds its name, and what is doubtful is refused."""

from __future__ import annotations

import re
from typing import Any, Iterable, NoReturn, Sequence

from netcalc.dims import Expr, text
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Node
from netcalc.layers import all_words, torch_kind
from netcalc.layers.base import Layer
from netcalc.layers.missing import ALIASES, LEFT_OUT, UNHEEDED
from netcalc.spec.kinds import function_named, kinds_of
from netcalc.spec.scope import NodeReference, Scope, Word
from netcalc.spec.source import Source
from netcalc.spec.syntax import Argument, Binary, Block, Call, Definition, Module, Name, Number, Series, Value

_FOREIGN = {
    "in_channels": "inputs are inferred: leave it out, or use the torch form Conv2d(in, out, …)",
    "in_features": "inputs are inferred: leave it out, or use the torch form Linear(in, out)",
    "training": "the figures are those of inference: leave it out",
    "activation": "an activation is a layer of its own: -> relu",
    **LEFT_OUT,
}
_WORDS = {"true": "True", "false": "False"}


class Bound:
    """What one step gives to a kind, behind the layers ``before``. Raises SpecError where that does not take it.

    ``values`` are the arguments by name, ``spans`` say where each is written, ``nodes`` are further inputs, and
    ``shared`` are the tied parameters.
    """

    def __init__(self, kind: type[Layer], step: Call | Block, scope: Scope, before: Sequence[Node]) -> None:
        self.values: dict[str, Any] = {}
        self.spans: dict[str, Span] = {}
        self.nodes: list[int] = []
        self.shared: tuple[tuple[str, str], ...] = ()
        self.kind, self.step, self.scope, self.source, self.before = kind, step, scope, scope.source, before
        written = step.word.id.rpartition(".")[2]
        self.torch_form = isinstance(step, Call) and step.parenthesized and written[:1].isupper()
        self.takes_layers = isinstance(step, Call) and kind.arity != 1
        states_inputs = self.torch_form and written not in ALIASES  # LazyLinear(out_features) infers them
        self.positional = [name for name, argument in kind.arguments.items() if argument.axis is None or states_inputs]
        self.letters = kind.letters
        self.places = iter(self.positional)
        self.lone: list[str] = []  # the arguments that are given by place
        self.counted: list[str] = []  # the axes that are given under torch's names
        self.bind()

    def bind(self) -> None:
        """Match every argument."""
        if self.kind.made_of and isinstance(self.step, Call):
            self.step = self.unfolded(self.step)
        if self.torch_form and self.kind.heedless:
            return
        for argument in self.step.arguments:
            if self.flag(argument) or self.layer(argument) or self.tie(argument):
                continue
            name = self.next_name(argument) if argument.name is None else self.own_name(argument.name, argument)
            if name:
                self.receive(name, argument)
        if self.torch_form:
            stated = {name: a.stated for name, a in self.kind.arguments.items() if a.stated is not None}
            self.values = stated | self.values
        if self.kind.function.axes or self.kind.function.needs:
            self.count_axes()

    # ------------------------------------------------------------ what an argument is

    def flag(self, argument: Argument) -> bool:
        """Is it a flag in the short form? Then it is put."""
        value = argument.value
        if argument.name is not None or not isinstance(value, Name) or not (found := _flag_named(value.id, self.kind)):
            return False
        name, stated = found
        if not self.torch_form:
            self.put(name, stated, argument)
        elif not self.scope.is_defined(value.id):
            self.source.fail(
                "unknown-name",
                f"{value.id!r} is not defined: in torch's form an argument has its value beside it",
                value.span,
                expected=f"{name}={stated}",
                found=value.id,
                hint=f"{name}={stated}",
            )
        return not self.torch_form

    def layer(self, argument: Argument) -> bool:
        """Is it an earlier layer, also one whose name looks like a tight argument (``p4``)? Then it is an input."""
        if not self.takes_layers or argument.name in self.letters:
            return False
        name = self.scope.as_name(argument)
        if name is None:
            return False
        if argument.name is None:
            found = self.scope.try_node(name)
            taken = isinstance(found, NodeReference) or found is None and not self.positional
        else:
            taken = argument.name not in self.kind.arguments and self.scope.find(name.id) is not None
        if taken:
            self.nodes.append(self.scope.node(name))
        return taken

    def tie(self, argument: Argument) -> bool:
        """Is it ``tied=NAME``? Then the weight is that layer's."""
        if argument.name != "tied" or self.torch_form or not _has_weight(self.kind):
            return False
        value = argument.value
        owner = self.before[self.scope.node(value)] if isinstance(value, Name) else None
        if owner is None or "weight" not in owner.applied.parameters:
            self.source.fail("bad-argument", "tied takes the name of a layer that has a weight", argument.span)
        self.shared = (("weight", dict(shared_by(owner))["weight"]),)
        return True

    def next_name(self, argument: Argument) -> str:
        """What is given by place: nothing further, where a function gathers it with the one before."""
        gathers = self.kind.function.gathers
        if gathers in self.lone and type(more := self.scope.value(argument.value)) in (int, Expr):
            self.extend(gathers, (*_entries(self.values[gathers]), more), argument)
            return ""
        name = next(self.places, None)
        if name is None:
            self.too_many(argument)
        self.lone.append(name)
        if not self.torch_form:
            self.doubtful(name, argument)
        return name

    def own_name(self, name: str, argument: Argument) -> str:
        """The kind's own name for what is given under a letter or under torch's name; nothing where none is needed."""
        kind, axes = self.kind, self.kind.function.axes
        if name in self.letters and not self.torch_form:
            if self.takes_layers and (layer := self.scope.as_name(argument)) and self.scope.find(layer.id) is not None:
                self.source.fail(
                    "ambiguous-argument",
                    f"{layer.id} is an earlier layer, and also {self.letters[name]}={layer.id[1:]}: which is meant?",
                    argument.span,
                    expected=f"with {layer.id}, or {name}={layer.id[1:]}",
                    found=layer.id,
                    hint=f"with {layer.id} for the layer",
                )
            return self.letters[name]
        if name in kind.arguments:
            return name
        if name in axes:
            self.counted.append(axes[name])
            return axes[name]
        if several := _named_argument(kind):
            stated = self.values.get(several, ())
            if name in dict(stated):
                self.source.fail("repeated-argument", f"{name} is given twice", argument.span)
            self.extend(several, (*stated, (name, self.scope.number(argument.value))), argument)
        elif not (self.torch_form and name in UNHEEDED and kind.parameters is not Layer.parameters):
            self.unknown_argument(name, argument)
        return ""

    # ------------------------------------------------------------ values

    def receive(self, name: str, argument: Argument) -> None:
        """The value of an argument; a range is the three of ``slice``."""
        if isinstance(argument.value, Name) and argument.value.id not in self.kind.arguments[name].choices:
            self.misspelt(argument.value)
        if "padding" in name:
            self.scope.may_be_0(argument.value)
        result = self.scope.value(argument.value, self.kind.arguments[name])
        if not isinstance(result, slice):
            return self.put(name, result, argument)
        if "stop" not in self.kind.arguments:
            self.source.fail(
                "bad-argument", f"{self.kind.__name__} takes no range", argument.span, hint="a range is for slice"
            )
        for part, given in (("start", result.start), ("stop", result.stop), ("step", result.step)):
            if given is not None:
                self.put(part, given, argument)

    def extend(self, name: str, values: tuple[Any, ...], argument: Argument) -> None:
        """One more value of an argument that takes several."""
        self.values[name] = values
        self.spans[name] = self.spans.get(name, argument.span).to(argument.span)

    def put(self, name: str, value: Any, argument: Argument) -> None:
        if name in self.values:
            self.source.fail(
                "repeated-argument",
                f"{name} of {self.kind.__name__} is given twice",
                argument.span,
                expected=f"{name} once",
                found=f"{self.source.of(self.spans[name])} and {self.source.of(argument.span)}",
                hint=self.crossed(name, argument),
            )
        if isinstance(value, (NodeReference, Word)):
            self.source.fail(
                "bad-argument", f"{self.source.of(argument.span)} is a layer, not a value for {name}", argument.span
            )
        self.values[name] = value
        self.spans[name] = argument.span

    # ------------------------------------------------------------ what is refused

    def crossed(self, name: str, argument: Argument) -> str:
        """What to write for ``k3,5``."""
        before = self.spans[name]
        between = self.source.text[before.end : argument.span.start].strip()
        if argument.name is not None or between != "," or self.kind.arguments[name].type != "sizes":
            return ""
        return f"{self.source.of(before)}x{self.source.of(argument.span)} for one each axis"

    def following(self, span: Span) -> Argument | None:
        """The argument without a name that stands right behind."""
        behind = next((one for one in self.step.arguments if one.span.start >= span.end), None)
        return behind if behind and behind.name is None else None

    def doubtful(self, name: str, argument: Argument) -> None:
        """Refuse with a question what is given by place and could mean another thing."""
        value, written = argument.value, self.source.of(argument.value.span)
        if not isinstance(value, Series) and (hint := self.kind.stated_by_name.get(name)):
            self.source.fail(
                "ambiguous-argument",
                f"{written} could mean more than one thing to {self.step.word.id}: name it",
                argument.span,
                expected=_listed([f"{key}=" for key in self.positional[:2]]),
                found=written,
                hint=hint.format(written),
            )
        if self.meant_for_inferred(name, argument):
            self.inferred_size(name, argument)
        self.below_zero(value)
        if not isinstance(value, Name) or self.scope.is_defined(written):
            return
        words = [key for key, known in self.kind.arguments.items() if written.lower() in known.choices]
        if words and name not in words:
            self.source.fail(
                "ambiguous-argument",
                f"{written} is a word for {words[0]}: name it",
                argument.span,
                expected=f"{words[0]}={written.lower()}",
                found=written,
                hint=f"{words[0]}={written.lower()}",
            )
        stem = written.rstrip("0123456789")
        letter, number = stem.lower(), written[len(stem) :]
        if written[0] in self.letters and written[1:2].isupper():
            self.source.fail(
                "ambiguous-argument",
                f"{written} is no value: a letter for a size stands behind =",
                argument.span,
                expected=f"{written[0]}={written[1:]}",
                found=written,
                hint=f"{written[0]}={written[1:]}",
            )
        if (tight := re.fullmatch(r"([a-z])(\d+)\.\d+", written)) and tight[1] in self.letters:
            letter, whole = tight[1], int(tight[2])
            self.source.fail(
                "bad-argument",
                f"{self.letters[letter]} is a whole number",
                argument.span,
                expected="a whole number",
                found=written,
                hint=f"{letter}{whole} or {letter}{whole + 1}",
            )
        place = self.step.arguments.index(argument)
        behind = self.following(argument.span)
        follows = behind.value if behind else None
        apart = not number and isinstance(follows, (Number, Series))
        meant = self.letters.get(letter)
        if meant and (stem == letter or (apart and meant == name) or number and (place or meant == name)):
            digits = number or "3"
            if apart and isinstance(follows, (Number, Series)):
                digits = "x".join(re.findall(r"\d+", self.source.of(follows.span)))
            self.source.fail(
                "ambiguous-argument",
                f"{written} is {'no value' if stem == letter else 'a letter of its own'}: is {meant} meant?",
                argument.span,
                expected=f"{letter}{digits}, written tight and small",
                found=written + (f" {digits}" if apart else ""),
                hint=f"{letter}{digits} for {meant}={digits}"
                + (f", or {meant}={written} for an unknown size {written}" if stem != letter else ""),
            )

    def below_zero(self, value: Value) -> None:
        """Refuse ``p-1``, which would take 1 from a size p."""
        if (
            isinstance(value, Binary)
            and value.operator == "-"
            and isinstance(value.left, Name)
            and isinstance(value.right, Number)
        ):
            letter, written = value.left.id, self.source.of(value.span)
            if letter in self.letters and self.scope.is_unknown(letter):
                positive = written.replace("-", "", 1)
                self.source.fail(
                    "ambiguous-argument",
                    f"{written} is no value: {self.letters[letter]} is not below 0",
                    value.span,
                    expected=f"{positive}, written tight and small",
                    found=written,
                    hint=f"{positive} for {self.letters[letter]}={positive[1:]}",
                )

    def meant_for_inferred(self, name: str, argument: Argument) -> bool:
        """Is a whole number, or a letter, written where only an inferred size would be one (``bn 64``)?"""
        kind = self.kind.arguments[name]
        if kind.type not in ("real", "flag") or all(known.axis is None for known in self.kind.arguments.values()):
            return False
        value = self.scope.value(argument.value, kind)
        return isinstance(value, Expr) or type(value) is int and value > 1

    def inferred_size(self, name: str, argument: Argument) -> NoReturn:
        inferred = next(key for key, accepted in self.kind.arguments.items() if accepted.axis is not None)
        value = self.source.of(argument.value.span)
        self.source.fail(
            "bad-argument",
            f"{self.kind.__name__} reads its {inferred} off the input: it is not written in the short form",
            argument.span,
            expected=f"no {inferred}",
            found=value,
            hint=f"leave it out, or write {inferred}={value} to have it checked, or {name}={value} if that is meant",
        )

    def misspelt(self, word: Name) -> None:
        """Refuse an unknown word that is near to one which the kind takes (``nobais``, ``casual``, ``kernel``)."""
        if not self.scope.is_unknown(word.id) or "." in word.id or self.scope.hidden(word.id):
            return
        known = [f"no{name}" if self.kind.defaults[name] is True else name for name in self.kind.arguments]
        known += [choice for argument in self.kind.arguments.values() for choice in argument.choices]
        if hint := self.instead(word) or did_you_mean(word.id, known):
            self.source.fail(
                "unknown-name",
                f"{word.id!r} is not defined",
                word.span,
                expected=f"what {self.kind.__name__} takes",
                found=word.id,
                hint=hint,
            )

    def instead(self, word: Name) -> str:
        """What to write for a word that is not misspelt: ``stride 2``, ``bias=false``, ``avgpool global``."""
        if word.id in _WORDS:
            return f"did you mean {_WORDS[word.id]!r}?"
        if word.id in self.kind.arguments:
            behind = self.following(word.span)
            return f"an argument has its value beside it: {word.id}={self.source.of(behind.span) if behind else '…'}"
        whole = f"{word.id}{self.step.word.id}"
        return f"did you mean {whole!r}?" if whole in all_words() else _FOREIGN.get(word.id, "")

    def too_many(self, argument: Argument) -> NoReturn:
        self.source.fail(
            "too-many-arguments",
            f"{self.kind.__name__} takes {_listed(self.positional)}: this is one too many",
            argument.span,
            expected=_listed(self.positional),
            found=self.source.of(argument.span),
            hint="input sizes are inferred, not written"
            if any(a.axis is not None for a in self.kind.arguments.values())
            else "",
        )

    def unknown_argument(self, name: str, argument: Argument) -> NoReturn:
        names = list(self.kind.arguments)
        value = self.source.of(argument.value.span)
        if name == "K" and "k" in self.letters:
            self.source.fail(
                "ambiguous-argument",
                "K= is the number of filters in some courses and the kernel size in torch: which do you mean?",
                argument.span,
                expected="out_channels= or kernel_size=",
                found=self.source.of(argument.span),
                hint=f"out_channels={value} for the filters, or k={value} for the kernel",
            )
        written = [f"{key} ({letter})" if (letter := self.kind.arguments[key].letter) else key for key in names]
        self.source.fail(
            "unknown-argument",
            f"{self.kind.__name__} has no argument {name!r}",
            Span(argument.span.start, argument.span.start + len(name)),
            expected=_listed(written),
            found=name,
            hint=_FOREIGN.get(name)
            or did_you_mean(name, names)
            or did_you_mean(name.lower(), [*self.letters])
            or _with_part(name, names),
        )

    # ------------------------------------------------------------ axes, which torch counts with the batch

    def count_axes(self) -> None:
        """Axes that are counted as torch does become a sample's own; what could be either is refused."""
        function = self.kind.function
        either = isinstance(self.step, Call) and self.step.parenthesized and not self.torch_form
        called = function_named(self.step.word.id)
        if called and function.needs and function.needs not in self.values:
            theirs = {ours: name for name, ours in function.axes.items()}
            refuse_without(theirs.get(function.needs, function.needs), self.step, self.source)
        stated = {name: self.values[name] for name in function.axes.values() if name in self.values}
        for name, value in stated.items():
            if called or name in self.counted:
                with self.source.placed(self.spans[name]):
                    self.values[name] = function.per_sample(value)
            elif either and name in self.lone and any(not (type(axis) is int and axis < 0) for axis in _entries(value)):
                self.ambiguous_axes(stated, self.spans[name])

    def ambiguous_axes(self, stated: dict[str, Any], span: Span) -> NoReturn:
        """``transpose(1, 2)`` may be torch's, which counts the batch: the error says both meanings without doubt."""

        def spelt(values: Iterable[Any]) -> str:
            axes = (text(axis).replace("−", "-") for value in values for axis in _entries(value))
            return " ".join([self.step.word.id, *axes])

        try:
            theirs = f"{spelt(map(self.kind.function.per_sample, stated.values()))} if axis 0 is the batch"
        except SpecError as error:
            theirs = f"as torch's it would not do: {error.message}"
        self.source.fail(
            "ambiguous-argument",
            f"{self.source.of(self.step.span)} may count a sample's own axes, or the batch as axis 0 as torch does",
            span,
            expected="axes without brackets, which are a sample's own, or dim=, which is torch's",
            found=self.source.of(self.step.span),
            hint=f"{spelt(stated.values())} if these are a sample's own axes; {theirs}",
        )

    # ------------------------------------------------------------ modules within modules

    def unfolded(self, step: Call) -> Call:
        """``TransformerEncoder(TransformerEncoderLayer(512, 8), 6)``: the module's arguments become the kind's own."""
        kind = self.kind
        if not any(isinstance(argument.value, Module) for argument in step.arguments):
            return step
        given = self.in_places(step.arguments, kind.made_of)
        made = given.pop(kind.made_of[0], None)
        if made is None or not isinstance(made.value, Module) or kinds_of(made.value.word, self.scope) != (kind.one,):
            self.source.fail(
                "bad-argument",
                f"{kind.__name__} is made of {kind.one.__name__}s",
                made.span if made else step.span,
                expected=f"{kind.__name__}({kind.one.__name__}(…), num_layers)",
            )
        arguments = self.in_places(made.value.arguments, tuple(kind.one.arguments))
        if norm := given.pop("norm", None):
            if isinstance(norm.value, Module):
                self.check_norm(norm, arguments)
                norm = norm._replace(value=Name("True", norm.span))
            if not (isinstance(norm.value, Name) and norm.value.id == "None"):
                given["norm"] = norm
        own = {name: argument for name, argument in given.items() if name in kind.arguments}
        for name, argument in {**given, **arguments}.items():
            if name not in (*kind.made_of, *kind.one.arguments):
                self.unknown_argument(name, argument)
        return step._replace(arguments=tuple(argument._replace(name=n) for n, argument in {**arguments, **own}.items()))

    def check_norm(self, norm: Argument, arguments: dict[str, Argument]) -> None:
        """The norm at the end of a stack is LayerNorm(d_model), with a bias where the stack's layers have one."""
        assert isinstance(norm.value, Module)
        given = self.in_places(norm.value.arguments, ("normalized_shape", "eps", "elementwise_affine", "bias"))

        def stated(where: dict[str, Argument], name: str, default: Any = None) -> Any:
            return self.scope.value(where[name].value) if name in where else default

        width, bias = stated(arguments, "d_model"), stated(arguments, "bias", True)
        if (
            torch_kind(norm.value.word.id.rpartition(".")[2]) is not torch_kind("LayerNorm")
            or _entries(stated(given, "normalized_shape")) != (width,)
            or stated(given, "elementwise_affine", True) is not True
            or stated(given, "bias", True) is not bias
        ):
            self.source.fail(
                "bad-argument",
                "the norm at the end must be like those of the layers",
                norm.span,
                expected=f"LayerNorm({text(width)}{'' if bias else ', bias=False'})" if width else "LayerNorm(d_model)",
                found=self.source.of(norm.span),
                hint="without norm= here, any other norm may stand as a layer of its own behind this one",
            )

    def in_places(self, arguments: tuple[Argument, ...], names: tuple[str, ...]) -> dict[str, Argument]:
        """Arguments by their names; those without one by their places."""
        queue = iter(names)
        found: dict[str, Argument] = {}
        for argument in arguments:
            name = argument.name or next(queue, "")
            if not name or name in found:
                self.source.fail(
                    "too-many-arguments", "this is one too many", argument.span, expected=_listed(list(names))
                )
            found[name] = argument
        return found


def values_given(definition: Definition, step: Call, scope: Scope) -> dict[str, Any]:
    """The values of a definition's parameters."""
    word, source = definition.name.id, scope.source
    values: dict[str, Any] = {}
    names = [parameter.name.id for parameter in definition.parameters]
    positional = iter(names)
    for argument in step.arguments:
        name = argument.name or next(positional, None)
        if name is None or name not in names:
            source.fail(
                "unknown-argument",
                f"{word} takes {_listed(names)}" + (f", not {argument.name!r}" if argument.name else ""),
                argument.span,
                expected=_listed(names),
                found=source.of(argument.span),
                hint=did_you_mean(argument.name or "", names),
            )
        tight = argument.value.id.rstrip("0123456789") if isinstance(argument.value, Name) else ""
        if tight in names and not argument.name and tight != source.of(argument.value.span):
            written = source.of(argument.span)
            source.fail(
                "ambiguous-argument",
                f"{written} is no value: is {tight}= meant?",
                argument.span,
                hint=f"{tight}={written[len(tight) :]}",
            )
        if name in values:
            source.fail("repeated-argument", f"{name} is given twice", argument.span)
        values[name] = scope.value(argument.value)
    missing = [parameter for parameter in definition.parameters if parameter.name.id not in values]
    if not missing:
        return values
    with scope.frame(scope.path, values):  # a default may read the parameters before it
        values = scope.frames[-1].values
        for parameter in missing:
            if parameter.default is None:
                source.fail(
                    "missing-argument",
                    f"{word} needs {parameter.name.id}",
                    step.span,
                    expected=_listed(names),
                    found="nothing",
                )
            values[parameter.name.id] = scope.value(parameter.default)
    return values


def refuse_without(name: str, step: Call | Block, source: Source) -> NoReturn:
    """Refuse one of torch's functions that would work on the batch, too."""
    source.fail(
        "missing-argument",
        f"without {name} {step.word.id} works on the batch axis, too",
        step.span,
        expected=f"{name}, in which 0 is the batch axis",
        found=source.of(step.span),
        hint=f"{step.word.id.rpartition('.')[2]} works on each sample",
    )


def shared_by(owner: Node) -> tuple[tuple[str, str], ...]:
    """Where another use of a layer finds each of its parameters."""
    elsewhere = dict(owner.shared)
    return tuple((name, elsewhere.get(name, f"{owner.name}:{name}")) for name in owner.applied.parameters)


def _flag_named(word: str, kind: type[Layer]) -> tuple[str, bool] | None:
    """``ceil_mode`` for ``ceil_mode=True``, ``nobias`` for ``bias=False``."""
    for name, value in ((word, True), (word.removeprefix("no"), False)):
        if name in kind.arguments and kind.arguments[name].type == "flag":
            return name, value
    return None


def _named_argument(kind: type[Layer]) -> str:
    """The argument that holds sizes under names of one's own (``rearrange "…" h=4``), or an empty text."""
    return next((name for name, argument in kind.arguments.items() if argument.type == "named"), "")


def _with_part(part: str, names: Sequence[str]) -> str:
    """A hint at the names of which this is a part.

    >>> _with_part("scale", ["size", "scale_factor"])
    "did you mean 'scale_factor'?"
    """
    begun = [name for name in names if name.startswith(f"{part}_")]
    whole = [*map(repr, begun or [name for name in names if part in name.split("_")])]
    return f"did you mean {' or '.join(whole[:2])}?" if whole else ""


def _has_weight(kind: type[Layer]) -> bool:
    return "bias" in kind.arguments or kind.__name__ == "Embedding"


def _entries(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no arguments"
