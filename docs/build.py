"""Build the docs and say where they are: `python docs/build.py`; with `--pdf`, the whole as one PDF as well.

It needs the extra `docs`, Node.js with npm, and once the network: npm fetches what `package-lock.json` pins.
The PDF needs Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SITE = DOCS / "_build" / "html"
PDF = DOCS / "_build" / "elman.pdf"


def missing_packages() -> list[str]:
    """Names in `package.json` that `node_modules` does not have in the version asked for."""
    wanted = json.loads((DOCS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return [name for name, version in wanted.items() if _installed(name) != version]


def _installed(name: str) -> str | None:
    path = DOCS / "node_modules" / name / "package.json"
    return json.loads(path.read_text(encoding="utf-8"))["version"] if path.is_file() else None


def install_packages() -> None:
    """Fetch what the pages take from npm, as `package-lock.json` pins it, unless it is there."""
    if not missing_packages():
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("the docs need npm, which comes with Node.js: install Node.js, and build again")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    modules = DOCS / "node_modules"
    # Beside the place and then moved there whole: two tests may do this at the same time.
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=DOCS) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(DOCS / name, folder)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            why = next(iter(done.stderr.splitlines()), f"it ended with {done.returncode}")
            sys.exit(f"npm cannot fetch what the docs need; is the network there? ({why})")
        with contextlib.suppress(OSError):
            if modules.is_dir():
                modules.rename(Path(folder) / "old")
            (Path(folder) / "node_modules").rename(modules)
    if missing_packages():
        sys.exit(f"cannot put {', '.join(missing_packages())} into {modules}: remove what is there")


def write_lines_for_git_hosts() -> None:
    """Bring up to date what the pages have for a Git host alone: see `_ext/git_host.py`."""
    sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]
    from git_host import stale

    for path, text in stale(DOCS):
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(DOCS.parent)}: its lines for a Git host are now up to date")


def sphinx(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Run Sphinx: every page anew, nothing left of an earlier build, and every warning an error."""
    shutil.rmtree(site, ignore_errors=True)
    options = ["-W", "--keep-going", "-n", "-E", "-q", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(site)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


def print_pdf(site: Path, pdf: Path) -> None:
    """Print the site's `book.html`, all pages as one, with an outline."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("the PDF needs Chromium, which prints it: install it, and build again")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    options += ["--generate-pdf-document-outline", f"--print-to-pdf={pdf}"]
    command = [chromium, *options, (site / "book.html").as_uri()]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)


def main() -> int:
    """Build into `docs/_build/html`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--pdf", action="store_true", help=f"print the whole into {PDF.relative_to(DOCS.parent)}"
    )
    chosen = options.parse_args()
    if shutil.which("node") is None:
        sys.exit("the docs need node, which sets their mathematics: install Node.js, and build again")
    install_packages()
    write_lines_for_git_hosts()
    result = sphinx(DOCS, SITE)
    sys.stderr.write(result.stderr)
    print(f"{SITE / 'index.html'}{' (with errors: see above)' if result.returncode else ''}")
    if chosen.pdf:
        print_pdf(SITE, PDF)
        print(PDF)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
