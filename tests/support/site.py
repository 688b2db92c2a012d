"""The built site in a headless Chromium: fixtures and what the tests of the site share."""

import functools
import http.server
import json
import os
import runpy
import shutil
import threading
import time
from pathlib import Path

import pytest

MUST = "CI" in os.environ  # there, what is missing is a failure
DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob("*.md"))
PHONE, LAPTOP, DESK = (390, 844), (1280, 800), (1440, 900)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
)


def needs(*modules, programs=("npm", "node")):
    """Leave a module of tests out where something is missing, but in CI."""
    if not MUST:
        for module in modules:
            pytest.importorskip(module, reason="the site needs the extra `docs`")
        for name in programs:
            if shutil.which(name) is None:
                pytest.skip(f"the site's test needs {name}", allow_module_level=True)


def program(name):
    """Return the path of a program, which must be there."""
    path = shutil.which(name)
    assert path is not None, f"{name} is missing"
    return path


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build the site anew, as `python docs/build.py` does."""
    build = runpy.run_path(str(DOCS / "build.py"))
    build["install_packages"]()
    where = tmp_path_factory.mktemp("site")
    result = build["sphinx"](DOCS, where)
    assert result.returncode == 0, result.stderr
    return where


@pytest.fixture(scope="session")
def url(site):
    """Serve the site on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def chrome(tmp_path_factory):
    """Start a headless Chromium that keeps a log of what it asks for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    yield driver
    driver.quit()


def show(chrome, address, size=DESK, scheme="light", medium=""):
    """Open a page and wait for its fonts; what was logged before is forgotten."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": [feature]})
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chrome.get_log("performance"), chrome.get_log("browser")
    chrome.get(address)
    chrome.execute_async_script("document.fonts.ready.then(() => arguments[0]())")


def logged(chrome, method):
    """What the log says of one kind of event since the last page was opened; the log is then empty."""
    entries = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    return [entry["params"] for entry in entries if entry["method"] in method]


def overflowing(chrome, selector):
    """Return what does not fit its own box."""
    return chrome.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 80))",
        selector,
    )


def violations(chrome):
    """What axe finds on the page that is open: the rule, and where."""
    axe = DOCS / "node_modules" / "axe-core" / "axe.min.js"
    chrome.execute_script(axe.read_text(encoding="utf-8"))
    return chrome.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then("
        "found => arguments[0](found.violations.map(v => [v.id, v.nodes.map(n => n.target.join(' '))])))"
    )


def until(condition, seconds=10):
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value
