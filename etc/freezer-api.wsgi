"""For mod_wsgi, which is given a file. Other servers take freezer.api.wsgi:application by itself.

The server's own configuration is read from freezer-api.conf as always. Apache gives no environment to its processes;
other files can be named here, before the import:

    os.environ["FREEZER_API_CONFIG"] = "/etc/freezer/freezer.conf:/etc/freezer/freezer-api.conf"
"""

from freezer.api.wsgi import application

__all__ = ["application"]
