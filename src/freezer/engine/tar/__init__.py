"""The tar engine: GNU tar's incremental archives, written and read without GNU tar.

An *archive* is one level. Every directory has an entry of type ``D`` in it whose body is its *list*: for each name a
letter, ``Y`` in this archive, ``N`` unchanged and so in an older one, ``D`` directory; a name that is not listed was
deleted. The root's list also holds the *renames* since the level before. The *snapshot file* (``engine_metadata``)
is what the next level is made from: a time, and every directory with device, inode and list.

====================  ========================================================
``header``            one 512-byte header, both ways
``pax``               extended header records
``lists``             lists and renames
``snapshot``          the snapshot file
``scan``              one walk over the source: what is stored, what is not
``moves``             directories that are known from the level before, perhaps under another name
``scanned``           what the walk found
``spool``, ``links``  what need not stay in memory
``entries``           the tar records of one file, link, device
``quick``             the same for most files, in less time
``write``             the archive, and the snapshot file that goes with it
``read``              archive → members
``wanted``            which member of which level a restore needs
``waiting``           the names it still waits for
``bodies``            lists that it needs later
``fractions``         nanoseconds of a directory's files
``restored``          what hard links of a level may name
``limits``            how much is believed of an archive
``extract``           levels, newest first, into a target
``quick_restore``     the same for most files, in less time
``target``            targets that only look: dry run, listing, check
====================  ========================================================

Sources: GNU tar manual, "Basic Tar Format", "Incremental dumps" and "Dumpdir"; POSIX.1-2008 pax; ``tar.h``.
"""
