"""Objects as files on an FTP server, in clear (``ftp``) or under TLS (``ftps``).

The object ``a/b/c`` is the regular file ``ROOT/a/b/c`` on the server, as in the local storage and as upstream has it.
*Temporaries* have the local storage's names too, so that either storage can work in, and sweep, the same directory.

FTP (RFC 959) speaks over two kinds of connection: a *control connection* carries commands and replies, and every
listing, download and upload has a *data connection* of its own, which we open (passive mode). A control connection does
one thing at a time, so a *pool* keeps several. With TLS (RFC 4217) both are encrypted, and a data connection resumes
the TLS session of its control connection, which proves that both ends are the same.

``server`` is how to reach and trust a server; ``login`` makes a control connection, ``connection`` speaks over it,
``pool`` has connections ready, ``diagnosis`` says why there is none, ``listing`` reads what servers say about files,
``files`` has the file operations, ``walk`` lists trees; ``publish`` gives finished files their names, ``upload`` writes
large objects, ``arrival`` asks how much of one has arrived, ``markers`` keeps others away, ``sweep`` collects
leftovers, and ``storage`` puts them together.

FTP can neither lock nor sync, and a refusal (550) does not say whether a file is missing or forbidden. Where the
difference matters, we list the folder and look.
"""

from freezer.storage.ftp.server import Server, Tls
from freezer.storage.ftp.storage import FtpStorage

__all__ = ["FtpStorage", "Server", "Tls"]
