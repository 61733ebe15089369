"""Objects as files on an SSH server, over SFTP.

The object ``a/b/c`` is the regular file ``ROOT/a/b/c`` on the server, as in the local storage and as upstream has it.
*Temporaries* have the local storage's names too, so that either storage can work in, and sweep, the same directory.

The connection is a child process, the system's ``ssh`` in subsystem mode: ``ssh_config``, agents, hardware keys, jump
hosts and known hosts are its business. What runs through its pipes is SFTP version 3 (draft-ietf-secsh-filexfer-02)
with OpenSSH's extensions where the server has them.

``wire`` encodes and decodes packets; ``program`` starts ``ssh``; ``diagnosis`` turns its complaints into errors;
``channel`` keeps many requests in flight for many threads; ``session`` has the server's file operations, ``sending``
and ``fetching`` those that move bytes, ``walk`` the one that lists trees; ``lanes`` are further connections over long
lines; ``publish`` gives finished files their names, ``upload`` writes large objects, ``markers`` keeps others away,
``sweep`` collects leftovers, and ``storage`` puts them together.

SFTP cannot lock and cannot say why it fails: a full disk, a used-up quota and an existing file are all "Failure".
Where the difference matters, we look.
"""

from freezer.storage.ssh.program import Server
from freezer.storage.ssh.storage import SshStorage

__all__ = ["Server", "SshStorage"]
