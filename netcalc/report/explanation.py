"""Explanations as text, Markdown and LaTeX: the same lines, set three ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from textwrap import wrap
from typing import Any

from netcalc.analysis.explanation import FIELD_LETTERS, LONGEST, Alike, Explanation, LayerWorking, Tensor, Total
from netcalc.analysis.operations import Ops, by_kind
from netcalc.analysis.report import CONVENTION, shown
from netcalc.analysis.written import (
    LATEX,
    PLAIN,
    Letter,
    Script,
    Sum,
    count_in,
    crossed,
    in_names,
    in_numbers,
    number_text,
    product_in,
)
from netcalc.dims import Dim
from netcalc.dims import total as summed
from netcalc.layers.base import Uncounted, shape_text
from netcalc.layers.pieces import abbreviated
from netcalc.records import NamedTuple
from netcalc.report.latex import document, formula, holds_when, label_latex, listed, prose, sizes_latex
from netcalc.report.rows import axes, bound, holds_when_markdown, title


class Step(NamedTuple):
    """``label: form = form = form``; ``group`` is the heading it stands under, ``of`` a name behind the note.

    Where ``defines``, the label is the left side of the first sign of equality.
    """

    group: str
    label: str
    forms: tuple[str, ...]
    note: str = ""
    of: str = ""
    defines: bool = False


# ---------------------------------------------------------------- what is said


def steps(entry: LayerWorking, script: Script, brief: bool = False) -> Iterator[Step]:
    """The lines of one layer's working: output size, parameters, operations, MACs, receptive field."""
    yield from _output(entry, script, brief)
    yield from _parameters(entry, script, brief)
    yield from _operations(entry, script, brief)
    if not (isinstance(entry.macs.result, int) and entry.macs.result == 0):
        yield Step("MACs", "", _forms(entry.macs.formula, script, entry.macs.result, brief, count_in))
    for name, counted in entry.report.conventions.items():
        flops, macs = _counted(counted.flops, script), _counted(counted.macs, script)
        form = f"{flops}{script.kind('FLOPs')}, {macs}{script.kind('MACs')}"
        yield Step("conventions", name if script is PLAIN else label_latex(name), (form,))
    yield from _field(entry, script, brief)


def _output(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    if not any(working.what for working in entry.output):
        yield from _output_as_whole(entry, script, brief)
        return
    said: dict[str, str] = {}
    for working in entry.output:
        if not working.what:
            continue
        name, numbers = script.name(working.what), in_numbers(working.formula, script)
        if numbers in said:
            yield Step("output", name, (script.size(working.result),), "likewise as", said[numbers], True)
            continue
        said[numbers] = name
        result = script.size(working.result)
        forms = (numbers, result) if brief else (in_names(working.formula, script), numbers, result)
        yield Step("output", name, _distinct(forms), defines=True)


def _output_as_whole(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    """An output whose sizes all have names already: ``[T, out_features] = [10, 64]``."""
    sizes = [working.formula for working in entry.output]
    forms = [", ".join(show(size, script) for size in sizes) for show in (in_names, in_numbers)]
    if len(sizes) > 1:
        forms = [f"[{form}]" for form in forms]
    inputs = entry.report.input_shapes
    note = "as its input" if len(inputs) == 1 and inputs[0] == entry.report.output_shape else ""
    if sizes:
        yield Step("output", "", _distinct(forms[1:] if brief else forms), note)


def _parameters(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    own = [tensor for tensor in entry.tensors if not tensor.shared]
    for tensor in entry.tensors:
        if tensor.shared:
            yield Step("parameters", tensor.name, (), f"is {tensor.shared}: counted there")
            continue
        yield Step("parameters", f"{tensor.name} {_axes(tensor, script, brief)}", _tensor_forms(tensor, script, brief))
    if len(own) > 1:
        added = " + ".join(script.size(tensor.result) for tensor in own)
        yield Step("parameters", "together", _distinct((added, script.size(entry.report.own_params))), defines=True)
    for tensor in entry.buffers if not brief else ():
        yield Step(
            "buffers", f"{tensor.name} {_axes(tensor, script, brief)}".rstrip(), _tensor_forms(tensor, script, brief)
        )


def _axes(tensor: Tensor, script: Script, brief: bool) -> str:
    show = in_numbers if brief else in_names
    return f"[{', '.join(show(axis, script) for axis in tensor.axes)}]"


def _tensor_forms(tensor: Tensor, script: Script, brief: bool) -> tuple[str, ...]:
    named = [] if brief else [crossed(tensor.axes, script)]
    return _distinct((*named, crossed(tensor.axes, script, numbers=True), script.size(tensor.result)))


def _operations(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    yield from _named_parts(entry, script, brief)
    for line in entry.ledger:
        kinds = [script.kind(part.kind) for part in line.parts]
        written = [[_amount(part.formula, script, numbers) for part in line.parts] for numbers in (False, True)]
        results = [_counted(part.result, script) for part in line.parts]
        forms = [" + ".join(count + kind for count, kind in zip(row, kinds)) for row in (*written, results)]
        label = line.label if script is PLAIN else label_latex(line.label)
        yield Step("operations", label, _distinct(forms[1:] if brief else forms))
    report = entry.report
    if len(entry.ledger) > 1 or len(entry.ledger) == 1 and len(entry.ledger[0].parts) > 1:
        ops = Ops.sum(Ops({part.kind: part.result}) for line in entry.ledger for part in line.parts)
        whole = _least(report.uncounted, script) + script.size(ops.total)
        forms = [_ops(ops, script, report.uncounted), whole]
        yield Step("operations", "together", _distinct(forms), defines=True)
    for name in report.uncounted:
        yield Step("operations", "uncounted", (), name)
    if not entry.ledger and not report.uncounted:
        yield Step("operations", "", (script.size(0),), report.note)


def _named_parts(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    """The formulas that the ledger has names for."""
    said: dict[str, str] = {}
    for working, what in entry.parts:
        name, numbers = script.name(working.what), in_numbers(working.formula, script)
        if model := said.get(numbers):
            yield Step("operations", name, (script.size(working.result),), "likewise as", model, True)
        else:
            forms = _forms(working.formula, script, working.result, brief)
            longer = len(forms) > 1 and not isinstance(working.result, int) and len(forms[-1]) > len(forms[-2])
            yield Step("operations", name, forms[:-1] if longer else forms, what, "", True)
        said.setdefault(numbers, name)


def _amount(formula: Any, script: Script, numbers: bool) -> str:
    """A product before its unit: a sum alone in brackets."""
    written = product_in(formula, script, numbers=numbers)
    return script.group(written) if isinstance(formula, Sum) else written


def _ops(ops: Ops, script: Script, uncounted: Iterable[Uncounted]) -> str:
    return " + ".join(
        f"{_least(names, script)}{_counted(count, script)}{script.kind(kind)}"
        for kind, count, names in by_kind(ops, uncounted)
    )


def _counted(count: Any, script: Script) -> str:
    """A count before its unit: a sum in brackets."""
    written = script.size(count)
    return script.group(written) if " " in written.strip() and _is_sum(count) else written


def _is_sum(size: Any) -> bool:
    return any(sign in in_numbers(size) for sign in (" + ", " − "))


def _field(entry: LayerWorking, script: Script, brief: bool) -> Iterator[Step]:
    field = entry.report.receptive_field
    if field is None or entry.field_note:
        if field is not None:
            yield Step("receptive field", "", (script.word(axes(field.size)),), entry.field_note)
        return
    for working in entry.field:
        forms = _forms(working.formula, script, working.result, brief)
        yield Step("receptive field", working.what, forms, working.note, defines=True)


def _forms(
    formula: Any, script: Script, result: Any, brief: bool, show: Callable[..., str] = product_in
) -> tuple[str, ...]:
    named = [] if brief else [show(formula, script)]
    return _distinct((*named, show(formula, script, numbers=True), script.size(result)))


def _distinct(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(forms))


def letters_line(entry: LayerWorking, script: Script) -> str:
    """``C = 3, H = 32, k = 3``"""
    plain = [letter for letter in entry.letters if not _of_field(letter) and shown(letter.size) != letter.name]
    return ", ".join(_given(letter, script) for letter in plain)


def _of_field(letter: Letter) -> str:
    """Its name among the receptive field's letters, which stand in the heading there; empty for others."""
    stem = letter.name.partition("_")[0]
    return stem if stem in FIELD_LETTERS else ""


def _given(letter: Letter, script: Script) -> str:
    written = f"{script.name(letter.name)} = {script.size(letter.size)}"
    return written if script is PLAIN else f"${written}$"


def total_form(total: Total, script: Script) -> tuple[str, str]:
    """A total's addends as a sum, and the result. Addends that occur more than once stand once, with their count."""
    addends = []
    for one in total.addends:
        if total.what == "operations":
            written = f"{_counted(one.size, script)}{script.kind(one.name)}"
        else:
            written = script.size(one.size)
            written = script.group(written) if " " in written and one.times > 1 else written
            written = f"{one.times}{script.cross}{written}" if one.times > 1 else written
        addends.append(_least(one.uncounted, script) + written)
    return " + ".join(addends) or script.size(0), _least(total.uncounted, script) + script.size(total.result)


def _least(uncounted: object, script: Script) -> str:
    """The sign of a figure that leaves something out."""
    return bound(uncounted) if script is PLAIN else r"\ge " * bool(uncounted)


def in_pieces(explanation: Explanation) -> tuple[tuple[Total, ...], dict[str, Dim]]:
    """The totals, with names for what recurs in them where they are long; and what the names mean."""
    totals = explanation.totals
    if all(len(shown(total.result)) <= LONGEST for total in totals):
        return totals, {}
    taken = [letter.name for entry in explanation.layers for letter in entry.letters]
    sizes = [size for total in totals for size in (total.result, *(one.size for one in total.addends))]
    found, meanings = abbreviated(sizes, taken)
    short = iter(found)
    return tuple(
        total._replace(result=next(short), addends=tuple(one._replace(size=next(short)) for one in total.addends))
        for total in totals
    ), meanings


def alike_text(entry: Alike) -> str:
    """``as layer1.1: 10 layers, 70,400 parameters, 442,365,952 FLOPs; but its receptive field is 27``"""
    layers = entry.layers
    count = f"{len(layers)} layers, " if len(layers) > 1 else ""
    params, flops = summed(layer.own_params for layer in layers), summed(layer.flops for layer in layers)
    field = ""
    if entry.field:
        sizes = entry.field.size
        field = f"; but its receptive field is {axes(sizes[:1] if len(set(sizes)) == 1 else sizes)}"
    least = bound(any(layer.uncounted for layer in layers))
    return f"as {entry.model}: {count}{shown(params)} parameters, {least}{shown(flops)} FLOPs{field}"


# ---------------------------------------------------------------- text


def as_text(explanation: Explanation, brief: bool = False, width: int = 80) -> str:
    """The working for a terminal: a line as long as it fits, else each form on its own line."""
    lines = [*_wrapped(title(explanation.report), width, "    "), ""]
    for entry in explanation.entries:
        if isinstance(entry, Alike):
            lines += [*_wrapped(f"{entry.name}  {alike_text(entry)}", width, "    "), ""]
            continue
        for line in _head(entry, brief):
            lines += _wrapped(line, width, "    ")
        group = ""
        for step in steps(entry, PLAIN, brief):
            if step.group != group and not _inline(step):
                lines += wrap(
                    f"  {_heading(step, entry, brief)}", width, subsequent_indent="    ", break_long_words=False
                )
            group = step.group
            lines += _step_text(step, width)
        lines.append("")
    totals, meanings = in_pieces(explanation)
    if totals:
        lines.append("overall")
        for total in totals:
            lines += _total_text(total, width)
        for name, size in meanings.items():
            lines += _broken(f"  where {name} = {number_text(size)}", width, " " * 10)
    if conditions := explanation.report.conditions:
        lines += [""] if lines[-1] else []
        lines += _wrapped(f"holds when {', '.join(conditions)}", width, " " * 11)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(entry: LayerWorking, brief: bool) -> list[str]:
    report = entry.report
    inputs = ", ".join(shape_text(shape) for shape in dict.fromkeys(report.input_shapes))
    many = f"{len(report.input_shapes)} of " if len(report.input_shapes) > 1 and "," not in inputs else ""
    lines = [f"{entry.name}  {report.layer!r}", f"  {many}{inputs} → {shape_text(report.output_shape)}"]
    given = letters_line(entry, PLAIN)
    return lines + ([f"  with {given}"] if given and not brief else [])


def _heading(step: Step, entry: LayerWorking, brief: bool) -> str:
    said = _introduced(step, entry, brief)
    return f"{step.group} ({said})" if said else step.group


def _introduced(step: Step, entry: LayerWorking, brief: bool) -> str:
    """What the letters of a group stand for that are no sizes of the layer."""
    if brief or step.group != "receptive field":
        return ""
    names = {_of_field(letter) for letter in entry.letters}
    said = []
    if found := [name for name in "rjb" if name in names]:
        words = {"r": "size", "j": "stride", "b": "start"}
        said.append(f"{', '.join(found)}: {_listed([words[name] for name in found])} of the input's field")
    if "last" in names:
        said.append("first, last: what the unit with the largest field reads")
    if "t" in names:
        said.append("t: the last tap that falls on the first output")
    return "; ".join(said)


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _inline(step: Step) -> bool:
    return not step.label


def _step_text(step: Step, width: int) -> list[str]:
    sign = " = " if step.defines else ": "
    head = f"    {step.label}" if step.label else f"  {step.group}"
    said = f"{step.note} {step.of}".strip()
    note = f" ({said})" if said and step.forms else f" {said}" if said else ""
    sign = sign if step.forms else ":"
    written = f"{head}{sign}{' = '.join(step.forms)}{note}"
    if not step.forms:
        return _wrapped(written, width, " " * (len(head) + 2))
    if len(written) <= width or len(step.forms) < 2:
        return _broken(written, width, " " * (len(head) + 3))
    margin = " " * (max(len(head) - 2, 4) if len(head) < width // 2 else 6)
    lines = _broken(f"{head}{sign}{step.forms[0]}", width, margin + "    ")
    for form in step.forms[1:]:
        lines += _broken(f"{margin}  = {form}{note if form is step.forms[-1] else ''}", width, margin + "    ")
    return lines


_PLACES = (" + ", " = ", " × ", " − ", ": ", " ", "·")  # where a line may break, the best first


def _broken(line: str, width: int, margin: str) -> list[str]:
    """A line too long, broken before a plus; without one before another sign."""
    lines = []
    margin = margin if len(margin) < width // 2 else " " * 8
    while len(line) > width and (cut := _cut(line, len(margin) + 4, width)) > 0:
        lines.append(line[:cut].rstrip())
        line = f"{margin}{line[cut:].lstrip()}"
    return [*lines, line]


def _cut(line: str, least: int, width: int) -> int:
    """Where to break: in as few brackets as can be, at the best of the places, as far right as it goes."""
    depths = list(accumulate((sign in "([⌊⌈") - (sign in ")]⌋⌉") for sign in line[: width + 1]))
    for depth in range(max(depths) + 1):
        for sign in _PLACES:
            after = len(sign.rstrip()) if sign in (": ", "·") else 0  # these stay on the line before
            cut = width - after
            while (cut := line.rfind(sign, least, cut)) > 0:
                if depths[cut] <= depth:
                    return cut + after
    return -1


def _wrapped(line: str, width: int, margin: str) -> list[str]:
    """Words and lists, broken before a word."""
    lines = []
    while len(line) > width:
        cut = line.rfind(", ", len(margin) + 4, width) + 1 or line.rfind(" ", len(margin) + 4, width + 1)
        if cut <= 0:
            break
        lines.append(line[:cut])
        line = f"{margin}{line[cut + 1 :]}"
    return [*lines, line]


def _total_name(total: Total) -> str:
    return f"FLOPs ({CONVENTION})" if total.what == "FLOPs" else total.what


def _total_text(total: Total, width: int) -> list[str]:
    added, result = total_form(total, PLAIN)
    name = _total_name(total)
    if total.what == "operations":
        lines = _broken(f"    = {added}", width, "      ") if total.addends else []
        return lines + [line for what in total.uncounted for line in _wrapped(f"    without {what}", width, "      ")]
    return _broken(f"  {name}: {result}{'' if added == result else f' = {added}'}", width, "      ")


# ---------------------------------------------------------------- Markdown


def as_markdown(explanation: Explanation, brief: bool = False) -> str:
    """The working as Markdown, its formulas in code spans."""
    lines = [f"**{title(explanation.report)}**", ""]
    for entry in explanation.entries:
        if isinstance(entry, Alike):
            lines += [f"### {entry.name}", "", f"{alike_text(entry).replace(entry.model, f'`{entry.model}`', 1)}.", ""]
            continue
        lines += _head_markdown(entry, brief)
        group = ""
        for step in steps(entry, PLAIN, brief):
            if step.group != group and (said := _introduced(step, entry, brief)):
                lines.append(f"- {step.group}: {said}")
            lines.append(_step_markdown(step))
            group = step.group
        lines.append("")
    if explanation.totals:
        lines += ["### overall", ""]
    totals, meanings = in_pieces(explanation)
    for total in totals:
        added, result = total_form(total, PLAIN)
        name = _total_name(total)
        if total.addends or total.what != "operations":
            lines.append(f"- {name}: {result}" if added == result else f"- {name}: `{added}` = **{result}**")
        if total.what == "operations":
            lines += [f"  - without {what}" for what in total.uncounted]
    lines += [f"- where `{name} = {number_text(size)}`" for name, size in meanings.items()]
    if conditions := explanation.report.conditions:
        lines += ["", holds_when_markdown(conditions)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head_markdown(entry: LayerWorking, brief: bool) -> list[str]:
    _, shapes, *given = _head(entry, brief)
    lines = [f"### {entry.name}", "", f"`{entry.report.layer!r}`: {shapes.strip()}"]
    return [*lines, *(f"{line.strip()}" for line in given), ""]


def _step_markdown(step: Step) -> str:
    label = f" {step.label}" if step.label else ""
    forms = " = ".join(f"`{form}`" for form in step.forms[:-1])
    result = f"**{step.forms[-1]}**" if step.forms else ""
    said = f"{step.note} {step.of}".strip()
    note = f" ({said})" if said and step.forms else said
    return f"- {step.group}{label}: {' = '.join(part for part in (forms, result) if part)}{note}"


# ---------------------------------------------------------------- LaTeX


def as_latex(explanation: Explanation, brief: bool = False, fragment: bool = False) -> str:
    """The working as LaTeX: a document, or with ``fragment`` what stands between its begin and end (needs amsmath)."""
    lines = [rf"{{\raggedright\section*{{{prose(title(explanation.report))}}}"]
    for entry in explanation.entries:
        if isinstance(entry, Alike):
            lines.append(rf"\subsection*{{{prose(entry.name)}}}" + f"\n{prose(alike_text(entry))}.")
            continue
        lines += _layer_latex(entry, brief)
    totals, meanings = in_pieces(explanation)
    if totals:
        lines.append(r"\subsection*{overall}")
        where = [
            ("" if place else "where", formula(f"{LATEX.name(name)} = {LATEX.size(size)}"))
            for place, (name, size) in enumerate(meanings.items())
        ]
        lines.append(listed([*(row for total in totals for row in _total_latex(total)), *where]))
    if conditions := explanation.report.conditions:
        lines.append(holds_when(conditions))
    body = "\n".join(lines) + "\n\\par}\n"
    return body if fragment else document(body)


def _layer_latex(entry: LayerWorking, brief: bool) -> Iterator[str]:
    _, shapes, *_ = _head(entry, brief)
    yield rf"\subsection*{{{prose(entry.name)}}}"
    yield rf"\texttt{{{prose(repr(entry.report.layer))}}}\\"
    given = "" if brief else letters_line(entry, LATEX)
    yield rf"${sizes_latex(shapes.strip())}$" + (rf"\\ with {given}" if given else "")
    rows = []
    group = ""
    for step in steps(entry, LATEX, brief):
        if step.group != group and (said := _introduced(step, entry, brief)):
            rows.append((step.group, f"({prose(said)})"))
            group = step.group
        rows.append((step.group if step.group != group else "", _step_latex(step)))
        group = step.group
    yield listed(rows)


def _step_latex(step: Step) -> str:
    label, forms = _label_latex(step), " = ".join(step.forms)
    said = f"{prose(step.note)} ${step.of}$" if step.of else prose(step.note)
    note = f" ({said})" if said and forms else f" {said}" if said else ""
    if not label or not forms:
        return (f"{label}: " if label else "") + (formula(forms) if forms else "") + note
    if step.defines:
        return f"{label} {formula(f'= {forms}')}{note}"
    return f"{label}: {formula(forms)}{note}"


def _label_latex(step: Step) -> str:
    """A label in a line of text: names of parameters and words upright, all else as formulas."""
    if not step.label or step.group == "receptive field" or step.label in ("together", "uncounted"):
        return prose(step.label)
    if step.group in ("parameters", "buffers"):
        name, _, shape = step.label.partition(" ")
        return prose(name).replace(".", r".\allowbreak{}") + (f" {formula(shape)}" if shape else "")
    return f"${step.label}$"


def _total_latex(total: Total) -> Iterator[tuple[str, str]]:
    added, result = total_form(total, LATEX)
    if total.what == "operations":
        if total.addends:
            yield "", formula(f"= {added}")
        for what in total.uncounted:
            yield "", f"without {prose(what)}"
        return
    yield prose(_total_name(total)), formula(result if added == result else f"{result} = {added}")
