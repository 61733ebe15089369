"""What many tests share.

``manifest`` describes a tree on disk as data and compares two descriptions; ``trees`` makes and edits one rich tree;
``random_trees`` has Hypothesis strategies for small trees and edits, as plain data that is then applied to a disk.
``CONTAINERS`` is the folder of sample containers, see the README there.
"""

from __future__ import annotations

from pathlib import Path

CONTAINERS = Path(__file__).parent.parent / "fixtures" / "containers"
