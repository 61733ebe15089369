"""Work on a container that is neither backup nor restore.

``removal`` takes old backups and leftovers away: a *plan* says what goes, what stays and why, and touches nothing;
executing it is a second step, so that a dry run is simply the first.
"""
