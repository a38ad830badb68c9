"""The house: which room may import what, what an import loads, and that the registry's index is whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import netcalc
from netcalc.layers import _FAMILY_OF, all_kinds, all_words, kinds_named
from netcalc.layers.base import REQUIRED, Layer

PACKAGE = Path(netcalc.__file__).parent
ROOM_OF = {"layers/base": "base", "layers/reach": "base", "records": "errors"}
MAY_IMPORT = {  # room → the rooms of netcalc that it may import
    "_version": set(),
    "errors": {"errors"},
    "dims": {"dims"},
    "base": {"dims", "errors", "base"},
    "layers": {"dims", "errors", "base", "layers"},
    "graph": {"dims", "errors", "base", "layers"},
    "spec": {"dims", "errors", "base", "layers", "graph", "spec"},
    "analysis": {"dims", "errors", "base", "layers", "graph", "analysis", "_version"},
    "equations": {"dims", "errors", "base", "layers", "graph", "analysis", "equations"},
    "proof": {"dims", "errors", "base", "layers", "graph", "analysis", "equations", "proof"},
    "report": {"dims", "errors", "base", "layers", "graph", "analysis", "equations", "report", "spec"},
}
ONLY_IN = {"torch": {"proof"}, "rich": {"report", "cli"}, "click": {"cli"}}
OUTSIDE = {"click", "rich", "torch", "numpy", "sympy"}


def room(path: Path) -> str:
    relative = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return ROOM_OF.get(relative, relative.split("/")[0])


def imports(tree: ast.AST, inner: bool = True):
    """The modules that a file imports, those inside functions too; what only type checkers see is left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(path: Path, text: str) -> list[str]:
    """What a file imports that its room may not."""
    here, found = room(path), []
    for module in imports(ast.parse(text)):
        top = module.split(".")[0]
        if top in ONLY_IN and here not in ONLY_IN[top]:
            found.append(f"{here} imports {module}")
        if top == "netcalc" and module.count(".") and here in MAY_IMPORT:
            there = room(PACKAGE / Path(*module.split(".")[1:3]).with_suffix(".py"))
            there = room(PACKAGE / (module.split(".")[1] + ".py")) if there not in {*MAY_IMPORT, "cli"} else there
            if there in {*MAY_IMPORT, "cli"} and there not in MAY_IMPORT[here]:
                found.append(f"{here} imports {module}")
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_what_they_may(path):
    assert not breaches(path, path.read_text())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("analysis/x.py", "from netcalc.spec import elaborate"),
        ("layers/x.py", "from netcalc.graph import Graph"),
        ("graph.py", "import torch"),
        ("cli/x.py", "def f():\n    import torch"),
        ("analysis/x.py", "import rich.table"),
        ("errors.py", "from netcalc.dims import Dim"),
    ],
)
def test_the_rule_catches_a_breach(path, text):
    """The control: planted breaches are found."""
    assert breaches(PACKAGE / path, text)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_netcalc_loads_only_the_standard_library():
    analysed = "import netcalc; netcalc.analyze('3x32x32 -> conv 8 k3 -> bn -> relu -> flatten -> linear 10')"
    assert not loaded_by(analysed) & OUTSIDE
    assert "torch" in loaded_by("import torch"), "the control"


@pytest.mark.parametrize("format", ["plain", "json", "csv", "markdown"])
def test_rich_is_loaded_only_for_tables(format):
    run = f"from netcalc.cli import main; main(['mlp', '4-3-1', '--format', '{format}'], standalone_mode=False)"
    assert "rich" not in loaded_by(run)
    assert "rich" in loaded_by(
        "from netcalc.cli import main; main(['mlp', '4-3-1', '--format', 'table'], standalone_mode=False)"
    )


def test_the_index_of_words_is_whole():
    """Every word is found without loading other families, and leads to the same kinds."""
    for word, kinds in all_words().items():
        assert _FAMILY_OF.get(word) == kinds[0].__module__.rpartition(".")[2], word
        assert set(kinds_named(word)) == set(kinds), word
    assert set(_FAMILY_OF) == set(all_words())


@pytest.mark.parametrize("name", all_kinds())
def test_a_kind_states_its_facts_itself(name):
    """There is no default for shape, work or receptive field: silence is not zero."""
    kind = all_kinds()[name]
    for fact in ("conditions", "output_shape", "work", "reach"):
        assert getattr(kind, fact) is not getattr(Layer, fact), f"{name} does not state {fact}"


def test_layers_are_frozen():
    from dataclasses import FrozenInstanceError, is_dataclass

    layer = all_kinds()["Linear"](3, 4)
    assert is_dataclass(layer)
    for change in (
        lambda: setattr(layer, "bias", False),
        lambda: setattr(layer, "new", 1),
        lambda: delattr(layer, "bias"),
    ):
        with pytest.raises(FrozenInstanceError):
            change()
    assert layer == all_kinds()["Linear"](3, 4)


def test_layers_are_made_as_their_signature_says():
    from inspect import signature

    linear = all_kinds()["Linear"]
    assert str(signature(linear)) == "(in_features=None, out_features=REQUIRED, bias=True)"
    layer = linear(3, 4)
    for same in (linear(3, out_features=4), linear(out_features=4, in_features=3), linear(3, 4, True)):
        assert same == layer
        assert hash(same) == hash(layer)
    for wrong in (
        lambda: linear(3, 4, True, 5),
        lambda: linear(3, 4, in_features=3),
        lambda: linear(3, out=4),
    ):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize("name", [name for name, kind in all_kinds().items() if kind.namesake])
def test_arguments_are_torchs(name):
    """Same names, order and defaults as the torch.nn namesake, but for those left out, each with its reason."""
    import inspect

    torch = pytest.importorskip("torch")
    from netcalc.layers.missing import LEFT_OUT

    kind = all_kinds()[name]
    theirs = dict(inspect.signature(getattr(torch.nn, kind.namesake)).parameters)
    if any(
        p.kind is p.VAR_POSITIONAL for p in theirs.values()
    ):  # RNNs hand on; Sigmoid takes anything and uses nothing
        base = (
            inspect.signature(torch.nn.RNNBase).parameters
            if issubclass(getattr(torch.nn, kind.namesake), torch.nn.RNNBase)
            else {}
        )
        assert set(base) - set(LEFT_OUT) - {"mode"} <= {*kind.arguments, "proj_size"}
        assert set(kind.arguments) <= {*base, "nonlinearity"}
        return
    theirs = {n: p for n, p in theirs.items() if n in kind.arguments or n not in LEFT_OUT}
    assert list(kind.arguments)[: len(theirs)] == list(theirs)
    for argument, parameter in theirs.items():
        accepted = kind.arguments[argument]
        if accepted.axis is not None:
            continue
        default = getattr(kind, argument, REQUIRED)
        if parameter.default is inspect.Parameter.empty:
            assert default is REQUIRED or default is None, argument
        else:
            assert default == getattr(parameter.default, "__name__", parameter.default), argument


def test_what_is_left_out_is_torchs_and_refused_with_its_reason():
    import inspect

    torch = pytest.importorskip("torch")
    from netcalc.layers.missing import LEFT_OUT

    left_out = set()
    for kind in all_kinds().values():
        if kind.namesake:
            left_out |= set(inspect.signature(getattr(torch.nn, kind.namesake)).parameters) - set(kind.arguments)
        if kind.made_of:
            assert list(kind.made_of) == list(inspect.signature(getattr(torch.nn, kind.__name__)).parameters)
    assert left_out - {"args", "kwargs"} == set(LEFT_OUT)
    with pytest.raises(netcalc.SpecError) as refused:
        netcalc.analyze("10 -> identity as y -> linear 10 -> crossentropy y weight=10")
    assert refused.value.hint == LEFT_OUT["weight"]


def test_every_module_of_torch_is_known_or_said_to_be_missing():
    torch = pytest.importorskip("torch")
    from netcalc.layers.missing import ALIASES, MISSING

    classes = {
        name for name, found in vars(torch.nn).items() if isinstance(found, type) and issubclass(found, torch.nn.Module)
    }
    known = {kind.namesake for kind in all_kinds().values()} | set(all_kinds())
    assert classes - known == set(MISSING) | set(ALIASES)
    assert set(ALIASES.values()) <= known


def test_nothing_speaks_of_this_machine():
    root = Path(__file__).parent.parent
    for path in [*FILES, *root.glob("*.md"), *root.glob("specs/*.net"), *root.glob("tests/*.py")]:
        text = path.read_text()
        for word in ("/work/" + "main", "/tmp/" + "venv", "note" + "_for_ceo"):
            assert word not in text, f"{path}: {word}"
