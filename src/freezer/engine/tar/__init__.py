"""The tar engine: GNU tar's incremental archives, written and read without GNU tar.

An *archive* is one level. Every directory has an entry of type ``D`` in it whose body is its *list*: for each name a
letter, ``Y`` in this archive, ``N`` unchanged and so in an older one, ``D`` directory; a name that is not listed was
deleted. The root's list also holds the *renames* since the level before. The *snapshot file* (``engine_metadata``)
is what the next level is made from: a time, and every directory with device, inode and list.

``archive``: what the bytes are, both ways. ``backup``: a source into one level. ``restore``: levels into a target.

Sources: GNU tar manual, "Basic Tar Format", "Incremental dumps" and "Dumpdir"; POSIX.1-2008 pax; ``tar.h``.
"""
