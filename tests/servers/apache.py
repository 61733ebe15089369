"""Debian's Apache with mod_wsgi, fetched once and never installed: packages unpacked into the cache.

mod_wsgi is built for a version of Python, not for an installation of it, so it runs the Python of the tests if that is
of the same version and has a shared library.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from servers.environment import UnavailableError, made, run
from servers.processes import HOST

PACKAGES = ("apache2-bin", "libapr1", "libaprutil1", "libapache2-mod-wsgi-py3")
_SETTINGS = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ServerName {host}
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIPythonPath {path}
{rest}
"""


def packages() -> Path:
    """The folder that has the packages' files; UnavailableError if they cannot be had, or not run this Python."""
    if sys.platform != "linux" or not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise UnavailableError("this Python has no shared library, which mod_wsgi needs")
    if not shutil.which("apt-get"):
        raise UnavailableError("packages of Debian are fetched with apt-get, which is not here")
    folder = made(f"apache-{sys.version_info[0]}.{sys.version_info[1]}", _fetch)
    if not _module(folder).exists():
        raise UnavailableError(f"this Debian's mod_wsgi is not for Python {sys.version_info[0]}.{sys.version_info[1]}")
    return folder


def command(folder: Path, rest: str, path: str) -> list[object]:
    """What runs it, in the foreground, in ``folder`` with the configuration ``rest``; ``path``: where Python finds
    modules. Root seems to be somebody else to it, since mod_wsgi runs nothing as root."""
    unpacked = packages()
    modules = folder / "modules"
    shutil.copytree(unpacked / "usr/lib/apache2/modules", modules)
    shutil.copyfile(_module(unpacked), modules / "mod_wsgi.so")
    settings = folder / "apache.conf"
    settings.write_text(_SETTINGS.format(folder=folder, host=HOST, modules=modules, path=path, rest=rest))
    libraries = [str(each.parent) for each in unpacked.glob("usr/lib/*/libapr-1.so.0")]
    libraries.append(str(sysconfig.get_config_var("LIBDIR")))
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    found = f"LD_LIBRARY_PATH={os.pathsep.join(libraries)}"
    return ["env", found, *somebody, unpacked / "usr/sbin/apache2", "-f", settings, "-D", "FOREGROUND"]


def _module(folder: Path) -> Path:
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    found = [*folder.glob(f"usr/lib/apache2/modules/mod_wsgi.so-{version[0]}.{version[1:]}")]
    return found[0] if found else folder / "none"


def _fetch(folder: Path) -> None:
    """With lists of packages of its own, so that the system's are left as they are."""
    for part in ("lists/partial", "archives/partial", "packages"):
        (folder / part).mkdir(parents=True)
    settings = {
        "Dir::State::lists": folder / "lists", "Dir::Cache": folder, "Acquire::Languages": "none",
        "APT::Sandbox::User": "", "APT::Update::Error-Mode": "any",
    }  # fmt: skip
    apt = ["apt-get", "-q", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    run([*apt, "update"])
    run([*apt, "download", *PACKAGES], cwd=folder / "packages")
    for package in (folder / "packages").glob("*.deb"):
        run(["dpkg-deb", "-x", str(package), str(folder)])
    shutil.rmtree(folder / "lists")
