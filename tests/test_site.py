"""The built site in a real Chromium: every page, phone and desk, light and dark, and on paper.

No request leaves the machine, nothing fails, every link lands, nothing overflows, every equation is there.
"""

import collections
import functools
import http.server
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

import elman_np as en
import elman_torch as et

MUST = "CI" in os.environ  # there, what is missing is a failure
if not MUST:
    for module in ("selenium", "sphinx", "myst_parser", "furo"):
        pytest.importorskip(module, reason="the site needs the extra `docs`")
    for program in ("chromium", "chromedriver", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"the site's test needs {program}", allow_module_level=True)

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
PHONE, DESK = (390, 844), (1440, 900)
A4_TEXT = 718  # px between 1 cm margins
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


def program(name):
    """Return the path of a program, which must be there."""
    path = shutil.which(name)
    assert path is not None, f"{name} is missing"
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site anew, as `python docs/build.py` does."""
    build = runpy.run_path(str(DOCS / "build.py"))
    build["install_packages"]()
    where = tmp_path_factory.mktemp("site")
    result = build["sphinx"](DOCS, where)
    assert result.returncode == 0, result.stderr
    return where


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


def overflowing(chrome, selector):
    """Return what does not fit its own box."""
    return chrome.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 80))",
        selector,
    )


class Links(HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = collections.Counter(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids[attributes["id"]] += 1
        if tag == "a" and "href" in attributes:
            self.links.add(attributes["href"])


def test_ids_are_unique_and_links_land(site):
    pages = {page.relative_to(site).as_posix(): Links(page.read_text()) for page in site.rglob("*.html")}
    assert "source/elman_np/cell.html" in pages
    for name, page in pages.items():
        assert not [anchor for anchor, count in page.ids.items() if count > 1], name
        for link in page.links:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(name, link))
            if not target.scheme:
                path = target.path or name
                assert (site / path).is_file(), (name, link)
                assert not target.fragment or target.fragment in pages[path].ids, (name, link)


def test_pages_are_linked_in_order(site):
    order = re.findall(r"^(?:\d+\.|-) \[[^\]]+\]\((\w+)\.md\)", (DOCS / "index.md").read_text(), re.MULTILINE)
    assert sorted(["index", *order]) == PAGES
    for page, after in zip(["index", *order], order, strict=False):
        assert f'<a class="next-page" href="{after}.html">' in (site / f"{page}.html").read_text()
        assert f'<a class="prev-page" href="{page}.html">' in (site / f"{after}.html").read_text()


def test_the_api_has_every_public_name_with_its_shapes(site):
    page = Links((site / "api.html").read_text())
    for package in (en, et):
        own = [name for name in package.__all__ if name != "__version__"]
        assert own
        for name in own:
            written = getattr(package, name).__module__.partition(".")[0]
            home = written if name in en.__all__ else package.__name__  # where callers take it from
            assert f"{home}.{name}" in page.ids
    text = re.sub(r"<[^>]+>", "", (site / "api.html").read_text())
    assert "Shaped[Array, 'T B I']" in text.replace("&#39;", "'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("page", PAGES)
def test_page(chrome, url, page, size, scheme):
    show(chrome, f"{url}/{page}.html", size, scheme)
    log = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in log if e["method"] == "Network.requestWillBeSent"]
    assert asked
    assert not [address for address in asked if not address.startswith((url, "data:", "chrome:"))]
    answers = [e["params"]["response"] for e in log if e["method"] == "Network.responseReceived"]
    assert not [a["url"] for a in answers if a["status"] >= 400 and not a["url"].endswith("favicon.ico")]
    severe = [e["message"] for e in chrome.get_log("browser") if e["level"] == "SEVERE"]
    assert not [message for message in severe if "favicon.ico" not in message]

    run = chrome.execute_script
    assert run("return document.documentElement.scrollWidth") <= size[0]
    assert run("return document.querySelectorAll('.katex-error').length") == 0
    if run("return document.querySelectorAll('.katex').length"):
        assert run("return [...document.fonts].some(f => /^KaTeX/.test(f.family) && f.status == 'loaded')")
    written = (DOCS / f"{page}.md").read_text()
    rows = run("return [...document.querySelectorAll('.eq-row .eq-number')].map(e => e.textContent)")
    assert rows == re.findall(r"\\qquad\\text\{(\([\d.]+[a-z]?\))\}", written)
    assert run("return document.querySelectorAll('.eq-code').length") == written.count("```python eq=")
    assert run("return [...document.images].every(i => i.complete && i.naturalWidth > 0 && i.alt)")
    if size == DESK:
        assert not overflowing(chrome, ".eq-row .katex-html, .eq-row pre")


@pytest.mark.parametrize("page", PAGES)
def test_page_on_paper(chrome, url, page):
    show(chrome, f"{url}/{page}.html", (A4_TEXT, 1000), medium="print")
    assert not overflowing(chrome, ".katex-display, .math-wrapper, .highlight pre, .eq-row")
    rules = "return [...document.querySelectorAll('.eq-row')].map(e => getComputedStyle(e).breakInside)"
    assert set(chrome.execute_script(rules)) <= {"avoid"}


def test_the_button_changes_page_and_figures(chrome, url):
    """An SVG in an <img> follows the color-scheme of the page, which the button sets."""
    show(chrome, f"{url}/cell.html", scheme="light")
    scheme = "return getComputedStyle(document.querySelector('figure img')).colorScheme"
    seen = []
    for _ in range(3):  # auto, light, dark, in the theme's order
        chrome.execute_script("document.querySelector('.theme-toggle').click()")
        theme = chrome.execute_script("return document.body.dataset.theme")
        assert chrome.execute_script(scheme) == {"auto": "light dark"}.get(theme, theme)
        seen.append(theme)
    assert sorted(seen) == ["auto", "dark", "light"]


def test_search_finds_a_word(chrome, url):
    show(chrome, f"{url}/search.html?q=transpose")
    results = "return document.querySelectorAll('#search-results li a').length"
    deadline = time.monotonic() + 10
    while not chrome.execute_script(results):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_says_where_the_site_is():
    """`python docs/build.py` ends with the path of the front page."""
    result = subprocess.run([sys.executable, DOCS / "build.py"], capture_output=True, text=True, check=True)
    assert Path(result.stdout.strip()).samefile(DOCS / "_build" / "html" / "index.html")
