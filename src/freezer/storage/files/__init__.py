"""What the storages of files, ``local``, ``ssh`` and ``ftp``, share.

An object is a file of the same name below the container's directory. Until it is whole it grows as a *temporary* under
another name, which is none of the contract's, beside or above its place; what a dead writer leaves is a temporary too.

``names`` are paths for names of ours and for temporaries, ``sweep`` finds what can go, ``lease`` keeps others from a
name on a server without locks.
"""
