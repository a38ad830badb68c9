"""The formulas of torch.export beside those of netcalc: where they agree, and where torch itself sides with netcalc."""

import pytest

from netcalc.analysis.report import analyze
from netcalc.dims import evaluate
from netcalc.spec import elaborate

torch = pytest.importorskip("torch")

NETS = {
    "3xHxW -> conv 8 k3 s2 p1": lambda nn: nn.Conv2d(3, 8, 3, 2, 1),
    "3xHxW -> conv 8 k7 s2 p3 -> maxpool 3 s2 p1": lambda nn: nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, 3), nn.MaxPool2d(3, 2, 1)
    ),
    "3xHxW -> conv 4 k5 d2 -> avgpool 2": lambda nn: nn.Sequential(nn.Conv2d(3, 4, 5, dilation=2), nn.AvgPool2d(2)),
    "3xHxW -> convtranspose 4 k3 s2": lambda nn: nn.ConvTranspose2d(3, 4, 3, 2),
    "3xHxW -> maxpool 3 s2 ceil_mode=True": lambda nn: nn.MaxPool2d(3, 2, ceil_mode=True),
    "3xHxW -> maxpool 2 s3 p1 ceil_mode=True": lambda nn: nn.MaxPool2d(2, 3, 1, ceil_mode=True),
}
CEIL = {spec for spec in NETS if "ceil_mode" in spec}
"""Here torch.export takes the branch of its example for the only one, and refuses one formula for all sizes."""
DIFFER = {"3xHxW -> maxpool 2 s3 p1 ceil_mode=True"}
"""Told to put its guards off, it gives a formula that is not what torch's own forward pass does at other sizes."""


def exported(module, deferred=False):
    """The module's output sizes as formulas of torch.export's symbols, as functions of height and width."""
    import sympy

    dims = {2: torch.export.Dim("H", min=12, max=4000), 3: torch.export.Dim("W", min=12, max=4000)}
    program = torch.export.export(
        module,
        (torch.zeros(1, 3, 41, 37),),
        dynamic_shapes=(dims,),
        prefer_deferred_runtime_asserts_over_guards=deferred,
    )
    read, *_ = (
        node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in ("x", "input")
    )
    (made,) = next(node for node in program.graph.nodes if node.op == "output").args[0]
    height, width = (read.shape[axis].node.expr for axis in (2, 3))

    def at(h, w):
        return tuple(
            int(sympy.sympify(size.node.expr if hasattr(size, "node") else size).subs({height: h, width: w}))
            for size in made.meta["val"].shape[1:]
        )

    return at


@pytest.mark.parametrize("spec", NETS)
def test_formulas_beside_torch_export(spec):
    """At every height torch's forward pass gives netcalc's shape; where torch.export does not is on record."""
    module = NETS[spec](torch.nn).eval()
    shape = analyze(elaborate(spec)).output_shape
    theirs = exported(module, deferred=True)
    different = []
    for h in range(12, 60):
        ours = tuple(evaluate(size, {"H": h, "W": 37}) for size in shape)
        assert ours == tuple(module(torch.zeros(1, 3, h, 37)).shape[1:]), "torch's own forward pass sides with ours"
        if theirs(h, 37) != ours:
            different.append(h)
    assert bool(different) == (spec in DIFFER), different


@pytest.mark.parametrize("spec", NETS)
def test_torch_export_refuses_one_formula_in_ceil_mode(spec):
    module = NETS[spec](torch.nn).eval()
    try:
        exported(module)
        refused = False
    except torch._dynamo.exc.UserError as error:
        refused = "Constraints violated" in str(error)
    assert refused == (spec in CEIL)
