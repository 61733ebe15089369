"""File trees: what an inode holds, and how to put it back safely.

*Attributes* are everything of an inode but its content. *Extents* are the parts of a file that are not holes.
The *sandbox* is the only way anything is written during a restore: everything happens beneath one open directory
descriptor, no symbolic link is ever followed, and existing files are never opened for writing.
Paths are bytes, relative, ``/``-separated, without empty, ``.`` or ``..`` parts; the root itself is ``b""``.
"""
