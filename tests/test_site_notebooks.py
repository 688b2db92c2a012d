"""The pages' notebooks, run from top to bottom: each cell shows what the page shows."""

import doctest
import json
import sys

import pytest

from tests.support.site import DOCS, needs

needs("sphinx", "myst_parser", "nbformat", "nbclient", "ipykernel", programs=())
pytestmark = pytest.mark.slow
ROOT = DOCS.parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CODE = sorted(path.stem for path in DOCS.glob("*.md") if ">>>" in path.read_text())


@pytest.fixture(scope="module")
def made():
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        import notebooks
    finally:
        sys.path.remove(str(DOCS / "_ext"))
    return lambda page: notebooks.notebook(DOCS / f"{page}.md", set(CODE))


def text(output):
    """What an output shows, as a terminal does."""
    match output["output_type"]:
        case "stream":
            return output["text"] if output["name"] == "stdout" else ""
        case "error":
            return f"{output['ename']}: {output['evalue']}\n"
        case "execute_result":
            return output["data"]["text/plain"] + "\n"
    return ""


def shown(cell):
    return "".join(map(text, cell["outputs"]))


def test_every_chapter_has_one():
    first = {path.stem: path.read_text().partition(" ")[2][:2] for path in DOCS.glob("*.md")}
    chapters = {page for page, start in first.items() if start in {f"{n}." for n in range(1, 10)}}
    assert len(chapters) == 9
    assert chapters <= set(CODE)


@pytest.mark.parametrize("page", CODE)
def test_a_notebook_has_all_of_its_page(made, page):
    """Each line of code and of output, and every formula, is in it."""
    written = (DOCS / f"{page}.md").read_text()
    whole = json.dumps(made(page), ensure_ascii=False)
    for line in written.splitlines():
        if line.startswith((">>> ", "... ")):
            assert json.dumps(line[4:].rstrip(), ensure_ascii=False)[1:-1] in whole
    assert whole.count("$$\\n") + whole.count('$$"') == 2 * written.count("```math")
    assert written.count("![") == whole.count("<img alt=")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", CODE)
def test_a_notebook_runs_from_top_to_bottom(made, page, monkeypatch, tmp_path):
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.from_dict(made(page))
    nbformat.validate(notebook)
    expected = [shown(cell) if cell["cell_type"] == "code" else "" for cell in notebook.cells]
    kernel = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}})
    kernel.execute()
    same = doctest.OutputChecker().check_output
    for cell, want in zip(notebook.cells, expected, strict=True):
        if cell["cell_type"] == "code":
            got = shown(cell).replace(" at 0x", " object at 0x")  # as IPython leaves the word out
            assert same(want, got, FLAGS), (cell["source"], want, got)
