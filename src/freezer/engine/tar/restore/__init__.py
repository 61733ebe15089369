"""Levels, newest first, into a target.

==============  ========================================================
``extract``     each level read once, each wanted item written once
``quick``       the same for most files, in less time
``wanted``      which member of which level a restore needs
``waiting``     the names it still waits for
``renames``     where directories of older levels went
``bodies``      lists that it needs later
``fractions``   nanoseconds of a directory's files
``restored``    what hard links of a level may name
``target``      targets that only look: dry run, listing, check
==============  ========================================================
"""
