"""What the README shows is what the command prints, and its Python runs."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from netcalc.cli import main, source

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)


def printed(command: str) -> str:
    """What a person sees of a command on a terminal of 80 columns."""
    result = CliRunner().invoke(main, shlex.split(command)[1:], env={"COLUMNS": "80", "NO_COLOR": "1"})
    return "".join(line.rstrip() + "\n" for line in result.output.splitlines() if line.strip())


def run(block: str) -> str:
    """The block with every command's output anew."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{printed(command[2:])}" for command in commands)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(source, "on_terminal", lambda: True)


def test_console_examples(terminal, request):
    text = README.read_text(encoding="utf-8")
    fresh = BLOCK.sub(lambda match: run(match.group()), text)
    if request.config.getoption("--refresh-goldens"):
        README.write_text(fresh, encoding="utf-8")
    assert BLOCK.findall(text) == BLOCK.findall(fresh) or request.config.getoption("--refresh-goldens")
    assert len(BLOCK.findall(text)) >= 6


def test_a_wrong_example_is_caught(terminal):
    """The control."""
    assert run("$ netcalc mlp 4-3-1\nnonsense\n") != "$ netcalc mlp 4-3-1\nnonsense\n"


def test_python_examples():
    found = doctest.testfile(str(README), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 5 and not found.failed


def test_the_first_two_blocks_are_the_newcomers():
    blocks = re.findall(r"^```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks[0].strip() == "pip install . && netcalc mlp 256-512-1"
    assert blocks[1].strip() == 'pip install ".[test]" && pytest'
