"""Equations as course sheets print them: each notation says the same as its plain spelling, or is refused in place."""

import pytest

from netcalc import SpecError
from netcalc.dims import symbol
from netcalc.equations.givens import read_givens
from netcalc.equations.inference import infer
from netcalc.equations.parser import parse
from netcalc.equations.syntax import latex, text
from netcalc.equations.values import evaluate, gradients


def said(written):
    return "; ".join(f"{equation.name} = {text(equation.expression)}" for equation in parse(written))


HUBER = r"y = \begin{cases} r^2/2 & |r| \le a \\ a (|r| - a/2) & |r| > a \end{cases}"

SAME = [
    # signs of Unicode
    ("y = sin(wᵀx) − b", "y = sin(w^T x) - b"),
    ("y = x Wᵀ + b", "y = x W^T + b"),
    ("y = xWᵀ", "y = x W^T"),
    ("L = (y - 2)²", "L = (y - 2)^2"),
    ("L = ‖y - t‖²", "L = ||y - t||^2"),
    ("L = ‖y - t‖₂²", "L = ||y - t||^2"),
    ("L = ½‖ŷ − y‖²", r"L = 1/2 ||\hat{y} - y||^2"),
    ("f = W₂ max(0, W₁x + b₁) + b₂", "f = W2 max(0, W1 x + b1) + b2"),
    ("f = W2max(0, W1x + b1) + b2", "f = W2 max(0, W1 x + b1) + b2"),
    ("y = x₁w₁ + x₂w₂ + b", "y = x1 w1 + x2 w2 + b"),
    ("y = x_1w_1 + x_2w_2", "y = x1 w1 + x2 w2"),
    ("y = W₂σ(W₁x)", "y = W2 sigmoid(W1 x)"),
    ("y = x⁻¹ + x³", "y = x^{-1} + x^3"),
    ("y = w ⋅ x", "y = w · x"),
    ("y = √x + √(x + 1)", "y = sqrt(x) + sqrt(x + 1)"),
    # sums
    (r"L = \sum_i (y_i - t_i)^2", "L = sum((y - t)^2)"),
    (r"L = \sum_{i=1}^{N} \left(y_i-t_i\right)^2", "L = sum((y - t)^2)"),
    (r"L = \sum_{i=0}^{N-1} (y_i-t_i)^2", "L = sum((y - t)^2)"),
    (r"L = \sum\limits_{i=1}^N (y_i-t_i)^2", "L = sum((y - t)^2)"),
    (r"L = \frac{1}{N} \sum_{n} (y_n - t_n)^2", "L = 1/N sum((y - t)^2)"),
    ("L = sum_i (y_i - t_i)^2", "L = sum((y - t)^2)"),
    ("L = ∑ᵢ (yᵢ − tᵢ)²", "L = sum((y - t)^2)"),
    ("L = ∑ᵢ₌₁ⁿ (yᵢ − tᵢ)²", "L = sum((y - t)^2)"),
    (r"L = \sum (y-t)^2", "L = sum((y - t)^2)"),
    (r"L = \sum(y-t)^2", "L = sum((y - t)^2)"),
    ("L = sum (y-t)^2", "L = sum((y - t)^2)"),
    ("L = mean (y-t)^2", "L = mean((y - t)^2)"),
    ("L = sum((y-t))^2", "L = (sum(y - t))^2"),
    ("L = sum (y-t) / 2", "L = sum(y - t) / 2"),
    (r"L = \sum_i y_i * \log p_i", "L = sum(y * log(p))"),
    (r"L = \sum_i a_i - b", "L = sum(a) - b"),
    (r"L = \sum_i \sum_j W_{ij}^2", "L = sum(W^2)"),
    (r"L = \sum_{i,j} W_{ij}^2", "L = sum(W^2)"),
    (r"L = \sum_{ij} W_{i,j}^2", "L = sum(W^2)"),
    (r"L = -\sum_i y_i \log \frac{e^{z_i}}{\sum_j e^{z_j}}", "L = -sum(y * log(exp(z) / sum(exp(z))))"),
    (r"p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}", "p = exp(z) / sum(exp(z))"),
    (r"p_i = \sigma(z_i); L = -\sum_i y_i \log p_i", "p = sigmoid(z); L = -sum(y * log(p))"),
    # cases, indicators, extremes, products
    (r"f(x) = \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}", "f = where(x > 0, x, 0)"),
    (r"f = \begin{cases} x, & \text{if } x \geq 0, \\ a x, & \text{else}. \\ \end{cases}",
     "f = where(x >= 0, x, a x)"),
    (r"f = \begin{cases} -1 & x < -1 \\ x & -1 \le x \le 1 \\ 1 & x > 1 \end{cases}",
     "f = where(x < -1, -1, where([-1 <= x] * [x <= 1], x, 1))"),
    (r"f = 2 \left\{ \begin{array}{ll} x & x > 0 \\ 0 & \text{otherwise} \end{array} \right.",
     "f = 2 where(x > 0, x, 0)"),
    (r"L = \sum_i \mathbf{1}[x_i > 0] y_i", "L = sum([x > 0] * y)"),
    (r"y = \mathbb{1}_{\{x \ge t\}} + \mathbf{1}(x > 0) + 𝟙[x < 1]", "y = [x >= t] + [x > 0] + [x < 1]"),
    (r"m = \max_k s_k", "m = amax(s)"),
    (r"m = \min_{k=1}^{K} (s_k + t_k)", "m = amin(s + t)"),
    (r"y = \prod_{i=1}^n p_i", "y = prod(p)"),
    (r"p(y=1 \mid x) = \sigma(w^T x)", "p = sigmoid(w^T x)"),
    # fractions and roots
    (r"L = \frac12 (y-t)^2", "L = 1/2 (y - t)^2"),
    (r"L = \frac1n x", "L = (1/n) x"),
    (r"L = \frac1{2n} x", "L = (1/(2 n)) x"),
    (r"y = \frac{1}{1+e^{-x}}", "y = 1/(1 + exp(-x))"),
    (r"y = \sqrt{x_1}", "y = sqrt(x1)"),
    (r"y = \sqrt2 x", "y = sqrt(2) x"),
    # logarithms, inner products, braces, several signs of equality
    (r"y = \log_2 p + \log_{10}(x)", "y = log(p) / log(2) + log(x) / log(10)"),
    (r"H = -\sum_i p_i \log_2 p_i", "H = -sum(p * log(p) / log(2))"),
    (r"y = \langle w, x \rangle + b", "y = w^T x + b"),
    ("y = ⟨w, x⟩", "y = w^T x"),
    (r"y = \underbrace{W x}_{\text{linear \{ part}} + \overbrace{b}^{b}", "y = W x + b"),
    (r"h_\theta(x) = g(\theta^T x) = \frac{1}{1+e^{-\theta^T x}}", r"h_\theta = 1/(1 + exp(-\theta^T x))"),
    ("s = f(x; W, b) = Wx + b", "s = W x + b"),
    (r"\hat{y} = a^{[2]} = \sigma(z)", r"a_2 = sigmoid(z); \hat{y} = a_2"),
    (r"y = h(x); h(x) = W x", "y = h; h = W x"),
    # functions' names
    ("y = ReLU(W x)", "y = relu(W x)"),
    ("y = W_2 ReLU(W_1 x)", "y = W2 relu(W1 x)"),
    ("y = Softmax(W x)", "y = softmax(W x)"),
    ("y = Sigmoid(GELU(SiLU(x)))", "y = sigmoid(gelu(silu(x)))"),
    ("y = LeakyReLU(Tanh(x))", "y = leaky_relu(tanh(x))"),
    (r"y = \mathrm{ReLU}(x)", "y = relu(x)"),
    (r"y = \operatorname{Softmax}(x)", "y = softmax(x)"),
    (r"y = \text{GELU}\left(x\right)", "y = gelu(x)"),
    ("y = log_softmax(z)", "y = logsoftmax(z)"),
    ("L = MSE(f, 2)", "L = mse(f, 2)"),
    ("y = sin^2(x) + sin² x", "y = (sin(x))^2 + (sin(x))^2"),
    # functions without brackets take the product that follows
    (r"y = \sin 2x", "y = sin(2 x)"),
    (r"y = \cos 2\pi x + 1", "y = cos(2 π x) + 1"),
    (r"y = \log w^T x", "y = log(w^T x)"),
    (r"h = \tanh W x + b", "h = tanh(W x) + b"),
    (r"y = \sin\omega x \cos 2 x", "y = sin(ω x) cos(2 x)"),
    (r"y = \log x / 2", "y = log(x) / 2"),
    # the number of an equation
    (r"y = W x \quad (1)", "y = W x"),
    ("\\begin{align} h &= W x \\qquad (2.1)\\\\ y &= V h \\quad (2) \\end{align}", "h = W x; y = V h"),
    ("y = e^x + e^-x + e^{-x}", "y = exp(x) + exp(-x) + exp(-x)"),
    ("y = (x-μ)/σ", r"y = (x - \mu) / \sigma"),
    (r"L = \mathcal{L}(z, y)", "L = loss(z, y)"),
    ("J = L(z, y)", "J = loss(z, y)"),
    # subscripts, layers, transposes, primes
    ("y = W_out h + b_in", "y = W_{out} h + b_{in}"),
    ("y = W_in x", r"y = W_{\text{in}} x"),
    ("y = {W_1} x", "y = W1 x"),
    (r"y = \mathbf{W_1} \mathbf x", "y = W1 x"),
    (r"y = \mathbf{W}_{1}\hat{\mathbf{y}}", r"y = W1 \hat{y}"),
    (r"y = \boldsymbol{\theta}_1 x", "y = θ1 x"),
    ("y = w^Tx", "y = w^T x"),
    (r"y = W^{\mathsf{T}} x", "y = W^T x"),
    (r"y = W^{\mathrm{T}} x", "y = W^T x"),
    (r"y = W^\mathsf{T} x", "y = W^T x"),
    ("y = W^T_1 x", "y = W_1^T x"),
    ("y = x^2_1", "y = x1^2"),
    (r"y = W^{[1]} x", "y = W1 x"),
    (r"y = W^{\prime} x’", "y = W' x'"),
    (r"A = \operatorname{softmax}\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V", "A = softmax((Q K^T) / sqrt(d_k)) V"),
    # layout
    (r"$y = W x + b$", "y = W x + b"),
    (r"\[ y = W x + b. \]", "y = W x + b"),
    ("y = W x + b.", "y = W x + b"),
    ("y := W x", "y = W x"),
    (r"h &= W x \\ y &= V h", "h = W x; y = V h"),
    ("\\begin{aligned}\nh &= W x\\\\[2pt]\ny &= V h \n + b\n\\end{aligned}", "h = W x; y = V h + b"),
    ("h(x) = max(0, W x); f = V h(x)", "h = max(0, W x); f = V h"),
]  # fmt: skip


@pytest.mark.parametrize(("sheet", "plain"), SAME)
def test_a_sheets_notation(sheet, plain):
    assert said(sheet) == said(plain)
    for equation in parse(sheet):
        assert latex(equation.expression).count("{") == latex(equation.expression).count("}")
        again = parse(f"result = {text(equation.expression)}", {equation.name})
        assert text(again[0].expression) == text(equation.expression)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (r"h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t + b_h)", "h_t = tanh(W_hh h_{t-1} + W_xh x_t + b_h)"),
        (r"y = x / \sqrt{\sigma^2+\epsilon}", "y = x / sqrt(σ² + ε)"),
        (r"a^{(l)} = \sigma(W^{(l)} a^{(l-1)})", "a_l = σ(W_l a_{l-1})"),
        ("y = W_h^T x", "y = W_hᵀ x"),
        ("L = ½(y - t)²", "L = 1/2 (y − t)²"),
    ],
)
def test_notation_and_what_is_read(written, means):
    assert said(written) == means


@pytest.mark.parametrize(
    ("written", "underlined", "code"),
    [
        ("y = relu5(x)", "relu5", "unknown-name"),
        ("y = log2(x)", "log2", "unknown-name"),
        ("y = LN(x)", "LN", "unknown-name"),
        (r"y = \text{Dropout}(x)", r"\text{Dropout}", "unknown-name"),
        ("y = Dropout x", "Dropout", "unknown-name"),
        ("y = softmax(z, 1)", "softmax(z, 1)", "wrong-arguments"),
        ("y = softmax(W x, b)", "softmax(W x, b)", "wrong-arguments"),
        ("y = softmax()", "softmax()", "wrong-arguments"),
        ("y = vec()", "vec()", "wrong-arguments"),
        ("y = max(x)", "max(x)", "wrong-arguments"),
        (r"L = \sum_i y\mathbf_i \log p_i", r"\mathbf", "unexpected-character"),
        ("y = sqrt(1e999) x", "1e999", "too-large"),
        ("y = x * 1e9991", "1e9991", "too-large"),
        ("y = " + "sin " * 2000 + "x", "sin", "too-deep"),
        ("y = " + "-" * 2000 + "x", "-", "too-deep"),
        ("y = x" + " + x" * 3000, "x", "too-large"),
        ("y = x" + "^T" * 3000, "T", "too-large"),
        ("y = " + r"\frac{1}{" * 500 + "x" + "}" * 500, r"\frac", "too-deep"),
        ("y = " + r"\mathbf{" * 500 + "x" + "}" * 500, None, "too-deep"),
        ("y = relu(x, stride=3)", "stride", "unknown-argument"),
        ("y = sum(x, axis=1)", "axis", "unknown-argument"),
        ("y = mean(x, axis=0)", "axis", "unknown-argument"),
        ("y = conv(x, w, 3x3)", "3x3", "unknown-argument"),
        ("y = conv(x, w, stride=1, stride=2)", "stride", "unknown-argument"),
        ("y = maxpool(x, 2x2x2)", "2x2x2", "bad-argument"),
        ("y = maxpool(x, 2.5)", "2.5", "bad-argument"),
        ("y = norm(x, p=3)", "3", "bad-argument"),
        (r"y = \sqrt[5]{x}", r"\sqrt[5]", "unexpected-character"),
        (r"y = \begin{cases} x & x > 0 \\ 0 & x < 0 \end{cases}", None, "no-case"),
        (r"y = \begin{cases} x & x > a \\ 0 & x < b \end{cases}", None, "no-case"),
        (r"y = \begin{cases} x & \text{otherwise} \\ 0 & x < 0 \end{cases}", "0", "syntax"),
        (r"y = \begin{cases} x & \text{otherwise} \end{cases}", None, "syntax"),
        (r"y = \begin{cases} x & x \\ 0 & \text{otherwise} \end{cases}", "\\\\", "syntax"),
        ("y = where(x, x, 0)", ",", "syntax"),
        ("y = where(x > 0, x)", "where(x > 0, x)", "wrong-arguments"),
        (r"y = \mathbf{1}(x)", ")", "syntax"),
        ("y = x > 0", ">", "syntax"),
        ("y = x otherwise", "otherwise", "unexpected-character"),
        (r"y = \mathbb{E}(x)", r"\mathbb{E}", "unexpected-character"),
        ("y = A^{-1} b", "A^{-1}", "unknown-operation"),
        (r"y = x, x \in \mathbb{R}^{n y", "y", "syntax"),
        (r"y = W x, x \in 3", "3", "syntax"),
        (r"y = W x, x \in \mathbb{R}^{0}", "0", "syntax"),
        (r"y = W x, x \in \mathbb{R}^4, x \in \mathbb{R}^5", r"x \in \mathbb{R}^5", "given-twice"),
        (r"y = W x, W \in \mathbb{R}^{4 \times 6}, x \in \mathbb{R}^5", "W x", "shape-mismatch"),
        ("y = x^2^3", "^", "syntax"),
        ("y = sin^{-1}(x)", None, "syntax"),
        ("y = x^(2)", "^(2)", "unexpected-character"),
        ("y = σ_g(W x)", "σ_g", "syntax"),
        ("y = σ'(z)", "σ'", "syntax"),
        ("y = Σ (y - t)^2", "Σ", "syntax"),
        ("y = x_ty_t", "_t", "unexpected-character"),
        (r"z_i = \sum_j W_{ij} x_j + b_i", "W_{ij}", "bad-index"),
        (r"y = \sum_i \sum_j x_i y_j", "x_i", "bad-index"),
        (r"y = \sum_i \sum_j W_{ij} W_{ji}", "W_{ji}", "bad-index"),
        (r"y = \sum_i a_i - b_i", "b_i", "bad-index"),
        (r"y = \sum_{i=2}^{N} a_i", "2", "syntax"),
        (r"y = \sum_{i=1}^{N-1} a_i", "N-1", "syntax"),
        (r"L = -\log \frac{e^{z_y}}{\sum_j e^{z_j}}", "z_y", "bad-index"),
        ("h(x) = W x; y = h(u)", "(", "syntax"),
        (r"y = \hat{ab}", r"\hat{ab", "unexpected-character"),
        ("y = W x & b", "&", "unexpected-character"),
        (r"y = \log_b x", "b", "syntax"),
        (r"y = \log_1 x", "1", "syntax"),
        (r"y = W x = V x", "=", "syntax"),
        (r"y = a(x + 1) = z", "=", "syntax"),
        ("f(x) = W x; y = f(x) = V x", "=", "syntax"),
        (r"h = g(W x) = \max(0, z)", "W", "syntax"),
        ("y = h(u); h(x) = W x", "(", "syntax"),
        ("y = V z; z = W y", "z", "used-before-defined"),
        ("h = W h", "h", "used-before-defined"),
        (r"y = \mathbf{1}^T x", r"\mathbf{1}", "unexpected-character"),
        (r"y = \underbrace{W x}_{abc", "_{abc", "unexpected-character"),
        (r"y = \langle w \rangle", r"\rangle", "syntax"),
        (r"y = \langle A, B \rangle, A \in R^{3x3}, B \in R^{3x3}", r"\langle A, B \rangle", "wrong-rank"),
        (r"L = \sum_i x_i^T y_i, x \in R^3, y \in R^3", "x_i^T", "wrong-rank"),
        (r"w' \leftarrow w - \eta g", r"\leftarrow", "unexpected-character"),
        (r"g = \frac{\partial L}{\partial w}", r"\partial", "unexpected-character"),
        (r"\hat{y} = \operatorname*{arg\,max}_k p_k", r"\operatorname*{arg\,max}", "unexpected-character"),
        (r"y = \operatorname{tr}(A)", r"\operatorname{tr}", "unknown-name"),
        ("y = sign(x)", "sign", "unknown-name"),
        (r"y = \log p (1 - x)", "(", "syntax"),
        (r"y = \sin \pi x / 2", "/", "syntax"),
        (r"y = \sin 2 \cdot x", r"\cdot", "syntax"),
        (r"y = \tanh W \sigma(x)", r"\sigma", "syntax"),
        ("y = W x (2)", "(", "syntax"),
        (r"y = \frac{dL}{dx}", r"\frac{dL}{dx}", "syntax"),
        (r"y = \frac{d}{dx} L", r"\frac{d}{dx}", "syntax"),
        ("y = dL/dx", "dL/dx", "syntax"),
        ("L = H(p, q)", "H", "syntax"),
        (r"L = \sum_i (h_\theta(x_i) - y_i)^2", r"h_\theta", "syntax"),
        (r"L = \sum_j \sum_i W_{ij} x_i", "x_i", "bad-index"),
        (r"L = \sum_i \sum_j (w^T x_i - y_j)^2", "y_j", "bad-index"),
        (r"L = \sum_{i=0}^{n} y_i", "n", "syntax"),
        (r"L = \sum_{i=1}^3 y_i, y \in \mathbb{R}^2", r"\sum_{i=1}^3 y_i", "shape-mismatch"),
        (r"L = \sum_{i=1}^3 (w^T x_i)^2, x \in \mathbb{R}^{2 \times 4}", "x_i", "shape-mismatch"),
        (r"m = \sum_i x_i, x \in \mathbb{R}^{5 \times 3}", r"\sum_i x_i", "wrong-rank"),
        (r"L = \sum_i (y_i - b)^2, y \in \mathbb{R}^3, b \in \mathbb{R}^3", "y_i - b", "wrong-rank"),
        (r"L = \sum_i (y_i + b^2), b \in \mathbb{R}^3", "y_i + b^2", "wrong-rank"),
        (r"L = \sum_i (\|x_i - c\|^2 + b)", "b", "bad-index"),
        (r"L = \sum_i \|x_i - y_i\|, x \in \mathbb{R}^{5 \times 3}", r"\|x_i - y_i\|", "bad-index"),
        (r"L = \frac1N \sum_i mse(p_i, y_i)", "mse(p_i, y_i)", "bad-index"),
        (r"z_i = w^T x_i; L = \sum_i (z_i - y_i)^2", "w^T x_i", "syntax"),
    ],
)  # fmt: skip
def test_what_is_refused_is_pointed_at(written, underlined, code):
    with pytest.raises(SpecError) as caught:
        infer(written)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.span is not None
    if underlined is not None:
        assert caught.value.span.of(written) == underlined


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (r"L = \sum_i (y_i - t_i)^2", 13),
        ("L = sum (y-t)^2", 13),
        ("L = ∑ (y-t)²", 13),
        ("L = sum(y-t)^2", 25),
        (r"L = \frac12\sum_i (y_i - t_i)^2", 6.5),
        ("L = ½‖y − t‖²", 6.5),
        ("L = mean (y-t)^2", 6.5),
        (r"L = \sum_i y_i t_i", 7),
        ("L = yᵀt", 7),
    ],
)
def test_values(source, value):
    found = infer(source, read_givens(["y=[3,4]", "t=[1,1]"]))
    assert float(evaluate(found)[found.output].data[0]) == value


@pytest.mark.parametrize(
    ("written", "in_order"),
    [
        (r"y = \sigma(z); z = W x", ["z", "y"]),
        ("L = mse(y, t); y = V h; h = max(0, z); z = W x", ["z", "h", "y", "L"]),
        ("h = W x; y = V h; q = U x", ["h", "y", "q"]),
        ("y = V z; q = U x; z = W x", ["q", "z", "y"]),
        ("y = h(x); h(x) = W x", ["h", "y"]),
        ("y = W x̄; x = 2 x'", ["x", "y"]),
    ],
)
def test_equations_are_put_in_order_of_definition(written, in_order):
    given = read_givens([*(["x: 3"] if "x" not in in_order else []), *(["z: 2"] if "z" in in_order else [])])
    found = infer(written, given)
    assert [equation.name for equation in found.equations] == in_order
    parts = {part.partition("=")[0].partition("(")[0].strip(): part for part in written.split(";")}
    again = infer("; ".join(parts[name] for name in in_order), given)
    assert any("in order of definition" in note for note in found.notes) == (list(parts) != in_order)
    assert not any("in order of definition" in note for note in again.notes)
    assert found.params == again.params
    assert [(node.operation, node.shape) for node in found.nodes] == [
        (node.operation, node.shape) for node in again.nodes
    ]


def test_a_cycle_is_named():
    with pytest.raises(SpecError, match="a reads b, b reads c, c reads a"):
        infer("d = a; a = W b; b = V c; c = U a")


@pytest.mark.parametrize(
    ("written", "term"),
    [
        (r"L = \log_2 p", lambda torch, p, **_: torch.log2(p)),
        (r"L = \log_{10} p", lambda torch, p, **_: torch.log10(p)),
        (r"L = -(1-p)^\gamma \log p", lambda torch, p, **_: -((1 - p) ** 3) * torch.log(p)),
        (r"\gamma = 3; L = -(1-p)^\gamma \log p", lambda torch, p, **_: -((1 - p) ** 3) * torch.log(p)),
        (r"L = \langle w, v \rangle p", lambda torch, p, w, v, **_: torch.dot(w, v) * p),
        (r"L = \sum_i \langle A_i, B_i \rangle", lambda torch, A, B, **_: sum(torch.dot(a, b) for a, b in zip(A, B))),
        (r"L = \sum_i A_i^T B_i", lambda torch, A, B, **_: sum(torch.dot(a, b) for a, b in zip(A, B))),
    ],
)  # fmt: skip
def test_notation_computes_what_it_says(written, term):
    torch = pytest.importorskip("torch")
    numbers = {"p": 0.25, "w": [1.0, 2.0], "v": [3.0, -1.0], "A": MATRIX, "B": [[3.0, 5.0], [7.0, -1.0]]}
    tensors = {name: torch.tensor(one, dtype=torch.float64, requires_grad=True) for name, one in numbers.items()}
    loss = term(torch, **tensors)
    loss.backward()
    read = {name: tensor for name, tensor in tensors.items() if tensor.grad is not None}
    exponent = ["gamma=3"] if written.startswith(r"L = -(1-p)") else []
    found = infer(written, read_givens([*(f"{name}={numbers[name]}" for name in read), *exponent]))
    values = evaluate(found)
    assert float(values[found.output].data[0]) == pytest.approx(loss.item(), rel=1e-12)
    grads = gradients(found, values)
    assert {node.name for node in found.inputs} == set(read)
    for name, tensor in read.items():
        assert list(map(float, grads[found.names[name]].data)) == pytest.approx(tensor.grad.flatten().tolist())


def test_an_exponent_without_its_number_is_asked_for():
    with pytest.raises(SpecError, match="γ=2 beside the equation gives its number"):
        infer(r"L = (1-p)^\gamma")
    with pytest.raises(SpecError, match="γ is read elsewhere too"):
        infer(r"L = \gamma (1-p)^\gamma", read_givens(["gamma=2"]))


def test_shapes_and_parameters_of_a_recurrent_cell():
    source = r"h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t + b_h)"
    found = infer(source, read_givens(["h_{t-1}: 8", "h_t: 8", "x_t: 4"]))
    assert found.parameters == {"W_hh": (8, 8), "W_xh": (8, 4), "b_h": (8,)} and found.params == 104


@pytest.mark.parametrize(
    ("written", "x", "W"),
    [
        (r"y = W x, x \in \mathbb{R}^{6}, W \in \mathbb{R}^{4 \times 6}", (6,), (4, 6)),
        ("y = W x where x ∈ ℝ⁶ and W ∈ R^{4x6}", (6,), (4, 6)),
        ("y = W x; x in R^6\ny ∈ ℝ^4", (6,), (4, 6)),
        (r"\[ y = W x, \quad x \in \{0, 1\}^6, \quad y \in [0,1]^4. \]", (6,), (4, 6)),
        (r"y = W x, \text{ where } x \in \mathbb{R}^{d_{\text{in}}}, W \in \mathbb R^{2d × d_{in}}",
         (symbol("d_in"),), (2 * symbol("d"), symbol("d_in"))),
        (r"y = W x + V x', x, x' \in \mathbb{R}^T, y \in \mathbb{R}^{n+1}",
         (symbol("T"),), (symbol("n") + 1, symbol("T"))),
    ],
)  # fmt: skip
def test_shapes_stated_in_the_text(written, x, W):
    found = infer(written)
    assert (found["x"].shape, found["W"].shape) == (x, W)
    beside = infer("y = W x", read_givens(["x ∈ R^6", r"W \in \mathbb{R}^{4 \times 6}"]))
    assert (beside["x"].shape, beside["W"].shape) == ((6,), (4, 6))


@pytest.mark.parametrize(
    ("written", "given", "value", "slopes"),
    [
        ("y = where(x > 0, x^2, -3 x)", ["x=2"], 4, {"x": 4}),
        ("y = where(x > 0, x^2, -3 x)", ["x=0"], 0, {"x": -3}),
        (HUBER, ["r=3", "a=1"], 2.5, {"r": 1, "a": 2}),
        (HUBER, ["r=1/2", "a=1"], 0.125, {"r": 0.5, "a": 0}),
        (r"y = \sum_i \mathbf{1}[x_i > t] x_i", ["x=[1,3]", "t=2"], 3, {"x": [0, 1], "t": 0}),
        (r"y = \max_k s_k", ["s=[1,4,4,0]"], 4, {"s": [0, 0.5, 0.5, 0]}),
        (r"y = \min_k s_k", ["s=[1,4,4,0]"], 0, {"s": [0, 0, 0, 1]}),
        (r"y = \prod_k s_k", ["s=[2,3,0]"], 0, {"s": [0, 0, 6]}),
    ],
)  # fmt: skip
def test_choices_and_their_gradients(written, given, value, slopes):
    found = infer(written, read_givens(given))
    values = evaluate(found)
    assert float(values[found.output].data[0]) == value
    grads = gradients(found, values)
    for name, slope in slopes.items():
        assert list(map(float, grads[found.names[name]].data)) == (slope if isinstance(slope, list) else [slope])
    torch = pytest.importorskip("torch")
    from netcalc.proof.equations import check

    assert torch and {one.status for one in check(found)} == {"proved"}


@pytest.mark.parametrize(
    ("first", "last", "missing"),
    [
        ("0 <= x <= 1", "x > 1", "x < 0"),
        ("x < 0", "0 <= x <= 1", "x > 1"),
        ("x <= 0", "x >= 1", "x between 0 and 1"),
        ("x < 0", "x > 0", "x = 0"),
        ("x < a", "x > a", "x = a"),
        ("x < -1/2", "x >= -1/2", ""),
        ("x <= a", "a < x", ""),
    ],
)
def test_what_cases_leave_out(first, last, missing):
    written = rf"y = \begin{{cases}} x & {first} \\ 0 & {last} \end{{cases}}"
    if not missing:
        assert parse(written)
        return
    with pytest.raises(SpecError, match=rf"leave out {missing}\n"):
        parse(written)


def test_cases_with_0_are_the_known_functions():
    relu = infer(r"f = \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}", read_givens(["x: 4"]))
    assert [node.operation for node in relu.nodes] == ["input", "relu"]
    step = infer(r"f = \begin{cases} 1 & 0 < x \\ 0 & \text{otherwise} \end{cases}", read_givens(["x: 4"]))
    assert [node.operation for node in step.nodes] == ["input", "step"]
    other = infer("f = where(x > 0, x, 1)", read_givens(["x: 4"]))
    assert "where" in [node.operation for node in other.nodes]


def test_a_name_that_is_given_keeps_its_meaning():
    found = infer("y = e^2 x", read_givens(["e=3", "x=2"]))
    assert float(evaluate(found)[found.output].data[0]) == 18
    assert "σ" in infer("y = σ (x - 1)", read_givens(["σ=2", "x=3"])).names


X, T, WEIGHT, BIAS = [[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]], [1.0, -1.0, 2.0], [0.5, -0.25], 0.75
MATRIX, ROWS = [[1.0, 0.0], [0.5, 2.0]], [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]


def squares(v):
    return (v * v).sum()


def by_samples(term):
    """The sum of a term written for one sample: an oracle that never sees a matrix of samples."""
    return lambda torch, x, **rest: sum(term(torch, i, x=x, **rest) for i in range(len(x)))


SUMS = [
    (r"\sum_i (w^T x_i - y_i)^2", lambda torch, i, x, w, y: (w @ x[i] - y[i]) ** 2),
    (r"\sum_{i=1}^3 (w^T x_i + b - y_i)^2", lambda torch, i, x, w, b, y: (w @ x[i] + b - y[i]) ** 2),
    (r"\sum_i (y^{(i)} - x_i^T w)^2", lambda torch, i, x, w, y: (w @ x[i] - y[i]) ** 2),
    (r"\sum_i \|W x_i - t_i\|^2", lambda torch, i, x, W, t: squares(W @ x[i] - t[i])),
    (r"\frac12 \sum_i \|x_i - W^T W x_i\|_2^2", lambda torch, i, x, W: squares(x[i] - W.T @ (W @ x[i])) / 2),
    (r"\sum_i b \|x_i - w\|^2", lambda torch, i, x, w, b: b * squares(x[i] - w)),
    (r"\sum_i (\|x_i\|^2 - y_i)", lambda torch, i, x, y: squares(x[i]) - y[i]),
    (r"\sum_i x_i^T W x_i", lambda torch, i, x, W: x[i] @ W @ x[i]),
    (r"\sum_i (x_i - w)^T W (x_i - w)", lambda torch, i, x, W, w: (x[i] - w) @ W @ (x[i] - w)),
    (r"\sum_i \max(0, 1 - y_i (w^T x_i + b))", lambda torch, i, x, w, b, y: torch.relu(1 - y[i] * (w @ x[i] + b))),
    (r"\sum_i \log(1 + \exp(-2 y_i w^T x_i))",
     lambda torch, i, x, w, y: torch.log(1 + torch.exp(-2 * y[i] * (w @ x[i])))),
    (r"-\sum_i (y_i \log\sigma(w^T x_i) + (1 - y_i) \log(1 - \sigma(w^T x_i)))",
     lambda torch, i, x, w, y: -y[i] * torch.log(torch.sigmoid(w @ x[i]))
     - (1 - y[i]) * torch.log(1 - torch.sigmoid(w @ x[i]))),
    (r"-\sum_i t_i^T \log softmax(W x_i + w)", lambda torch, i, x, W, w, t: -t[i] @ torch.log_softmax(W @ x[i] + w, 0)),
    (r"\sum_i |y_i - w^T x_i|", lambda torch, i, x, w, y: abs(y[i] - w @ x[i])),
    (r"\sum_i w^T \tanh(W x_i)", lambda torch, i, x, W, w: w @ torch.tanh(W @ x[i])),
]  # fmt: skip


@pytest.mark.parametrize(("written", "term"), SUMS)
def test_a_sum_over_samples_and_its_gradients(written, term):
    torch = pytest.importorskip("torch")
    import inspect

    numbers = {"x": X, "y": T, "w": WEIGHT, "b": BIAS, "W": MATRIX, "t": ROWS}
    names = [name for name in inspect.signature(term).parameters if name in numbers]
    tensors = {name: torch.tensor(numbers[name], dtype=torch.float64, requires_grad=True) for name in names}
    loss = by_samples(term)(torch, **tensors)
    loss.backward()
    found = infer(f"L = {written}", read_givens([f"{name}={numbers[name]}" for name in names]))
    values = evaluate(found)
    assert float(values[found.output].data[0]) == pytest.approx(loss.item(), rel=1e-12)
    grads = gradients(found, values)
    for name, tensor in tensors.items():
        assert list(map(float, grads[found.names[name]].data)) == pytest.approx(tensor.grad.flatten().tolist())


@pytest.mark.parametrize(
    ("written", "given", "shapes"),
    [
        (r"L = \frac{1}{n}\sum_{i=1}^n (w^T x_i + b - y_i)^2", ["x: n x d", "y: n"], {"w": (symbol("d"),), "b": ()}),
        (r"L = \sum_i (w x_i + b - y_i)^2", ["x: 5"], {"w": (), "b": ()}),
        (r"L = \sum_i (w x_i + b - y_i)^2", ["x: 5x3"], {"w": (3,), "b": ()}),
        (r"L = \sum_i \|W x_i + b - y_i\|^2", ["x: 5x3", "y: 5x2"], {"W": (2, 3), "b": (2,)}),
        (r"c = \sum_j a_j h_j", ["h: 5x3"], {"a": (5,), "c": (3,)}),
        (r"L = \sum_i \sum_k y_{ik} \log p_{ik}", ["y: 5x3"], {"p": (5, 3)}),
        (r"y = W x + b \in \mathbb{R}^{10}", ["x: 3"], {"W": (10, 3), "b": (10,)}),
    ],
)
def test_shapes_under_a_sum_over_samples(written, given, shapes):
    found = infer(written, read_givens(given))
    assert {name: found[name].shape for name in shapes} == shapes


def test_a_sum_over_samples_is_written_with_its_index():
    source = r"L = \frac{1}{n} \sum_i (w^T x_i + b - y_i)^2"
    (equation,) = parse(source)
    assert text(equation.expression) == "(1 / n) (sum_i (wᵀ x_i + b − y_i)²)"
    assert said(f"L = {text(equation.expression)}") == said(source)
    assert r"\sum_{i} \left(w^T x_{i} + b - y_{i}\right)^{2}" in latex(equation.expression)


def test_plain_text_shows_how_the_equation_is_read():
    from click.testing import CliRunner

    from netcalc.cli.eq import eq

    told = CliRunner().invoke(eq, [r"y = \sin 2x", "x=3", "--format", "plain"], catch_exceptions=False).stdout
    assert told.startswith("y = sin(2 x)\n# tensors")
