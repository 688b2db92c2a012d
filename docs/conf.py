"""How the docs are built: `python docs/build.py`."""

import sys
import typing
from pathlib import Path
from types import SimpleNamespace

from sphinx.util import inspect

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = html_title = "An Elman network by hand"
author = "the authors of elman"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "katex_ssr",
    "source_pages",
    "derivation",
    "figures",
    "front_page",
    "api_lists",
    "page_html",
    "search",
    "notebooks",
    "book",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "node_modules", "exercises/**/README.md"]
nitpicky = True

myst_enable_extensions = ["dollarmath", "alert"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

html_theme = "furo"
toc_object_entries_show_parents = "hide"
html_math_renderer = "katex_ssr"
html_static_path = ["_static", "node_modules/katex/dist"]
html_css_files = ["derivation.css"]
html_js_files = ["site.js", "moving.js"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .behind"

# The API page. Annotations are shown as the source has them, `Shaped[Array, "T B I"]`, of which autodoc would
# make `Annotated[ndarray[Any, dtype[Any]], 'T B I']` by resolving the names. So there is nothing to link to,
# and docstrings use single backticks for code.
inspect.typing = SimpleNamespace(**vars(typing) | {"get_type_hints": None})
inspect._evaluate = lambda annotation, *_: annotation  # of overloads
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False
napoleon_use_rtype = False
nitpick_ignore_regex = [("py:class", ".*"), ("py:exc", r"elman_np\..*\.YahooError")]
