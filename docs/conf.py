"""How the site is built: ``python3 -m sphinx -W --keep-going -c docs . build/site``.

The source folder is the repository itself, so that links between files lead to the same places here and
in a checkout. Nothing is fetched while building or reading.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import hsat  # noqa: E402

project = "hsat"
author = copyright = "The hsat developers"
version = release = hsat.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "notebooks/*.ipynb",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "data/*/README.md",
]
exclude_patterns = ["build", "hsat", "tests", ".*"]

myst_heading_anchors = 3
nb_execution_mode = "off"  # tests/test_notebooks.py runs them and compares what they print

napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
autodoc_typehints = "none"  # numpydoc says them
autodoc_member_order = "bysource"
default_role = "code"

html_theme = "furo"
html_title = f"hsat {version}"
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which files opened without a server may not
html_theme_options = {"navigation_with_keys": True}
