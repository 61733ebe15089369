"""Objects as files below one directory.

The object ``a/b/c`` is the regular file ``ROOT/a/b/c``; nothing else is kept, and upstream can work in the same
tree.
A *temporary* is a file or folder whose name begins with ``.freezer-tmp-``: what a writer has not published yet, or what
a dead one left. A *folder* is a directory below ROOT; folders have no life of their own, they come with the first
object below them and go with the last.

``durable`` has the file operations that survive a power cut, ``lock`` the locks that die with their owner, ``errnos``
turns errors of the operating system into ours, ``reading`` reads and lists, ``upload`` writes large objects,
``holding`` keeps others away, ``sweep`` collects leftovers, and ``storage`` puts them together.

Modes: a new container is 0700. What is created in a container never admits others, and its group only as far as the
container itself does (0700 and 0600 in a container of 0700; 0770 and 0660 in one of 0770; the umask applies as ever).
Upstream's way, umask alone, makes ``/etc/shadow`` readable for everybody as soon as it has been backed up.
"""

from freezer.storage.local.storage import LocalStorage

__all__ = ["LocalStorage"]
