"""What holds for every file: small functions, small files, a core without clock, chance or files, imports that point one way."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("detectors", "governance", "reporting", "streams")
CORE = ("detectors", "governance", "reporting", "streams/kernel")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400

# Modules that know the time, chance, the machine or the outside; a core that imports none of them cannot ask.
OUTSIDE_MODULES = {"asyncio", "glob", "io", "os", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time"}
# What is left of these in modules the core may use for other things.
OUTSIDE_NAMES = {"utcnow", "uuid1", "uuid4", "getenv", "environ", "read_text", "read_bytes", "write_text", "write_bytes"}
CLOCKS = {("datetime", "now"), ("datetime", "today"), ("date", "today")}
OUTSIDE_BUILTINS = {"open", "input", "print", "eval", "exec"}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


ALL = [*python_files(*PACKAGES, "tests", "benchmarks", "examples"), ROOT / "develop.py"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"line {node.lineno}: {node.name} has {lines} lines"


def asks_the_outside(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                asked = [name.name for name in names if name.name.split(".")[0] in OUTSIDE_MODULES]
            case ast.ImportFrom(module=str(module), names=names):
                asked = [module] if module.split(".")[0] in OUTSIDE_MODULES else [name.name for name in names if name.name in OUTSIDE_NAMES]
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attr) if (owner, attr) in CLOCKS:
                asked = [attr]
            case ast.Attribute(attr=attr):
                asked = [attr] if attr in OUTSIDE_NAMES else []
            case ast.Call(func=ast.Name(id=name)):
                asked = [name] if name in OUTSIDE_BUILTINS | OUTSIDE_NAMES else []
            case _:
                asked = []
        yield from (f"line {getattr(node, 'lineno', 0)}: {name}" for name in asked)


def swallowed(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body):
            yield f"line {node.lineno}: an exception is swallowed"


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_file_fits_in_the_head(path: Path) -> None:
    """No file over 400 lines, no function over 60, no swallowed exception."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)

    assert len(text.splitlines()) <= LONGEST_FILE
    assert [*long_functions(tree), *swallowed(tree)] == []


@pytest.mark.parametrize("path", python_files(*CORE), ids=named)
def test_the_core_asks_nothing_outside_its_arguments(path: Path) -> None:
    """No clock, randomness, environment or file in detectors, governance, reporting and the kernel."""
    assert list(asks_the_outside(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    ["import time", "from random import choice", "import os.path", "dt.datetime.now()", "uuid4()", "open('x')", "x.read_text()"],
)
def test_the_search_for_the_outside_finds_it(line: str) -> None:
    """The rule above can fail: each way to the outside is seen."""
    assert list(asks_the_outside(ast.parse(line))) != []


def test_a_long_function_and_a_swallowed_error_are_seen() -> None:
    """The rule on size can fail."""
    long = "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION
    quiet = "try:\n    x\nexcept KeyError:\n    pass\n"

    assert list(long_functions(ast.parse(long))) == [f"line 1: f has {LONGEST_FUNCTION + 1} lines"]
    assert list(swallowed(ast.parse(quiet))) == ["line 3: an exception is swallowed"]


def test_imports_point_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """streams, reporting, governance, detectors in this order; a pure kernel; river in detectors only."""
    monkeypatch.chdir(ROOT)  # import-linter reads its contracts from the pyproject.toml of the folder it is run in
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(cache_dir=None, no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package: str) -> None:
    """py.typed lies in every package, so that programs written against them are checked too."""
    spec = find_spec(package)

    assert spec is not None
    assert spec.origin is not None
    assert (Path(spec.origin).parent / "py.typed").exists()
