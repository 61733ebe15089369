"""Looking at what is stored, without changing it.

``listing`` shows the backups of a container, ``info`` containers and their objects. Both return rows that a program
prints as a table or as JSON.
"""
