"""The built site in a real Chromium: every page, phone, laptop and desk, light and dark, and on paper.

No request leaves the machine, nothing fails, every link lands, nothing overflows, every equation is there,
and axe finds nothing that keeps someone out.
"""

import collections
import re
import runpy
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

import elman_np as en
import elman_torch as et
from tests.support.site import (
    DESK,
    DOCS,
    LAPTOP,
    PAGES,
    PHONE,
    logged,
    needs,
    overflowing,
    program,
    show,
    until,
    violations,
)

needs("selenium", "sphinx", "myst_parser", "furo", programs=("chromium", "chromedriver", "npm", "node"))
pytestmark = pytest.mark.slow
A4_TEXT = 718  # px between 1 cm margins
BUILT = ["search", "source/elman_np/cell", "source/tests/test_parity"]  # by extensions, not from Markdown


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


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "light"), (PHONE, "dark"), (LAPTOP, "light"), (DESK, "dark")],
    ids=["phone", "phone-dark", "laptop", "desk-dark"],
)
@pytest.mark.parametrize("page", [*PAGES, *BUILT])
def test_page(chrome, url, page, size, scheme):
    show(chrome, f"{url}/{page}.html", size, scheme)
    log = logged(chrome, {"Network.requestWillBeSent", "Network.responseReceived"})
    asked = [entry["request"]["url"] for entry in log if "request" in entry]
    assert asked
    assert not [address for address in asked if not address.startswith((url, "data:", "chrome:"))]
    answers = [entry["response"] for entry in log if "response" in entry]
    assert not [a["url"] for a in answers if a["status"] >= 400 and not a["url"].endswith("favicon.ico")]
    severe = [e["message"] for e in chrome.get_log("browser") if e["level"] == "SEVERE"]
    assert not [message for message in severe if "favicon.ico" not in message]
    if scheme == "light":
        assert violations(chrome) == []

    run = chrome.execute_script
    assert run("return document.documentElement.scrollWidth") <= size[0]
    assert run("return document.querySelectorAll('.katex-error').length") == 0
    if run("return document.querySelectorAll('.katex').length"):
        assert run("return [...document.fonts].some(f => /^KaTeX/.test(f.family) && f.status == 'loaded')")
    assert run("return [...document.images].every(i => i.complete && i.naturalWidth > 0 && i.alt)")
    if size != PHONE:
        assert not overflowing(chrome, ".katex-display, .eq-row pre, .table-wrapper")
        assert (page in BUILT) or run("return document.querySelector('.toc-tree').checkVisibility()")


@pytest.mark.parametrize("page", PAGES)
def test_every_equation_and_its_code_are_on_the_page(site, page):
    text = (site / f"{page}.html").read_text()
    written = (DOCS / f"{page}.md").read_text()
    numbers = re.findall(r"\\qquad\\text\{\(([\d.]+[a-z]?)\)\}", written)
    rows = re.findall(r'<div class="eq-row[^"]*" id="eq-([^"]+)"', text)
    assert rows == [number.replace(".", "-") for number in numbers]
    assert text.count('class="eq-code') == written.count("```python eq=")


@pytest.mark.parametrize("page", PAGES)
def test_page_on_paper(chrome, url, page):
    show(chrome, f"{url}/{page}.html", (A4_TEXT, 1000), medium="print")
    assert not overflowing(chrome, ".katex-display, .math-wrapper, .highlight pre, .eq-row, .table-wrapper")
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


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_what_is_wider_than_its_box_is_reached_with_the_keyboard(chrome, url, size):
    show(chrome, f"{url}/floating_point.html", size)
    unreached = (
        "return [...document.querySelectorAll('.katex-display, pre, .table-wrapper')]"
        ".filter(e => e.tabIndex < 0 && e.scrollWidth > e.clientWidth + 1).length"
    )
    assert chrome.execute_script(unreached) == 0


def test_a_copy_button_is_seen_when_the_keyboard_is_on_it(chrome, url):
    show(chrome, f"{url}/bptt.html")
    focus = (
        "const b = document.querySelector('button.copybtn'); b.focus(); return getComputedStyle(b).opacity"
    )
    assert until(lambda: chrome.execute_script(focus) == "1")


@pytest.mark.parametrize(("page", "link"), [("speed", "bptt.html#eq-3-4"), ("bptt", "#eq-3-4")])
def test_pointing_at_a_reference_shows_the_equation(chrome, url, page, link):
    """On a page that has the equation, and on one that has not."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    def seen():
        return chrome.execute_script(
            "const view = document.getElementById('equation-view');"
            "return view.checkVisibility() ? view.querySelector('annotation').textContent : ''"
        )

    show(chrome, f"{url}/{page}.html", LAPTOP)
    assert seen() == ""
    reference = chrome.find_element(By.CSS_SELECTOR, f'article p > a[href="{link}"]')
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", reference)
    ActionChains(chrome).move_to_element(reference).perform()
    assert seen() == r"da = dh \odot (1 - h \odot h)"
    ActionChains(chrome).send_keys("\ue00c").perform()  # Escape
    assert seen() == ""


def test_the_source_leads_back_to_the_equation_and_on_to_the_tests(site):
    cell = (site / "source/elman_np/cell.html").read_text()
    (marked,) = [line for line in cell.splitlines() if "# (3.4)" in line]
    assert 'href="../../bptt.html#eq-3-4"' in marked
    path, line = re.search(r'href="\.\./(tests/\w+)\.html#line-(\d+)"', marked).groups()
    (test,) = [
        text for text in (site / f"source/{path}.html").read_text().splitlines() if f'"line-{line}"' in text
    ]
    assert "test_" in test
    assert 'href="../../bptt.html#eq-3-4"' in test


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("3.9", "bptt.html#eq-3-9"),
        ("(3.9)", "bptt.html#eq-3-9"),
        ("vanishing", "gradient_flow.html"),
        ("gradient check", "check.html"),
        ("clip_grad_norm", "api.html#elman_np.clip_grad_norm"),
        ("spectral radius", "gradient_flow.html#what-bounds-the-product"),
    ],
)
def test_search(chrome, url, query, first):
    show(chrome, f"{url}/search.html?q={urllib.parse.quote(query)}")
    found = "return document.querySelector('#results a')?.getAttribute('href')"
    assert until(lambda: chrome.execute_script(found)) == first


def test_all_that_search_finds_is_there(site):
    data = (site / "_static" / "search-data.js").read_text()
    addresses = re.findall(r'"url": "([^"]+)"', data)
    assert len(addresses) > 200
    pages = {path: Links((site / path).read_text()) for path in {a.partition("#")[0] for a in addresses}}
    for path, _, anchor in (address.partition("#") for address in addresses):
        assert not anchor or anchor in pages[path].ids


def test_the_whole_is_one_page_and_one_pdf(site, tmp_path):
    text = (site / "book.html").read_text()
    for page in PAGES:
        assert f'<div class="book-page" id="{page}">' in text
        assert not re.search(rf'href="{page}\.html', text.partition("<article")[2].partition("</article>")[0])
    build = runpy.run_path(str(DOCS / "build.py"))
    build["print_pdf"](site, tmp_path / "elman.pdf")
    pdf = subprocess.run(
        [program("pdftotext"), tmp_path / "elman.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    titles = re.findall(
        r"^# (\d\. .+)$", "\n".join((DOCS / f"{p}.md").read_text() for p in PAGES), re.MULTILINE
    )
    assert len(titles) == 9
    assert all(title in pdf for title in titles)
    assert pdf.count("\f") > 100


def test_the_command_says_where_the_site_is_and_leaves_nothing_old():
    """`python docs/build.py` ends with the path of the front page."""
    gone = DOCS / "_build" / "html" / "gone.html"
    gone.parent.mkdir(parents=True, exist_ok=True)
    gone.touch()
    result = subprocess.run([sys.executable, DOCS / "build.py"], capture_output=True, text=True, check=True)
    assert Path(result.stdout.strip()).samefile(DOCS / "_build" / "html" / "index.html")
    assert not gone.exists()
