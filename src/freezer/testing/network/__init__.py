"""A network that misbehaves as scripted, in front of real servers.

A *line* (``line``) carries TCP connections between a client and a server, with an added round trip and with faults of
lines: refused, reset, cut, stalled, slow. A *go-between* (``between``) understands HTTP (``messages``) and brings the
faults of web servers and their load balancers: wrong statuses, lost or shortened answers, requests delivered twice,
old listings. ``when`` says which connections or requests a fault strikes: the first, some at random, or all. Both run
in a thread (``loop``); put one behind the other to have both.
"""

from freezer.testing.network.between import GoBetween
from freezer.testing.network.line import Harm, Line, LineFault

__all__ = ["GoBetween", "Harm", "Line", "LineFault"]
