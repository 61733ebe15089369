"""How a source becomes stored bytes, and stored bytes a source again.

An *engine* turns a file tree or a stream into one *archive* per backup and keeps a small *state* beside it, from
which the next increment is made. ``contract`` is what all engines offer; each engine is a package of its own and
knows nothing of storages, compression or encryption: it fills blocks on one side and reads a byte source on the other.
"""
