"""Sphinx: ``sphinx-build -W -b html docs docs/_build/html``. Nothing here needs the network."""

from pathlib import Path

from freezer import __version__
from freezer.api.describe.reference import pages
from freezer.api.server import describe

project = "Freezer"
author = "The Freezer developers"
copyright = "2026, The Freezer developers; Apache License 2.0"
version = release = __version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Freezer {release}"
html_theme_options = {"top_of_page_buttons": []}
html_show_sourcelink = False

# The pages about the API's operations are made anew with every build, and are not kept.
for name, text in pages(describe()):
    (Path(__file__).parent / "reference" / name).write_text(text, encoding="utf-8")
