"""Equations beyond the exact engine: torch's, inputs filled by rule; windows' backward ledgers, counted one by one."""

import json
import random
import re
import shutil
import struct
import subprocess
import sys
import unicodedata

import pytest
from click.testing import CliRunner

from netcalc.analysis.operations import Ops
from netcalc.cli import main
from netcalc.equations.arrays import Array, floats
from netcalc.equations.givens import read_givens
from netcalc.equations.gradients_large import read_inputs, read_npy
from netcalc.equations.inference import infer
from netcalc.equations.ledger import backward_ledger, edges, forward_ledger
from netcalc.equations.operations import operation
from netcalc.errors import SpecError
from netcalc.layers import all_kinds
from netcalc.proof.counting import Number, Tally, Tensor, indices, total

torch = pytest.importorskip("torch")
from netcalc.proof.equations import check, run  # noqa: E402

# ---------------------------------------------------------------- the backward ledgers of windows, by counting


def work_of(source, place, *given):
    """The stated ledger of the gradient in argument ``place`` of the only operation, without lines of nothing."""
    c = infer(source, read_givens(given))
    node = c.nodes[c.output]
    work = operation(node.operation).backward_work(
        place, [c.nodes[i].shape for i in node.inputs], node.shape, node.options
    )
    return c, work, {kind: count for kind, count in Ops.of(work.lines).items() if count}


def configuration(seed):
    """A random convolution: its sizes, and how it is written."""
    dice = random.Random(seed)
    rank, channels = dice.choice([1, 2]), dice.random() < 0.6
    kernel = [dice.choice([1, 2, 3, 4]) for _ in range(rank)]
    stride, padding, dilation = (
        [dice.choice(n) for _ in range(rank)] for n in ((1, 1, 2, 3, 4), (0, 0, 1, 2), (1, 2, 3))
    )
    least = [max(1, d * (k - 1) + 1 - 2 * p) for d, k, p in zip(dilation, kernel, padding)]
    size = [n + dice.randint(0, 4) for n in least]
    lead = [dice.randint(1, 3), dice.randint(1, 3)] if channels else []  # out, in
    x, w = [*lead[1:], *size], [*lead, *kernel]
    written = {"stride": stride, "padding": padding, "dilation": dilation}
    options = ", ".join(f"{name}={'x'.join(map(str, value))}" for name, value in written.items())
    return x, w, options, lead, stride, padding, dilation


@pytest.mark.parametrize("seed", range(150))
def test_gradients_of_convolutions_counted_scalar_by_scalar(seed):
    """∂x: each product of the forward pass once (also where padding then cuts it off), summed where they meet."""
    x, w, options, lead, stride, padding, dilation = configuration(seed)
    given = [f"{name}:{'x'.join(map(str, shape))}" for name, shape in (("x", x), ("w", w))]
    c, work, stated = work_of(f"y = conv(x, w, {options})", 0, *given)
    assert not work.uncounted
    torch.manual_seed(seed)
    leaves = {name: torch.randn(shape, dtype=torch.float64).requires_grad_() for name, shape in (("x", x), ("w", w))}
    y = run(c, leaves)[c.output]
    g = torch.randn_like(y)
    y.backward(g)

    # with axes of channels, whether they are written or not
    outs, ins = lead or (1, 1)
    space = y.shape[1:] if lead else y.shape
    kernel = w[len(w) - len(stride) :]
    tally = Tally()
    weights = Tensor.of(leaves["w"].reshape(outs, ins, *kernel).tolist(), (outs, ins, *kernel), tally)
    grads = Tensor.of(g.reshape(outs, *space).tolist(), (outs, *space), tally)
    contributions = {}
    for o, *position in indices(grads.shape):
        for i in range(ins):
            for tap in indices(kernel):
                place = tuple(n * s - p + t * d for n, s, p, t, d in zip(position, stride, padding, tap, dilation))
                contributions.setdefault((i, *place), []).append(weights[(o, i, *tap)] * grads[(o, *position)])
    size = x[1:] if lead else x
    found = [total(contributions[at]) if at in contributions else Number(0.0, tally) for at in indices((ins, *size))]
    assert [number.value for number in found] == pytest.approx(leaves["x"].grad.reshape(-1).tolist())
    assert dict(tally) == stated
    assert tally["mul"] == work.macs == forward_ledger(c).macs

    # ∂w: every tap a dot product over the outputs, the zeros of the padding among them
    tally = Tally()
    values = Tensor.of(leaves["x"].reshape(ins, *size).tolist(), (ins, *size), tally)
    grads = Tensor.of(g.reshape(outs, *space).tolist(), (outs, *space), tally)

    def tap_gradient(o, i, *tap):
        def at(position):
            return (i, *(n * s - p + t * d for n, s, p, t, d in zip(position, stride, padding, tap, dilation)))

        return total(grads[(o, *position)] * values.padded(at(position)) for position in indices(space))

    found = [tap_gradient(*at) for at in indices((outs, ins, *kernel))]
    assert [number.value for number in found] == pytest.approx(leaves["w"].grad.reshape(-1).tolist())
    assert dict(tally) == work_of(f"y = conv(x, w, {options})", 1, *given)[2]


@pytest.mark.parametrize("seed", range(40))
def test_the_gradient_in_x_is_the_layer_convtranspose(seed):
    """Wherever the layer language can say the same, it counts the same."""
    x, w, options, lead, stride, padding, dilation = configuration(1000 + seed)
    given = [f"{name}:{'x'.join(map(str, shape))}" for name, shape in (("x", x), ("w", w))]
    c, work, _ = work_of(f"y = conv(x, w, {options})", 0, *given)
    outs, ins = lead or (1, 1)
    output, size = c.nodes[c.output].shape, x[1:] if lead else x
    kind = all_kinds()[f"ConvTranspose{len(stride)}d"]
    kernel, space = w[len(w) - len(stride) :], output[1:] if lead else output
    layer = kind(outs, ins, tuple(kernel), tuple(stride), tuple(padding), 0, 1, False, tuple(dilation))
    tails = [n - m for n, m in zip(size, layer.output_shape((outs, *space))[1:])]
    layer = kind(outs, ins, tuple(kernel), tuple(stride), tuple(padding), tuple(tails), 1, False, tuple(dilation))
    assert Ops.of(work.lines) == Ops.of(layer.work((outs, *space)).lines)
    assert layer.output_shape((outs, *space)) == (ins, *size)


@pytest.mark.parametrize("seed", range(60))
def test_gradients_of_average_pooling_counted(seed):
    dice = random.Random(seed)
    k, s = dice.choice([1, 2, 3]), dice.choice([1, 2, 3])
    p = dice.randint(0, k // 2)
    x = [*([dice.randint(1, 3)] if dice.random() < 0.5 else []), *(dice.randint(k, 7) for _ in range(2))]
    given = f"x:{'x'.join(map(str, x))}"
    c, work, stated = work_of(f"y = avgpool(x, {k}, stride={s}, padding={p})", 0, given)
    assert not work.uncounted
    leaf = torch.randn(x, dtype=torch.float64).requires_grad_()
    y = run(c, {"x": leaf})[c.output]
    g = torch.randn_like(y)
    y.backward(g)
    channels, space, size = (x[0], y.shape[1:], x[1:]) if len(x) == 3 else (1, y.shape, x)
    tally = Tally()
    grads = Tensor.of(g.reshape(channels, *space).tolist(), (channels, *space), tally)
    contributions = {}
    for at, value in grads.numbers.items():
        share = value / (k * k)
        for tap in indices((k, k)):
            place = tuple(n * s - p + t for n, t in zip(at[1:], tap))
            contributions.setdefault((at[0], *place), []).append(share)
    found = [
        total(contributions[at]) if at in contributions else Number(0.0, tally) for at in indices((channels, *size))
    ]
    assert [number.value for number in found] == pytest.approx(leaf.grad.reshape(-1).tolist())
    assert dict(tally) == stated


@pytest.mark.parametrize(
    ("options", "is_counted"),
    [
        ("2", True),
        ("2, stride=3", True),
        ("2, stride=1", False),
        ("3, stride=2, padding=1", False),
        ("2, dilation=2, stride=3", True),
    ],
)
def test_maxima_that_windows_share_are_told(options, is_counted):
    """Without overlap nothing is added; with it, how much depends on the numbers: named, not guessed."""
    _, work, stated = work_of(f"y = maxpool(x, {options})", 0, "x: 9x9")
    assert not stated and bool(work.uncounted) != is_counted


def test_backward_ledgers_with_letters():
    c = infer("y = conv(conv(x, w), v)", read_givens(["x: HxH", "w: 3x3", "v: 3x3"]))
    ledger = backward_ledger(c)
    assert not ledger.uncounted and len(edges(c)) == 3
    from netcalc.dims import substitute

    numbers = backward_ledger(infer("y = conv(conv(x, w), v)", read_givens(["x: 9x9", "w: 3x3", "v: 3x3"])))
    assert {kind: substitute(count, {"H": 9}) for kind, count in ledger.ops.items()} == dict(numbers.ops)


# ---------------------------------------------------------------- signals of several channels


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("word", ["conv", "convtranspose"])
def test_signals_of_several_channels(word, seed):
    dice = random.Random(seed)
    ins, outs, k = dice.randint(1, 3), dice.randint(1, 3), dice.randint(1, 3)
    stride, padding, dilation = dice.randint(1, 3), dice.randint(0, k // 2), dice.randint(1, 2)
    w = [outs, ins, k] if word == "conv" else [ins, outs, k]
    source = f"L = sum({word}(x, w, stride={stride}, padding={padding}, dilation={dilation})^2)"
    given = [f"{n}:{'x'.join(map(str, s))}=randn({seed})" for n, s in (("x", (ins, 7)), ("w", w))]
    from netcalc.equations.gradients_large import filled

    givens, fills = read_inputs(given)
    checks = check(filled(infer(source, givens), fills))
    assert [one.status for one in checks] == ["proved"] * 6, checks


def test_signals_have_the_ledger_of_the_layer():
    import netcalc

    c = infer("y = conv(x, w, stride 2, padding 1)", read_givens(["x: 3x50", "w: 8x3x5"]))
    assert dict(forward_ledger(c).ops) == dict(netcalc.analyze("3x50 -> conv 8 k5 s2 p1 nobias").ops)
    with pytest.raises(SpecError):
        infer("y = conv(x, w)", read_givens(["x: 3x50", "w: 8x4x5"]))


@pytest.mark.parametrize(
    ("word", "x", "w", "channels", "spec"),
    [
        ("conv", "3x8x8", "4x3x3x3", 4, "3x8x8 -> conv 4 k3 s2 p1"),
        ("conv", "3x9", "4x3x3", 4, "3x9 -> conv 4 k3 s2 p1"),
        ("convtranspose", "3x4x4", "3x2x3x3", 2, "3x4x4 -> convtranspose 2 k3 s2 p1"),
    ],
)
def test_a_bias_has_one_number_for_each_channel(word, x, w, channels, spec):
    """Inferred, counted as the layer counts it, evaluated and differentiated as torch does."""
    import netcalc
    from netcalc.equations.gradients_large import filled

    source = f"y = {word}(x, w, stride 2, padding 1) + b"
    c = infer(source, read_givens([f"x: {x}", f"w: {w}"]))
    report = netcalc.analyze(spec)
    assert c["b"].shape == (channels,) and c.params == report.params
    assert dict(forward_ledger(c).ops) == dict(report.ops)
    assert any("one number for each channel" in note for note in c.notes)
    positions = c["y"].shape[1:]
    summed = Ops.of(operation("repeat").backward_work(0, [(channels,)], c["y"].shape, {}).lines)
    assert summed["add"] == channels * (len(list(indices(positions))) - 1)

    givens, fills = read_inputs([f"x: {x}=randn(1)", f"w: {w}=randn(2)", "b=randn(3)"])
    checks = check(filled(infer(f"{source}; L = sum(y^2)", givens), fills))
    assert {one.status for one in checks} == {"proved"} and any(one.figure == "gradient in b" for one in checks)
    with pytest.raises(SpecError, match="15"):
        infer(source, read_givens([f"x: {x}", f"w: {w}", "b: 15"]))


# ---------------------------------------------------------------- the engine for large cases

LARGE = ("y = W x", "W:1000x1000=0.1*randn(7)", "x=ones", "--loss", "mse(y, 1)", "--lr", "0.1")


def eq(*args):
    return CliRunner().invoke(main, ["eq", *args])


def test_large_values_are_torchs_and_say_so():
    done = eq(*LARGE, "--format", "json")
    answer = json.loads(done.stdout)
    assert answer["engine"] == f"torch {torch.__version__.split('+')[0]}, float64"
    fill = read_inputs(["W=0.1*randn(7)"])[1]["W"]
    w = torch.tensor(fill.array("W", (1000, 1000)).data, dtype=torch.float64).reshape(1000, 1000).requires_grad_()
    loss = torch.nn.functional.mse_loss(w.sum(1), torch.ones(1000, dtype=torch.float64))
    loss.backward()
    assert answer["values"]["L"]["first"] == pytest.approx([loss.item()])
    assert answer["gradients"]["W"]["norm"] == pytest.approx(w.grad.norm().item())
    assert answer["updated"]["W"]["norm"] == pytest.approx((w - 0.1 * w.grad).norm().item())
    assert answer["gradients"]["W"]["shape"] == [1000, 1000] and len(answer["gradients"]["W"]["first"]) == 3
    assert "1,000,000 numbers; up to 200,000" in answer["gradients"]["W"]["omitted"]
    assert answer["gradients"]["W"]["max"] == pytest.approx(w.grad.max().item())
    assert answer["gradients"]["W"]["mean"] == pytest.approx(w.grad.mean().item())
    assert len(answer["values"]["y"]["decimal"]) == 1000 and "omitted" not in answer["values"]["y"]


@pytest.mark.parametrize("format", ["table", "plain", "markdown", "latex"])
def test_large_answers_are_readable(format):
    done = eq(*LARGE, "--format", format)
    assert done.exit_code == 0 and len(done.stdout) < 6000
    assert "values by torch" in " ".join(done.stdout.split()) and "✗" not in done.stdout


def test_small_cases_stay_exact():
    answer = json.loads(eq("y = W x", "W:2x3=1/2*ones", "x=ones", "--format", "json").stdout)
    assert "engine" not in answer and answer["values"]["y"]["exact"] == ["3/2", "3/2"]


def test_a_small_case_by_either_engine():
    """The engine for large cases agrees with the exact one where both will do."""
    from netcalc.equations.explanation import Asked
    from netcalc.equations.gradients_large import filled
    from netcalc.equations.values import evaluate, gradients, updates
    from netcalc.proof.equations import solve

    givens, fills = read_inputs(["W:3x4=randn(1)", "x=randn(1)", "t=rand", "b=zeros"])
    c = filled(infer("L = mse(tanh(W x + b), t)", givens), fills)
    from netcalc.equations.givens import read_number

    rate, decay = read_number("0.3", "lr"), read_number("0.01", "decay")
    values, solution = evaluate(c), solve(c, Asked(gradients=True, lr=rate, weight_decay=decay))
    grads = gradients(c, values)
    for i, digest in solution.values.items():
        assert digest.first == pytest.approx(floats(values[i])) and digest.shape == values[i].shape
    for name, digest in solution.gradients.items():
        assert digest.first == pytest.approx(floats(grads[c.names[name]]))
        assert solution.checks[name][0] == pytest.approx(solution.checks[name][1], rel=1e-5, abs=1e-6)
    zero = read_number("0", "momentum")
    for update in updates(c, values, grads, rate, zero, decay):
        assert solution.updated[update.name].first == pytest.approx(floats(update.after))


def test_without_torch_a_large_case_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "netcalc.proof.equations", None)
    done = eq(*LARGE)
    assert done.exit_code == 1 and 'pip install "netcalc-nn[torch]"' in done.output and "1,000,000" in done.output
    assert eq("y = W x", "W:2x3=ones", "x=ones", "--loss", "mse(y, 1)").exit_code == 0
    assert eq("y = W x", "W:1000x1000").exit_code == 0  # dimensions need no numbers


def test_much_work_on_few_numbers_is_large_too():
    answer = json.loads(eq("L = ||W x||^2", "W:60x60=rand", "x=ones", "--gradients", "--format", "json").stdout)
    assert "engine" in answer and answer["gradients"]["x"]["shape"] == [60]


def test_a_result_of_several_numbers_has_no_gradients_yet():
    done = eq("y = W x", "W:1000x1000=ones", "x=ones", "--gradients", "--format", "plain")
    assert done.exit_code == 0 and "need a loss" in done.stdout


def test_what_is_not_finite_is_told():
    done = eq("L = sum(exp(W x))", "W:1000x1000=ones", "x=ones", "--format", "plain")
    assert done.exit_code == 0 and "not finite" in done.stdout


def test_more_than_memory_holds_is_refused():
    done = eq("y = sum(A)", "A:100000x100000=ones")
    assert done.exit_code == 1 and "too-large" in done.output


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("V=ones", "no input"),
        ("W=ones", "not known in numbers"),
        ("W=@nowhere.npy", "cannot be read"),
        ("W=random(0)", "random"),
        ("W:2x3=randn(x)", "zeros, ones, rand(SEED)"),
        ("W:2x3=[[1,2,3],[4,5,6]]", "zeros, ones, rand(SEED)"),
    ],
)
def test_fills_that_cannot_be(given, says):
    done = eq("y = W x", given)
    assert done.exit_code == 1 and says in done.output and "error[" in done.output, done.output


def test_verify_does_not_hold_torch_against_itself():
    done = eq("y = W x", "W:1000x1000=ones", "x=ones", "--verify", "--format", "plain")
    assert done.exit_code == 0 and "torch's own" in done.output


# ---------------------------------------------------------------- files of numpy's


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", "bool", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_files_of_numpy(tmp_path, kind, order):
    numpy = pytest.importorskip("numpy")
    array = numpy.asarray(numpy.array([[1, 0, 1], [0, 1, 1]]).astype(kind), order=order)
    numpy.save(tmp_path / "a.npy", array)
    read = read_npy(str(tmp_path / "a.npy"))
    assert read.shape == (2, 3) and floats(read) == (1, 0, 1, 0, 1, 1)


def test_a_file_gives_shape_and_numbers(tmp_path):
    numpy = pytest.importorskip("numpy")
    numpy.save(tmp_path / "w.npy", numpy.array([[1, 2], [3, 4]]))
    answer = json.loads(eq("y = W x", f"W=@{tmp_path / 'w.npy'}", "x=ones", "--format", "json").stdout)
    assert answer["values"]["y"]["exact"] == ["3", "7"]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x93NUMPY\x01\x00\x05\x00xxxxx", b"\x93NUMPY" + struct.pack("<BBH", 1, 0, 2) + b"{}"]
)
def test_broken_files_are_told(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(SpecError, match="cannot be read"):
        read_npy(str(tmp_path / "a.npy"))


def test_random_fills_can_be_repeated():
    fills = read_inputs(["x=randn(3)", "y=rand(3)"])[1]
    assert fills["x"].array("x", (5,)) == fills["x"].array("x", (5,)) != fills["x"].array("z", (5,))
    assert all(0 <= v < 1 for v in fills["y"].array("y", (100,)).data)
    assert isinstance(fills["x"].array("x", (2, 2)), Array)


# ---------------------------------------------------------------- LaTeX


def accented(accent, name, result):
    """What prints names with an accent in every kind of row: inputs, steps, edges, gradients, an update, notes."""
    first, *index = name.split("_")
    inner = rf"\{accent}{{{first}}}" + "".join(f"_{one}" for one in index)
    shown = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}[accent]
    given = {"m": "m", r"\mu": "μ", "m_{t-1}": "m_{t-1}", "m'": "m'"}[name]
    given = unicodedata.normalize("NFC", given[0] + shown) + given[1:]
    equation = rf"\{accent}{{{result}}} = \ell * (\{accent}{{W}} {inner}); L = mse(\{accent}{{{result}}}, 1)"
    weight = unicodedata.normalize("NFC", "W" + shown)
    numbers = (f"{weight}=[[1,2],[3,4]]", f"{given}=[1,2]", "ℓ=2")
    return (equation, *numbers, "--params", weight, "--lr", "0.5", "--gradients", "--explain")


@pytest.mark.parametrize(
    "args",
    [
        ("y = softmax(xW^T + b)", "x: N x D", "y: N x C", "--gradients"),
        ("f = max(conv([2,1,2],[1,0], stride 1, padding 0), 1×2)", "--gradients", "--lr", "0.5"),
        ("y = convtranspose(x, w)", "x=[[1,2],[3,4]]", "w=[[1,0,1],[0,1,0],[1,0,1]]", "--gradients"),
        ("L = sqrt(mean((A - x y^T)^2)) + ||A||", "--gradients", "--explain"),
        (r"\hat{y} = \frac{\epsilon_1 \tilde{x}}{\lVert x \rVert} + g(x)", "x:3", "--gradients", "--explain"),
        (r"h_t = \tanh(W_{hh} h_{t-1} + \tilde{b})", "h_t:3", "--gradients", "--explain"),
        *(accented(accent, name, "h") for accent in ("hat", "tilde", "bar") for name in ("m", r"\mu", "m_{t-1}", "m'")),
    ],
)
def test_latex_has_no_sign_that_pdflatex_does_not_know(args, tmp_path):
    sheet = eq(*args, "--format", "latex").stdout
    typeset = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", sheet, flags=re.DOTALL).replace("·", "")
    assert typeset.isascii(), [sign for sign in typeset if not sign.isascii()]
    assert not any(line.startswith("%") for line in sheet.splitlines())  # what must be stated is to be read
    assert r"\text{where} \text{it}" not in sheet
    if shutil.which("pdflatex"):
        (tmp_path / "sheet.tex").write_text(sheet)
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "sheet.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-1500:]


@pytest.mark.parametrize("accent", ["hat", "tilde", "bar"])
def test_an_accent_is_one_in_every_row_of_a_sheet(accent):
    told = eq(*accented(accent, "m", "h"), "--format", "latex").stdout
    kept = [rf"\{accent}{{{letter}}}" for letter in "Wmh"]
    for title in (
        "Dimensions",
        "Forward",
        "Why these shapes",
        "The ledger of the forward pass",
        "Backward",
        "Gradients",
    ):
        rows = told.split(rf"\paragraph{{{title}}}")[1].split(r"\paragraph")[0]
        assert any(one in rows for one in kept), title
    assert "ℓ" not in told and r"\ell" in told


def test_a_sheet_says_what_the_text_says():
    args = ("y = W x", "x=[1,2]", "W=[[1,2],[3,4]]", "--loss", "mse(y, 1)", "--explain")
    sheet, text = (eq(*args, "--format", format).stdout for format in ("latex", "plain"))
    assert "without" in sheet and "without ½" in text
    assert sheet.count("by finite differences") == 2
    assert r"\paragraph{Why these shapes}" in sheet and "why these shapes" in text
    for title in ("forward", "backward"):
        listed = sheet.split(f"ledger of the {title} pass")[1].split(r"\end{align*}")[0]
        rows = text.split(f"ledger of the {title} pass")[1].split("\n# ")[0].splitlines()[2:]
        assert listed.count(" &: ") == len(rows) > 0
        counts = re.findall(r"(\d+)(?: \\text\{|(?= \\\\|\n))", listed)
        assert [int(count) for count in counts] == [int(row.split("\t")[3]) for row in rows]


def test_latex_of_an_update_is_an_equation_that_holds():
    args = ("L = w^2", "w=2", "--lr", "1/2", "--weight-decay", "1", "--gradients", "--format", "latex")
    assert r"w &\leftarrow 2 - \frac{1}{2} \cdot \left(4 + 1 \cdot 2\right) = -1" in eq(*args).stdout
