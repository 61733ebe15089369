"""The program ``freezer-api``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from freezer.api.config import AUTHENTICATIONS, ApiSettings, find_files, read_settings
from freezer.cmd.exit import run
from freezer.cmd.output import Output
from freezer.errors import EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer-api``."""
    return _main("freezer-api", _server_parser(), _serve, argv)


Act = Callable[[argparse.Namespace, Output], int]


def _main(program: str, parser: argparse.ArgumentParser, act: Act, argv: Sequence[str] | None) -> int:
    output = Output(program=program)
    given = parser.parse_args(sys.argv[1:] if argv is None else argv)
    output.configure(output.form, debug=given.debug)
    return run(lambda: act(given, output), output, logging.getLogger("freezer"))


def _common(program: str, what: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(program, description=what, allow_abbrev=False)
    parser.add_argument(
        "--config-file", action="append", metavar="FILE", help="read this file; may be given several times"
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    return parser


def _version() -> str:
    from freezer import __version__

    return __version__


def _server_parser() -> argparse.ArgumentParser:
    parser = _common("freezer-api", "Serve the API of Freezer.")
    parser.add_argument("host", nargs="?", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on (9090)")
    parser.add_argument("--auth", choices=AUTHENTICATIONS, help="how callers are authenticated")
    parser.add_argument("--database", metavar="URL", help="where records are kept")
    parser.add_argument("--workers", type=int, help="processes (1)")
    parser.add_argument("--threads", type=int, help="threads of each process (64); half of them may wait for changes")
    parser.add_argument("--tls-certificate", metavar="FILE", help="serve TLS with this certificate chain")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key")
    parser.add_argument(
        "--tls-client-ca", metavar="FILE", help="take only callers with a certificate of this authority"
    )
    parser.add_argument("--read-only", action="store_true", default=None, help="change nothing")
    return parser


def _settings(given: argparse.Namespace, output: Output) -> ApiSettings:
    files = given.config_file or find_files(os.path.expanduser("~"), "/etc")
    settings = read_settings(files)
    for notice in settings.notices:
        output.notice(notice)
    return settings


def _serve(given: argparse.Namespace, output: Output) -> int:
    from freezer.api.serve import check_exposure, serve

    settings = _settings(given, output)
    named = {
        "bind_host": given.host,
        "bind_port": given.port,
        "auth": given.auth,
        "database": given.database,
        "workers": given.workers,
        "threads": given.threads,
        "tls_certificate": given.tls_certificate,
        "tls_key": given.tls_key,
        "tls_client_ca": given.tls_client_ca,
        "read_only": given.read_only,
    }
    settings = replace(settings, **{key: value for key, value in named.items() if value is not None})
    if given.database:
        settings = replace(settings, elastic=None)
    if given.debug:
        settings = replace(settings, log=settings.log._replace(debug=True))
    check_exposure(settings)
    serve(settings, lambda line: output.line(f"freezer-api: {line}"), output.warning)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
