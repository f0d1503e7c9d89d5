"""The notebooks, one for each study, and the sample that the first one reads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from segmentation.studies import DEFAULT_STUDY, STUDIES
from segmentation.studies.mobile import SCHEMA

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
FEWEST_IMAGES = {"notebook": 5, "household": 2, "credit_card": 4, "retail": 4}
NOTEBOOKS = [ROOT / "notebook.ipynb", *sorted((ROOT / "notebooks").glob("*.ipynb"))]
LARGEST = 600_000
SECONDS = 600


def read(path: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is in the repository."""
    return nbformat.read(path, as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return its code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what its cells wrote to standard error, and their errors."""
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    return [
        str(output)
        for output in outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def own_kernel() -> AsyncKernelManager:
    """Return a manager of this environment's kernel, whichever others a user has installed."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "kernels"
    specs = KernelSpecManager(kernel_dirs=[str(folder)])
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)


def test_every_study_has_a_notebook() -> None:
    """That of the default study stands on the top level."""
    names = {path.stem for path in NOTEBOOKS[1:]}
    assert names | {DEFAULT_STUDY} == set(STUDIES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_defines_nothing(path: Path) -> None:
    """Everything that a notebook calls is in the package, where it is checked and tested."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    result = [
        f"{cell.id}: {ast.unparse(node)}"
        for cell in code(read(path))
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, definitions)
    ]
    assert result == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_its_outputs(path: Path) -> None:
    """A reader sees every figure without running anything, in a file that is still small."""
    notebook = read(path)
    assert [cell.id for cell in code(notebook) if cell.execution_count is None] == []
    assert complaints(notebook) == []
    images = [
        output for cell in code(notebook) for output in cell.outputs if "image/png" in str(output)
    ]
    assert len(images) >= FEWEST_IMAGES[path.stem]
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_folder_without_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell runs with this environment's Python and complains of nothing."""
    import matplotlib.font_manager  # noqa: F401  # builds its cache here, not in the notebook

    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    manager = own_kernel()
    assert manager.format_kernel_cmd()[0] == sys.executable
    notebook = read(path)
    client = NotebookClient(
        notebook, km=manager, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(cleanup_kc=True)  # else only kernels that it chose itself are stopped
    assert complaints(notebook) == []
    assert all(cell.execution_count for cell in code(notebook))


def test_the_sample_is_what_its_generator_writes() -> None:
    """The generator writes the shipped sample again, byte for byte."""
    completed = subprocess.run(
        [sys.executable, "data/make_mobile.py"], cwd=ROOT, capture_output=True, check=True
    )
    assert completed.stderr == b""
    assert completed.stdout == (ROOT / "data" / "mobile.csv").read_bytes()


@pytest.mark.parametrize("column", SCHEMA.columns, ids=lambda column: column.name)
def test_the_data_sheet_describes_every_column(column) -> None:  # type: ignore[no-untyped-def]
    """The data sheet has one row for the column, with its header, unit, limits and categories."""
    sheet = (ROOT / "data" / "mobile.md").read_text(encoding="utf-8")
    rows = [line for line in sheet.splitlines() if line.startswith(f"| `{column.name}` |")]
    assert len(rows) == 1
    for text in (column.title, column.kind, column.unit, *column.categories):
        assert text in rows[0]
    if column.numeric:
        assert f"{column.minimum:,}\u2013{column.maximum:,}" in rows[0]
    for alias in column.aliases:
        assert alias.title in rows[0]
