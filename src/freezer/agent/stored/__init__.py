"""Backups of engine tar that are there.

``choose`` and ``rows`` find the ones that are meant, ``archive`` opens a level whatever its layout, compression and
cipher, ``extraction`` reads levels as a restore does, ``reading`` counts what is read. ``listing``, ``showing``,
``checking`` and ``restoring`` are what the actions of these names do with them; ``target`` is where a restore writes.
"""
