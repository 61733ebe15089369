"""Asking web servers: what the storages of objects and the client of the API share of HTTP/1.1.

A *connection* is kept for the next request and used by many threads, one request at a time; the *origin* of a URL is
its scheme, host and port. A line is *dead* if it carries next to nothing for longer than a time limit
(``freezer.pace``).

``answer`` is what comes back, ``connection`` one connection, ``connections`` keeps them by origin, ``route`` says how
an origin is reached (proxy, certificates), ``failures`` turns broken lines into our errors.
"""

from freezer.http.answer import Answer, byte_range, wait_asked_for
from freezer.http.connections import Connections
from freezer.http.failures import line_error

__all__ = ["Answer", "Connections", "byte_range", "line_error", "wait_asked_for"]
