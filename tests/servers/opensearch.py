"""One node of OpenSearch, put together from its published jars: the server itself, as a distribution has it, without
its bootstrap, which refuses to run as root, and without plugins but the one that speaks HTTP.

``python opensearch.py`` starts it until Ctrl-C. Needs Java 17 or later with its compiler, and Maven to fetch the jars.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers.environment import UnavailableError, made, run
from servers.processes import HOST, Programs, answers, free_ports
from servers.shared import run as run_shared

SOURCE = Path(__file__).parent / "opensearch-node"
_PROGRAMS = ("java", "javac", "mvn")
_FILES = ("pom.xml", "OneNode.java")
# Small, and started quickly: it lives for the length of a test run.
_OPTIONS = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.disable.jmx=true")


def missing() -> str:
    """Which programs are not installed, as a text; empty if all are."""
    return ", ".join(each for each in _PROGRAMS if shutil.which(each) is None)


def classes() -> Path:
    """The folder of the jars, with the program that starts a node."""
    lacking = missing()
    if lacking:
        raise UnavailableError(f"OpenSearch needs {lacking} (Debian: default-jdk-headless, maven)")
    named = hashlib.sha256(b"".join((SOURCE / each).read_bytes() for each in _FILES)).hexdigest()[:12]

    def make(folder: Path) -> None:
        pom = ("-f", SOURCE / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        run(["mvn", "--quiet", "--batch-mode", *pom])
        run(["javac", "-cp", f"{folder}/*", "-d", folder, SOURCE / "OneNode.java"])

    return made(f"opensearch-{named}", make)


def start(programs: Programs, folder: Path) -> dict[str, Any]:
    """Start a node that works in ``folder``: ``url``, to which the name of an index is to be added."""
    found = classes()
    port, other = free_ports(2)
    home = folder / "opensearch"
    (home / "config").mkdir(parents=True)
    command = ["java", *_OPTIONS, "-cp", f"{found}:{found}/*", "OneNode", home, port, other]
    programs.start("opensearch", command, {**os.environ, "LC_ALL": "C"})
    programs.wait_for("opensearch", lambda: answers(f"http://{HOST}:{port}/_cluster/health"))
    return {"url": f"elasticsearch+http://{HOST}:{port}", "port": port}


if __name__ == "__main__":
    run_shared(Path(__file__), sys.argv[1:], start, lambda about: [f"[database] connection = {about['url']}/freezer"])
