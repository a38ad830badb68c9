"""Explanations as text, Markdown and LaTeX: the same lines, set three ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from netcalc.analysis.explanation import Alike, Explanation, LayerWorking, Tensor, Total
from netcalc.analysis.operations import Ops
from netcalc.analysis.report import CONVENTION, shown
from netcalc.analysis.written import LATEX, PLAIN, Letter, Script, count_in, crossed, in_names, in_numbers, product_in
from netcalc.dims import total as summed
from netcalc.layers.base import shape_text
from netcalc.report.latex import document, fitted, label_latex, prose, seen_length, sizes_latex
from netcalc.report.rows import axes, title

PAGE, FRAGMENT = 66, 44  # signs in a line of the document, and of a fragment: article's own lines are narrower


class Step(NamedTuple):
    """``label: form = form = form``; ``group`` is the heading it stands under, ``of`` a name behind the note."""

    group: str
    label: str
    forms: tuple[str, ...]
    note: str = ""
    of: str = ""


# ---------------------------------------------------------------- what is said


def steps(entry: LayerWorking, script: Script, brief: bool = False) -> Iterator[Step]:
    """The lines of one layer's working: output size, parameters, operations, MACs, receptive field."""
    yield from _output(entry, script, brief)
    yield from _parameters(entry, script, brief)
    yield from _operations(entry, script, brief)
    if not (isinstance(entry.macs.result, int) and entry.macs.result == 0):
        yield Step("MACs", "", _forms(entry.macs.formula, script, entry.macs.result, brief, count_in))
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
            yield Step("output", name, (script.size(working.result),), "likewise as", said[numbers])
            continue
        said[numbers] = name
        result = script.size(working.result)
        forms = (numbers, result) if brief else (in_names(working.formula, script), numbers, result)
        yield Step("output", name, _distinct(forms))


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
        yield Step("parameters", "together", (added, script.size(entry.report.own_params)))
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
    for line in entry.ledger:
        kinds = [script.kind(part.kind) for part in line.parts]
        written = [
            [product_in(part.formula, script, numbers=numbers) for part in line.parts] for numbers in (False, True)
        ]
        results = [_counted(part.result, script) for part in line.parts]
        forms = [" + ".join(count + kind for count, kind in zip(row, kinds)) for row in (*written, results)]
        label = line.label if script is PLAIN else label_latex(line.label)
        yield Step("operations", label, _distinct(forms[1:2] if brief else forms))
    report = entry.report
    if len(entry.ledger) > 1 or len(entry.ledger) == 1 and len(entry.ledger[0].parts) > 1:
        yield Step("operations", "together", _distinct([_ops(report.ops, script), script.size(report.flops)]))
    for name in report.uncounted:
        yield Step("operations", "uncounted", (), name)
    if not entry.ledger and not report.uncounted:
        yield Step("operations", "", (script.size(0),), report.note)


def _ops(ops: Ops, script: Script) -> str:
    return " + ".join(f"{_counted(count, script)}{script.kind(kind)}" for kind, count in ops.items())


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
        yield Step("receptive field", working.what, _forms(working.formula, script, working.result, brief))


def _forms(
    formula: Any, script: Script, result: Any, brief: bool, show: Callable[..., str] = product_in
) -> tuple[str, ...]:
    named = [] if brief else [show(formula, script)]
    return _distinct((*named, show(formula, script, numbers=True), script.size(result)))


def _distinct(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(forms))


def letters_line(entry: LayerWorking, script: Script) -> str:
    """``C = 3, H = 32, k = 3``"""
    known = ("r", "j", "b", "first", "last")  # what the heading of the receptive field says
    plain = [letter for letter in entry.letters if letter.name not in known and shown(letter.size) != letter.name]
    return ", ".join(_given(letter, script) for letter in plain)


def _given(letter: Letter, script: Script) -> str:
    written = f"{script.name(letter.name)} = {script.size(letter.size)}"
    return written if script is PLAIN else f"${written}$"


def total_form(total: Total, script: Script) -> tuple[str, str]:
    """A total's addends as a sum, and the result. Addends that occur more than once stand once, with their count."""
    if total.what == "operations":
        added = " + ".join(f"{_counted(n, script)}{script.kind(kind)}" for _, n, kind in total.addends)
        return added or script.size(0), script.size(total.result)
    addends = []
    for count, size, _ in total.addends:
        written = script.size(size)
        written = script.group(written) if " " in written and count > 1 else written
        addends.append(f"{count}{script.cross}{written}" if count > 1 else written)
    return " + ".join(addends) or script.size(0), script.size(total.result)


def alike_text(entry: Alike) -> str:
    """``as layer1.1, but receptive field 27: 10 layers, 70,400 parameters, 442,365,952 FLOPs``"""
    layers = entry.layers
    count = f"{len(layers)} layers, " if len(layers) > 1 else ""
    params, flops = summed(layer.own_params for layer in layers), summed(layer.flops for layer in layers)
    field = ""
    if entry.field:
        sizes = entry.field.size
        field = f", but receptive field {axes(sizes[:1] if len(set(sizes)) == 1 else sizes)}"
    return f"as {entry.model}{field}: {count}{shown(params)} parameters, {shown(flops)} FLOPs"


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
                lines += _wrapped(f"  {_heading(step, entry)}", width, "    ")
            group = step.group
            lines += _step_text(step, width)
        lines.append("")
    if explanation.totals:
        lines.append("overall")
        for total in explanation.totals:
            lines += _total_text(total, width)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(entry: LayerWorking, brief: bool) -> list[str]:
    report = entry.report
    inputs = ", ".join(shape_text(shape) for shape in dict.fromkeys(report.input_shapes))
    many = f"{len(report.input_shapes)} of " if len(report.input_shapes) > 1 and "," not in inputs else ""
    lines = [f"{entry.name}  {report.layer!r}", f"  {many}{inputs} → {shape_text(report.output_shape)}"]
    given = letters_line(entry, PLAIN)
    return lines + ([f"  with {given}"] if given and not brief else [])


def _heading(step: Step, entry: LayerWorking) -> str:
    if step.group != "receptive field":
        return step.group
    names = {letter.name for letter in entry.letters}
    said = []
    if found := [name for name in "rjb" if name in names]:
        words = {"r": "size", "j": "stride", "b": "start"}
        said.append(f"{', '.join(found)}: {_listed([words[name] for name in found])} of its input's")
    if "last" in names:
        said.append("first, last: what the unit with the largest field reads")
    return f"{step.group} ({'; '.join(said)})" if said else step.group


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _inline(step: Step) -> bool:
    return not step.label


def _step_text(step: Step, width: int) -> list[str]:
    figures = ("size", "stride", "start", "together")
    sign = " = " if step.label.endswith("_out") or step.label.startswith(figures) else ": "
    head = f"    {step.label}" if step.label else f"  {step.group}"
    said = f"{step.note} {step.of}".strip()
    note = f" ({said})" if said and step.forms else f" {said}" if said else ""
    sign = sign if step.forms else ":"
    written = f"{head}{sign}{' = '.join(step.forms)}{note}"
    if len(written) <= width or len(step.forms) < 2:
        return _broken(written, width, " " * (len(head) + 3))
    margin = " " * max(len(head) - 2, 4)
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
    """Where to break: at the best of the places, as far right as it goes."""
    for sign in _PLACES:
        after = len(sign.rstrip()) if sign in (": ", "·") else 0  # these stay on the line before
        if (cut := line.rfind(sign, least, width - after)) > 0:
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
        return _broken(f"    = {added}", width, "      ") if total.addends else []
    if total.uncounted:
        lines = _broken(f"  {name}: ≥ {result}{'' if added == result else f' = {added}'}", width, "      ")
        return lines + [line for what in total.uncounted for line in _wrapped(f"    without {what}", width, "      ")]
    if added == result:
        return [f"  {name}: {result}"]
    return _broken(f"  {name}: {result} = {added}", width, "      ")


# ---------------------------------------------------------------- Markdown


def as_markdown(explanation: Explanation, brief: bool = False) -> str:
    """The working as Markdown, its formulas in code spans."""
    lines = [f"**{title(explanation.report)}**", ""]
    for entry in explanation.entries:
        if isinstance(entry, Alike):
            lines += [f"### {entry.name}", "", f"{alike_text(entry).replace(entry.model, f'`{entry.model}`', 1)}.", ""]
            continue
        lines += _head_markdown(entry, brief)
        lines += [_step_markdown(step) for step in steps(entry, PLAIN, brief)]
        lines.append("")
    if explanation.totals:
        lines += ["### overall", ""]
    for total in explanation.totals:
        added, result = total_form(total, PLAIN)
        if total.what == "operations" and not total.addends:
            continue
        name, bound = _total_name(total), "≥ " if total.uncounted else ""
        lines.append(f"- {name}: {bound}{result}" if added == result else f"- {name}: `{added}` = **{bound}{result}**")
        lines += [f"  - without {what}" for what in total.uncounted]
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
    most = FRAGMENT if fragment else PAGE
    lines = [rf"\section*{{{prose(title(explanation.report))}}}"]
    for entry in explanation.entries:
        if isinstance(entry, Alike):
            lines.append(rf"\subsection*{{{prose(entry.name)}}}" + f"\n{prose(alike_text(entry))}.")
            continue
        lines += _layer_latex(entry, brief, most)
    if explanation.totals:
        lines.append(r"\subsection*{overall}")
        totals = (total for total in explanation.totals if total.addends or total.what != "operations")
        lines.append(_aligned_latex([_total_latex(total, most) for total in totals]))
    body = "\n".join(lines) + "\n"
    return body if fragment else document(body)


def _layer_latex(entry: LayerWorking, brief: bool, most: int) -> list[str]:
    _, shapes, *_ = _head(entry, brief)
    lines = [rf"\subsection*{{{prose(entry.name)}}}"]
    layer = prose(repr(entry.report.layer)).replace(", ", ",\\allowbreak{} ")
    lines.append(rf"{{\raggedright\texttt{{{layer}}}\par}}" + "\n" + rf"${sizes_latex(shapes.strip())}$")
    if not brief and (given := letters_line(entry, LATEX)):
        lines.append(f"\\\\ with {given}")
    rows = []
    group = ""
    for step in steps(entry, LATEX, brief):
        head = rf"\textbf{{{step.group}}}" if step.group != group else ""
        group = step.group
        rows.append(_step_latex(step, head, most))
    lines.append(_aligned_latex(rows))
    return lines


def _step_latex(step: Step, head: str, most: int) -> str:
    label = step.label
    if label.startswith(("size", "stride", "start")):
        label = rf"\text{{{prose(label)}}}"
    elif step.group in ("parameters", "buffers") or label in ("together", "uncounted"):
        name, _, shape = label.partition(" ")
        label = rf"\text{{{prose(name)}}}" + (rf"\ {shape}" if shape else "") if label else ""
    note = rf"\text{{({prose(step.note)}}}\ {step.of}\text{{)}}" if step.of else rf"\text{{({prose(step.note)})}}"
    note = rf"\quad{note}" if step.note else ""
    if not step.forms:
        return rf"{_text_head(head)} & \ {label}{note}"
    if not label:
        first, *rest = step.forms
        if seen_length("".join((head, *step.forms, note))) < most - 4 * len(rest):
            return rf"{_text_head(head)} & \ {' = '.join(step.forms)}{note}"
        return (
            rf"{_text_head(head)} & \ {fitted(first, most)}"
            + "".join(rf" \\ & \quad = {fitted(f, most)}" for f in rest)
            + note
        )
    short = seen_length("".join((head, label, *step.forms, note))) < most
    joint = " = " if short else r" \\ & \quad = "
    forms = joint.join(fitted(form, most) for form in step.forms)
    return rf"{_text_head(head)} & \ {label}{_joint(step, short)}{forms}{note}"


def _joint(step: Step, short: bool) -> str:
    equals = step.group == "receptive field" or step.label.endswith(("together", "}}")) and step.group != "operations"
    equals = equals or step.group == "output" or step.label == "together"
    if short:
        return " = " if equals else r":\ "
    return r" \\ & \quad = " if equals else r": \\ & \quad \phantom{=}\ "


def _text_head(head: str) -> str:
    return rf"\text{{{head}}}" if head else ""


def _total_latex(total: Total, most: int) -> str:
    added, result = total_form(total, LATEX)
    if total.what == "operations":
        return rf" & \quad = {fitted(added, most)}"
    bound = r"\ge " if total.uncounted else ""
    line = rf"\text{{\textbf{{{prose(_total_name(total))}}}}} & \ {bound}{fitted(result, most)}"
    line += "" if added == result else rf" \\ & \quad = {fitted(added, most)}"
    return line + "".join(rf" \\ & \quad \text{{without {prose(what)}}}" for what in total.uncounted)


def _aligned_latex(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}" if rows else ""
