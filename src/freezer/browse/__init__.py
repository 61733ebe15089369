"""Looking at what is stored, without changing it.

``listing`` shows the backups of a container, ``info`` containers and their objects. Both return rows that a program
prints as a table or as JSON. ``walking`` goes through the trees of a backup in a repository that is ``opened``, as far
as ``selecting`` chooses; restores use it, too.
"""
