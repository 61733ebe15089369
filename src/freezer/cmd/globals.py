"""Options of the program ``freezer`` as a whole: who asks, where, and how much is said about it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from freezer.keystone.credentials import is_yes

# option, what for; the variable is the same word in capitals with underscores
CLOUD_OPTIONS = (
    ("--os-cloud", "the cloud of clouds.yaml"),
    ("--os-auth-type", "password, token, v3applicationcredential …, http_basic, none; any plugin of keystoneauth"),
    ("--os-auth-url", "where Keystone is"),
    ("--os-username", "name of the user"),
    ("--os-user-id", "id of the user"),
    ("--os-password", "password; visible to others here, so better in the environment"),
    ("--os-token", "token; visible to others here, so better in the environment"),
    ("--os-user-domain-name", "domain of the user"),
    ("--os-user-domain-id", "id of that"),
    ("--os-project-name", "the project to act for"),
    ("--os-project-id", "id of that"),
    ("--os-project-domain-name", "domain of the project"),
    ("--os-project-domain-id", "id of that"),
    ("--os-trust-id", "the trust to act by"),
    ("--os-application-credential-id", "application credential"),
    ("--os-application-credential-name", "its name, if not its id"),
    ("--os-application-credential-secret", "its secret; visible to others here"),
    ("--os-region-name", "the region whose API is asked"),
    ("--os-endpoint-type", "public, internal or admin (default: public)"),
    ("--os-interface", "the same"),
    ("--os-backup-url", "where the API is, if not where Keystone says"),
    ("--os-backup-api-version", "2, which is the only one"),
    ("--os-cacert", "PEM file of the authorities whose certificates are taken"),
    ("--os-cert", "PEM file of our own certificate"),
    ("--os-key", "PEM file of its key"),
)
_SECRETS = ("--os-password", "--os-token", "--os-application-credential-secret")


@dataclass(frozen=True, slots=True)
class Globals:
    """``cloud``: the variables that options set."""

    cloud: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    insecure: bool = False
    timeout: float = 60.0
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    debug: bool = False
    log_file: str | None = None
    version: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> Globals:
        given = {name: getattr(options, _key(name)) for name, _ in CLOUD_OPTIONS}
        return cls(
            cloud={_key(name).upper(): value for name, value in given.items() if value is not None},
            secrets=tuple(name for name in _SECRETS if given[name] is not None),
            insecure=options.insecure,
            timeout=options.timeout,
            json=options.json,
            quiet=options.quiet,
            verbose=options.verbose,
            debug=options.debug,
            log_file=options.log_file,
            version=options.version,
        )

    def warnings(self, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """What the user should know before the API is asked, each with what to do."""
        for name in self.secrets:
            variable = _key(name).upper()
            yield (
                f"{name} can be read by everybody on this machine while the program runs",
                f"use the variable {variable}, or clouds.yaml with --os-cloud",
            )
        if self.insecure or is_yes(environ.get("OS_INSECURE")):
            how = "--insecure" if self.insecure else "OS_INSECURE"
            yield (
                f"certificates are not checked ({how}): whoever stands on the way can read and change everything",
                "name the PEM file of the authority in OS_CACERT instead",
            )


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` read them."""
    for name, help in CLOUD_OPTIONS:
        parser.add_argument(name, metavar="TEXT", help=f"{help} ({_key(name).upper()})")
    add = parser.add_argument
    add("-k", "--insecure", action="store_true", help="do not check certificates (OS_INSECURE)")
    add("--timeout", type=_seconds, default=60.0, metavar="S", help="the longest silence of the API (default: 60)")
    add("--json", action="store_true", help="print what the API tells, all of it, and errors, as JSON")
    add("-q", "--quiet", action="store_true", help="only results, warnings and errors")
    add("-v", "--verbose", action="count", default=0, help="twice: show the requests that are made")
    add("--debug", action="store_true", help="show requests, and where an error comes from")
    add("--log-file", metavar="FILE", help="log to this file")
    add("--version", action="store_true", help="print the version")


def variables(chosen: Globals, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with what options set."""
    merged = {**environ, **chosen.cloud}
    if chosen.insecure:
        merged["OS_INSECURE"] = "true"
    return merged


def _key(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds between 0 and 86400")
    return seconds
