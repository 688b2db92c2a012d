"""`python docs/build.py` where something is missing: one line that says what, and no traceback."""

import os
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def build(path):
    environment = {**os.environ, "PATH": str(path)}
    return subprocess.run(
        [sys.executable, DOCS / "build.py"], capture_output=True, text=True, env=environment, check=False
    )


def fake(folder, name, script="exit 1"):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(stat.S_IRWXU)


def test_a_missing_node_is_named(tmp_path):
    done = build(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "install Node.js" in done.stderr


@pytest.mark.parametrize(
    ("npm", "said"),
    [(None, "the docs need npm"), ("echo 'npm error getaddrinfo' >&2; exit 1", "npm error getaddrinfo")],
    ids=["no-npm", "no-network"],
)
def test_a_missing_npm_or_network_is_named(tmp_path, monkeypatch, npm, said):
    for name in ("package.json", "package-lock.json", "build.py"):
        (tmp_path / name).write_text((DOCS / name).read_text())
    (tmp_path / "bin").mkdir()
    if npm:
        fake(tmp_path / "bin", "npm", npm)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    module = runpy.run_path(str(tmp_path / "build.py"))
    with pytest.raises(SystemExit) as end:
        module["install_packages"]()
    assert said in str(end.value)
    assert "\n" not in str(end.value)
