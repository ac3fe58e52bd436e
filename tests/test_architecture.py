"""The house: who may import whom, what files are called, how long they get, what loads when."""

import ast
import functools
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.edf_files import small_night, write_edf

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hsat"
MODULES = sorted(PACKAGE.rglob("*.py"))

TYPES = {
    "errors",
    "intervals",
    "recording",
    "events",
    "quality",
    "results",
    "patient",
    "treatment",
    "inspection",
    "scorings",
    "hypnogram",
    "sessions",
}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "intervals": set(),
    "quality": set(),
    "events": {"errors", "intervals"},
    "recording": {"errors", "intervals", "quality"},
    "hypnogram": {"errors", "intervals", "recording"},
    "sessions": {"errors", "intervals", "recording"},
    "treatment": {"patient", "recording"},
    "results": TYPES - {"inspection", "patient", "treatment", "scorings", "sessions"},
    "patient": {"errors", "events", "intervals", "recording", "results"},
    "inspection": TYPES - {"results", "patient", "treatment", "scorings", "hypnogram", "sessions"},
    "scorings": {"events", "intervals", "recording"},
    "rules": {"errors"},
    "io": TYPES,
    "folders": {"io", "nights"} | TYPES,
    "joining": {"errors", "intervals", "recording"},
    "kernels": set(),
    "detect": {"kernels", "rules"} | TYPES,
    "indices": {"rules", "kernels"} | TYPES,
    "grading": {"rules"} | TYPES,
    "stability": {"detect", "grading", "rules"} | TYPES,
    "score": {"detect", "indices", "grading", "stability", "rules"} | TYPES,
    "nights": {"grading", "rules", "kernels"} | TYPES,
    "agreement": {"rules", "grading"} | TYPES,
    "simulate": {"io"} | TYPES,
    "batch": {"score", "nights", "report", "io", "rules", "folders", "kernels"} | TYPES,
    "distribution": TYPES - {"inspection", "patient", "scorings", "sessions"},
    "report": {"rules", "agreement", "distribution", "kernels"} | TYPES,
    "interop": {"report"} | TYPES,
    "plot": {"report"},
}
"""Room of the house -> rooms it may import from, besides itself. `cli` may import everything."""

VERSION_READERS = {"score", "report", "batch", "interop", "simulate", "nights"}
"""Rooms that may ask the package itself for ``__version__`` (``from hsat import __version__``)."""

LAZY_BRIDGES = {
    ("recording", "to_mne", "interop"),
    ("results", "plot", "report"),
    ("results", "plot_event", "report"),
    ("results", "plot_event", "io"),
    ("patient", "plot", "report"),
    ("results", "to_annotations", "interop"),
    ("results", "to_fhir", "interop"),
    ("agreement", "plot", "report"),
}
"""(room, function, room): imports inside one method that exist so that a result can draw itself."""

LAZY_LIBRARIES = {"pandas", "mne", "matplotlib", "scipy.signal", "pyedflib", "jinja2", "reportlab"}
"""Heavy: imported inside the function that needs them, never on the way of `hsat score`."""

MAY_USE_LIBRARY: dict[str, set[str]] = {
    "pandas": {"events", "results", "nights", "report", "io", "batch", "agreement", "interop", "cli"},
    "mne": {"interop"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "reportlab": {"report"},
    "pyedflib": {"simulate", "io"},
    "sqlite3": {"batch"},
    "pebble": {"batch"},
    "distributed": {"batch"},
    "fsspec": {"batch"},
    "tqdm": {"cli"},
    "numba": {"kernels", "cli"},
}
"""Libraries that only some rooms may name at all, even lazily."""

FORBIDDEN_FILE_NAMES = {"core", "utils", "util", "helpers", "helper", "misc", "common"}
MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60

MANUFACTURERS = {
    "resmed",
    "airsense",
    "somnomedics",
    "somnotouch",
    "nox",
    "noxturnal",
    "compumedics",
    "embla",
    "philips",
    "respironics",
    "alice",
    "apnealink",
    "nonin",
    "watchpat",
    "natus",
    "wellue",
    "cadwell",
}


def room_of(path: Path) -> str:
    """First part of the module's name below hsat; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """Every import of a module: dotted name, enclosing function ("" at the top), line.

    Imports under ``if TYPE_CHECKING:`` are named by the function "TYPE_CHECKING".
    """
    package_parts = path.relative_to(ROOT).with_suffix("").parts[:-1]

    def walk(node: ast.AST, where: str) -> Iterator[tuple[str, str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, where, child.lineno
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    kept = package_parts[: len(package_parts) - child.level + 1]
                    base = ".".join((*kept, base) if base else kept)
                for alias in child.names:
                    yield f"{base}.{alias.name}", where, child.lineno
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(child, child.name)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                yield from walk(child, "TYPE_CHECKING")
            else:
                yield from walk(child, where)

    yield from walk(tree_of(path), "")


def own_imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """Imports from hsat itself: room imported from, enclosing function, line."""
    for name, where, line in imports(path):
        parts = name.split(".")
        if parts[0] == "hsat":
            yield (parts[1] if len(parts) > 1 else ""), where, line


def modules() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in MODULES]


def test_every_room_is_in_the_table():
    rooms = {room_of(path) for path in MODULES} - {"", "cli", "__main__"}
    assert rooms <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", modules())
def test_rooms_import_only_what_the_table_allows(path):
    room = room_of(path)
    if room in {"", "cli", "__main__"}:
        return
    allowed = MAY_IMPORT[room] | {room}
    wrong = []
    for target, where, line in own_imports(path):
        if target == "__version__" and room in VERSION_READERS:
            continue
        if (room, where, target) in LAZY_BRIDGES:
            continue
        if target not in allowed:
            wrong.append(f"line {line}: {room} -> {target or 'hsat'}")
    assert not wrong


def test_the_package_itself_loads_only_types_at_once():
    top = {target for target, where, _ in own_imports(PACKAGE / "__init__.py") if not where}
    assert top <= TYPES | {"rules"}


@pytest.mark.parametrize("path", modules())
def test_heavy_libraries_are_imported_inside_functions(path):
    top = {name for name, where, _ in imports(path) if not where}
    heavy = {x for x in top if any(x == h or x.startswith(h + ".") for h in LAZY_LIBRARIES)}
    assert not heavy


@pytest.mark.parametrize("path", modules())
def test_libraries_stay_in_their_rooms(path):
    for name, _, line in imports(path):
        library = name.split(".")[0]
        if library in MAY_USE_LIBRARY:
            is_typing_only = any(n == name and where == "TYPE_CHECKING" for n, where, _ in imports(path))
            assert is_typing_only or room_of(path) in MAY_USE_LIBRARY[library], f"line {line}: {name}"


@pytest.mark.parametrize("path", modules())
def test_kernels_know_numpy_and_numba_alone(path):
    if room_of(path) != "kernels":
        return
    allowed = {"numpy", "numba", "hsat"} | set(sys.stdlib_module_names)
    assert {name.split(".")[0] for name, _, _ in imports(path)} <= allowed


def test_no_file_is_named_after_nothing():
    files = [p for folder in ("hsat", "tests", "benchmarks") for p in (ROOT / folder).rglob("*.py")]
    assert not [str(p.relative_to(ROOT)) for p in files if p.stem in FORBIDDEN_FILE_NAMES]


@pytest.mark.parametrize("path", modules())
def test_files_and_functions_fit_one_sitting(path):
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MAX_MODULE_LINES, f"{n_lines} lines"
    functions = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: length(f) for f in functions if length(f) > MAX_FUNCTION_LINES}
    assert not long


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring_lines = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring_lines


@pytest.mark.parametrize("path", modules())
def test_no_assert_no_bare_except_no_fastmath(path):
    for node in ast.walk(tree_of(path)):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert"
        if isinstance(node, ast.ExceptHandler):
            caught = ast.dump(node.type) if node.type else "'Exception'"
            assert "'Exception'" not in caught, f"line {node.lineno}: except Exception"
            assert "'BaseException'" not in caught, f"line {node.lineno}: except BaseException"
        if isinstance(node, ast.keyword):
            assert node.arg != "fastmath", f"line {node.value.lineno}: fastmath breaks NaN tests"


def identifiers_and_texts(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names and text constants of a module with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno


@pytest.mark.parametrize("path", modules())
def test_only_io_names_a_manufacturer(path):
    if room_of(path) == "io":
        return
    found = [
        (word, line)
        for text, line in identifiers_and_texts(tree_of(path))
        for word in text.lower().replace("_", " ").replace("-", " ").split()
        if word.strip(".,;:()'\"`") in MANUFACTURERS
    ]
    assert not found


SETS_OF_DEVICES = {"resmed_75.toml"}
"""Rule sets that are a maker's own definition and named after it."""


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.name) for p in sorted((PACKAGE / "rules").glob("*.toml"))]
)
def test_rule_files_name_no_manufacturer(path):
    if path.name in SETS_OF_DEVICES:
        assert "for comparison with devices only" in path.read_text(encoding="utf-8")
        return
    words = set(path.read_text(encoding="utf-8").lower().replace("_", " ").split())
    assert not words & MANUFACTURERS
    assert tomllib.loads(path.read_text(encoding="utf-8"))


def loaded_modules(code: str, *, cwd: Path = ROOT) -> set[str]:
    """Names in sys.modules after a fresh interpreter has run some code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


def test_import_hsat_is_light():
    loaded = loaded_modules("import hsat")
    assert not loaded & (LAZY_LIBRARIES | {"numba", "scipy"})


def test_the_command_line_itself_loads_no_numpy():
    """Until it is loaded, Ctrl-C is Python's own, with a traceback."""
    assert "numpy" not in loaded_modules("import hsat.cli.main")


@pytest.mark.parametrize("output_format", ["text", "json", "csv"])
def test_scoring_from_the_command_line_loads_nothing_heavy(tmp_path, output_format):
    path = tmp_path / "night.edf"
    write_edf(path, small_night(), duration_s=1800)
    command = ["score", str(path), "--format", output_format]
    code = f"from hsat.cli.main import main\nassert main({command!r}) == 0"
    loaded = loaded_modules(code)
    assert "hsat.score" in loaded
    assert not loaded & LAZY_LIBRARIES


def test_every_data_file_is_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["hsat"]
    packaged = {path for pattern in patterns for path in PACKAGE.glob(pattern)}  # no star goes into a folder
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".py"]
    data = [path for path in files if "__pycache__" not in path.parts]
    assert any(path.suffix == ".toml" for path in data)
    assert not [path for path in data if path not in packaged]
