"""Modes: what is backed up, and how it is made to hold still.

A *mode* prepares what the user named and yields a *source*, something an engine can read: today always a directory or a
single file. Whatever had to be done for it (a lock, a volume snapshot, a dump) is undone when its context ends, however
it ends. ``contract`` says what every mode promises; each other module is one mode.
"""
