"""The size of files and functions, and the habits that a linter does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted([*(ROOT / "wce").rglob("*.py"), *ROOT.glob("app.py")])
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in [*PRODUCT, *EXAMPLES]]
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50


@pytest.fixture(scope="module", params=NAMES)
def tree(request: pytest.FixtureRequest) -> ast.Module:
    """The syntax tree of each file, read once for all that looks at it."""
    return ast.parse((ROOT / request.param).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_fits_in_the_head(name: str) -> None:
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())

    assert lines <= MAX_FILE_LINES


def test_a_function_fits_on_a_screen(tree: ast.Module) -> None:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    long = {node.name: size for node in functions if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES}

    assert long == {}


def test_a_module_says_what_it_is_for(tree: ast.Module) -> None:
    assert ast.get_docstring(tree)


def test_no_error_is_swallowed(tree: ast.Module) -> None:
    silent = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body)
    ]

    assert silent == []


def test_a_module_has_a_name_that_says_something() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "base", "misc"}

    assert {path.stem for path in [*PRODUCT, *EXAMPLES]} & empty_words == set()


def test_nothing_is_left_for_later() -> None:
    marker = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

    marked = [name for name in NAMES if marker.search((ROOT / name).read_text(encoding="utf-8"))]

    assert marked == []
