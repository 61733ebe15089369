"""From the root of a backup to files, through the sandbox.

A *window* is as many files as are planned at a time. A *folder* is a directory of the target. A *load* is a bundle that
is read, opened and verified for what is in it.

===============  ==========================================================
``run``          one restore: trees in, files out
``planning``     what of a window is read in which order
``loading``      bundles, read ahead in that order by other threads
``writing``      files from bundles
``folders``      directories, made when something is written into them
``verifying``    what was restored, read again and compared
``deleting``     what the backup does not have goes
===============  ==========================================================
"""
