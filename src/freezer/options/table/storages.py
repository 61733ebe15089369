"""Where backups are stored."""

from __future__ import annotations

from freezer.options.spec import Kind, Option

_CHOICES = {"s3": "S3", "ftp": "FTP", "ftps": "FTP"}


def _key(name: str, kind: Kind, help: str, part: str = "", default: str | None = None) -> Option:
    return Option(
        name=name,
        kind=kind,
        help=help,
        group="storage",
        default=default,
        minimum=1 if kind is Kind.INTEGER else None,
        maximum=65535 if kind is Kind.INTEGER else None,
        unbuilt=f"{part} storage" if part else "",
        storage_key=True,
    )


OPTIONS = (
    Option(
        name="storage",
        kind=Kind.CHOICE,
        help="kind of storage",
        group="storage",
        default="swift",
        choices=("local", "swift", "ssh", "s3", "ftp", "ftps"),
        unbuilt_choices={choice: f"{part} storage" for choice, part in _CHOICES.items()},
        storage_key=True,
        tenant_may_set=True,
    ),
    Option(
        name="container",
        kind=Kind.TEXT,
        help="directory (local, ssh, ftp), container[/prefix] (swift) or bucket[/prefix] (s3)",
        group="storage",
        short="C",
        default="freezer_backups",
        storage_key=True,
        tenant_may_set=True,
    ),
    _key("ssh_key", Kind.PATH, "private key file", default="~/.ssh/id_rsa"),
    _key("ssh_username", Kind.TEXT, "user on the SSH server"),
    _key("ssh_host", Kind.TEXT, "SSH server, or its alias in ssh_config"),
    _key("ssh_port", Kind.INTEGER, "port of the SSH server", default="22"),
    _key("ssh_password", Kind.SECRET, "password on the SSH server; others can see it on a command line"),
    Option(
        name="ssh_accept_new_host_key",
        kind=Kind.FLAG,
        help="believe an SSH server that was never seen before; 19.0.0 believes any",
        group="storage",
        default="false",
        upstream=False,
        storage_key=True,
    ),
    _key("ftp_username", Kind.TEXT, "user on the FTP server", "FTP"),
    _key("ftp_password", Kind.SECRET, "password on the FTP server; others can see it on a command line", "FTP"),
    _key("ftp_host", Kind.TEXT, "FTP server", "FTP"),
    _key("ftp_port", Kind.INTEGER, "port of the FTP server", "FTP", "21"),
    _key("ftp_keyfile", Kind.PATH, "key file of the client certificate (ftps)", "FTP"),
    _key("ftp_certfile", Kind.PATH, "client certificate (ftps)", "FTP"),
    _key("access_key", Kind.TEXT, "S3 access key", "S3"),
    _key("secret_key", Kind.SECRET, "S3 secret key; others can see it on a command line", "S3"),
    _key("endpoint", Kind.TEXT, "URL of the S3 service", "S3"),
    Option(
        name="osrc",
        kind=Kind.PATH,
        help="file with the OpenStack credentials of one [storage:NAME] section",
        group="storage",
        metavar="FILE",
        upstream=False,
        storage_key=True,
        executes=True,
    ),
)
