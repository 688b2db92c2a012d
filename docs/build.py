"""Build the docs and say where they are: `python docs/build.py`."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SITE = DOCS / "_build" / "html"


def install_katex() -> None:
    """Fetch KaTeX, as `package-lock.json` pins it, unless it is there."""
    modules = DOCS / "node_modules"
    if (modules / "katex" / "dist").is_dir():
        return
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # Beside the place and then moved there whole: two tests may do this at the same time.
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=DOCS) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(DOCS / name, folder)
        subprocess.run(npm, cwd=folder, stdout=subprocess.DEVNULL, check=True)
        with contextlib.suppress(OSError):
            (Path(folder) / "node_modules").rename(modules)
    if not (modules / "katex" / "dist").is_dir():
        sys.exit(f"cannot put KaTeX into {modules}: remove what is there")


def sphinx(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Run Sphinx: every page anew, and every warning an error."""
    options = ["-W", "--keep-going", "-n", "-E", "-q", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(site)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


def main() -> int:
    """Build into `docs/_build/html`."""
    install_katex()
    result = sphinx(DOCS, SITE)
    sys.stderr.write(result.stderr)
    print(f"{SITE / 'index.html'}{' (with errors: see above)' if result.returncode else ''}")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
