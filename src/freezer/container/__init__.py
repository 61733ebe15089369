"""Upstream's layout of a container: what is stored where, and which backups that makes.

A *set* is everything one host backs up under one backup name with one engine; its directory is named
``{hostname}_{backup_name}``. A *chain* is a level 0 and every increment built on it, filed under the level 0's time
(*zero*). A *backup* is one restorable point: its *data* object is the stream, its *state* object (upstream's
``engine_metadata``) is what the next increment starts from, and its *record* (the object ``metadata``) is written
last and commits it. No record, no backup: data without one is a *leftover*, a record without data is *broken*.
The *base* of an increment is the backup of one level less that it was made from.

``layout`` names objects, ``document`` reads and writes records, ``catalogue`` finds backups, ``chain`` links them,
``survey`` says which of them can be restored, ``selection`` chooses what to restore, ``levels`` what to make next.
Times are whole seconds since 1970.
"""
