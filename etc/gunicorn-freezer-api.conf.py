# gunicorn for Freezer's API:
#     gunicorn --config /etc/freezer/gunicorn-freezer-api.conf.py freezer.api.wsgi:application
# (or freezer_api.wsgi:application, with the distribution freezer-api-compat). The server's own configuration is read
# from freezer-api.conf as always, or from the files that FREEZER_API_CONFIG names, with colons between them.
import os
import shutil
import tempfile

bind = os.environ.get("FREEZER_API_BIND", "0.0.0.0:9090")
worker_class = "gthread"
workers = 2
threads = 8

# Requests in flight when SIGTERM comes have this long; answers that wait for news take up to 50 seconds.
graceful_timeout = 60
timeout = 120
keepalive = 75

# TLS, unless a proxy does it:
# certfile = "/etc/freezer/api.crt"
# keyfile = "/etc/freezer/api.key"

# Several processes count together in this directory, so that /metrics tells of all of them.
_numbers = os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="freezer-api-metrics-"))


def on_exit(_server):
    """gunicorn calls this in its first process, once all others have gone."""
    shutil.rmtree(_numbers, ignore_errors=True)
