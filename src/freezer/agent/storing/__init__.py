"""A new backup of engine tar: what it will be, how it gets into every place, and what is told of it.

A *pass* is one level made from one look at the source, for all places that hold the same base. ``making`` is the whole
of it, ``planning`` decides on passes, ``feeding`` puts one stream into several places, ``rivals`` notices another agent
that makes the same backup, ``recording`` writes the commit record and the report.
"""
