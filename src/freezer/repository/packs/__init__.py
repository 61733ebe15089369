"""Bundles and packs: how chunks are stored, and read again (``docs/formats/repository.md``, section Packs).

A *bundle* is compressed and sealed as one; a *pack* is an object of many bundles that says in its *footer* what is
in it. A *wrap* is the key of a pack, sealed under a key of the repository. A *use* says what a chunk is. A bundle is
*moved* when it is copied to another pack as it is; its key then comes along.

``use``, ``layout``, ``wraps`` and ``sealing`` say what the bytes are. ``writing`` is the writer's side: one thread
gathers chunks into bundles, ``workers`` compress and seal them straight into a pack that is ``filling`` (with the tools
of a ``bench`` each) and upload it, and ``publishing`` tells in index parts where they are. ``reading`` is the reader's
side, ``describing`` what a pack says of itself, ``moving`` the collector's side. ``places`` is what all of them know of
an index.
"""
