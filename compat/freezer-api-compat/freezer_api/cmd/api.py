"""``application``, as the original's configuration of uwsgi and mod_wsgi names it."""

from freezer.api.wsgi import application

__all__ = ["application"]
