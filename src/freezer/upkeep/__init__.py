"""Work on a container that is neither backup nor restore.

``removal`` takes old backups and leftovers away: a *plan* says what goes, what stays and why, and touches nothing;
executing it is a second step, so that a dry run is simply the first.

Of a repository ``structure`` finds out whether it is whole, ``reading`` whether its packs are what was written, and
``verification`` what checks and drills have found so far. A pack that was found damaged is *quarantined*.
"""
