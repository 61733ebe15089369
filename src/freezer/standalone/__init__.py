"""Freezer on one machine by one command: what ``freezer up``, ``down``, ``status``, ``join`` and ``invite`` do.

A *home* is the directory in which everything is that they make. Its *plan* says what was chosen: where the API listens,
where backups go. A home is the *first* of its project, with the API, or has *joined* another one's. A *service* is a
process that the *supervisor* keeps running: the API's server, and the scheduler. The *sheet* is what restores need when
the machine is gone: the place of the repository and its passphrase.

Every step looks for what is there and makes what is missing, so that whatever was interrupted goes on when it is asked
for again. Nothing here prints, reads a terminal or handles a signal; :mod:`freezer.cmd.standalone` does.

``home``, ``files``, ``locks`` and ``ports`` are what the rest stands on; ``place`` says where backups go, ``secrets``
makes what nobody may guess, ``settings`` writes what the services read, ``repository`` and ``sheet`` make the
repository and the page, ``supervisor`` and ``background`` keep the services running, ``work`` is the first jobs, and
``first``, ``joining``, ``inviting`` and ``status`` are the commands.
"""
