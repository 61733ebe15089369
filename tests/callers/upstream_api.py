"""The original's API 19.0.0 on a port, for one project and without Keystone: ``python upstream_api.py FOLDER``, in an
environment that has it, prints the address below which everything is.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PROJECT = "5f6c0de2a1b94b7e8f3d2c1b0a998877"
_SETTINGS = """
[DEFAULT]
use_stderr = false
[paste_deploy]
config_file = {folder}/paste.ini
[storage]
driver = sqlalchemy
backend = sqlalchemy
[database]
connection = sqlite:///{folder}/upstream.db
"""
_PASTE = """
[app:api_versions]
paste.app_factory = freezer_api.api.versions:api_versions
[app:appv2]
paste.app_factory = freezer_api.service:freezer_appv2_factory
[filter:context]
paste.filter_factory = freezer_api.api.common.middleware:ContextMiddleware.factory
[filter:versionsNegotiator]
paste.filter_factory = freezer_api.api.versions:VersionNegotiator.factory
[composite:main]
use = egg:Paste#urlmap
/ = api
[pipeline:api]
pipeline = versionsNegotiator context backupapp
[composite:backupapp]
paste.composite_factory = freezer_api.service:root_app_factory
/: api_versions
/v2: appv2
"""
_SOMEBODY = {
    "HTTP_X_IDENTITY_STATUS": "Confirmed",
    "HTTP_X_USER_ID": "0123456789abcdef0123456789abcdef",
    "HTTP_X_PROJECT_ID": PROJECT,
    "HTTP_X_AUTH_TOKEN": "none",
    "HTTP_X_ROLES": "member,reader",
}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        pass


def main(folder: Path) -> None:
    """Serve until somebody kills us."""
    (folder / "freezer-api.conf").write_text(_SETTINGS.format(folder=folder))
    (folder / "paste.ini").write_text(_PASTE)
    config = ["--config-file", str(folder / "freezer-api.conf")]
    manage = Path(sys.executable).parent / "freezer-manage"
    subprocess.run([sys.executable, manage, *config, "db", "sync"], check=True, stdout=subprocess.DEVNULL)
    application = _application(config)

    def known(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))  # it reads until the end
        told = {**environ, **_SOMEBODY, "wsgi.input": io.BytesIO(body)}
        found: Iterable[bytes] = application(told, start)
        return found

    server = make_server("127.0.0.1", 0, known, _Server, _Quiet)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def _application(config: list[str]) -> Any:
    sys.argv[1:] = config
    from freezer_api.wsgi import application  # type: ignore[import-not-found]

    return application


if __name__ == "__main__":
    main(Path(sys.argv[1]))
