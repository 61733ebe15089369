"""What a backup costs with Freezer and with its peers: ``python -m benchmarks``.

Corpus
    A tree of files, made anew from a fixed seed for every run, with an *edit step* that changes it as a day of work
    would.
Peer
    A way to make backups: one of ours, OpenStack Freezer, GNU tar with a compressor, restic, borg. A peer is data: the
    commands that do each step.
Step
    ``full``, ``incremental`` (after the edit step), ``unchanged`` (nothing to do), ``restore`` (the newest state).
Round
    Every step of every peer once, peer after peer within a step, so that a change in the machine's mood meets all of
    them alike. Each round begins with empty repositories, on what the edit step of the round before left.
Usage
    What a command cost: CPU seconds (user and system, of all its processes), wall seconds, peak memory in bytes.
Claim
    A figure that is demanded, and how it is worked out from the results.
"""
