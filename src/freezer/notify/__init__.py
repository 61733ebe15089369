"""Telling people that something wants their attention.

A *notice* is one sentence about one thing, said when a condition begins (``client silent``, ``backup overdue``) and
once more when it is over. A *channel* takes notices to people: a webhook, a mail server. The program's log has
every notice in any case.
"""

from freezer.notify.channels import Channel, Settings, announce, open_channels
from freezer.notify.mail import PROTECTIONS
from freezer.notify.notice import Notice

__all__ = ["PROTECTIONS", "Channel", "Notice", "Settings", "announce", "open_channels"]
