"""A source into one level: a walk that decides, then a walk that writes.

==============  ========================================================
``scan``        one walk over the source: what is stored, what is not
``scanned``     what the walk found
``moves``       directories that are known from the level before, perhaps under another name
``links``       files with several names
``write``       the archive, and the snapshot file that goes with it
``entries``     the tar records of one file, link, device
``quick``       the same for most files, in less time
``blocks``      archive bytes gathered into blocks
==============  ========================================================
"""
