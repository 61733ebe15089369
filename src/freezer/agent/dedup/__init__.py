"""The engine dedup: its actions on a repository, and on containers that have one beside other backups.

A container may hold two *worlds*: upstream's layout, which the engine tar writes, and a repository. ``worlds`` says
which are there; what reads and is not told an engine looks at both. ``opening`` opens the repository of a container
with what the options give, ``choosing`` finds the backup that is meant; every other module is one thing to do.
"""
