"""A source into a tree of chunks: one walk that looks, reads what is new, and stores.

A *sight* is what can be seen of a directory without opening anything in it. What an earlier backup remembers of a
directory makes it *quiet* if the sight is the same: nothing of it is read, decoded or stored again. What happened
within two seconds of the start, or later, is *unsettled* and looked at again next time: a file can be written twice in
one tick of a file system's clock.

=============  =============================================================
``run``        one backup: :class:`~freezer.engine.dedup.backup.run.DedupBackup`
``walk``       directories, each before and after those in it
``frames``     a directory between the look at it and its tree
``sight``      what can be seen of a directory
``earlier``    what is known from the backup before
``memory``     what the next backup should know
``items``      entries for everything but directories
``links``      files with several names
``files``      reading regular files that may change meanwhile
``contents``   bytes into chunks
``result``     what came of it
``again``      chunks read once more, because a collector took them
=============  =============================================================
"""
