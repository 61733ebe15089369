"""The dedup engine's store: every backup a full one, every byte stored once (``docs/formats/repository.md``).

A *chunk* is a piece of plaintext cut by content, found again by its id; a *bundle* is about 1 MiB of chunks compressed
and sealed together; a *pack* is a stored object of many bundles. An *attempt* is one try of one agent to make one
backup; the *commit* is the record that makes it a backup. A *collector* condemns packs that no backup needs and then
deletes them. Nothing here knows files or directories of this machine; that is the engine's business.

``names``, ``documents`` and ``envelope`` say what the objects are called, what they hold and how that is sealed and
signed; ``keys`` has what opens a repository, ``access`` makes and opens one; ``store`` is a repository that has been
opened; ``packs`` writes and reads chunks, ``index`` knows where they are; ``trees`` and ``states`` describe
directories; ``cache`` and ``local`` are what this machine keeps; ``protocol`` has the steps by which backups come and
go while nobody waits for anybody.
"""
