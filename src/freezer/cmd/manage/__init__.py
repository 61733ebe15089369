"""The program ``freezer-manage``: tables, users, tokens, Keystone's catalogue, the original's records.

A *command* is a word or two with the options that it takes and a function that does it; each module has those of one
subject in its ``COMMANDS``, and :mod:`freezer.cmd.manage.program` puts them together.
"""
