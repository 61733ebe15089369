"""Names that last.

A file that was written and synchronised can still be lost with its name: that is in the folder, which has to be
synchronised itself.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


def sync_folder(folder: str | bytes) -> None:
    """Return when the names in ``folder`` are on the medium, if its file system knows how to do that; OSError."""
    if sys.platform == "win32":
        return  # folders cannot be opened there; NTFS keeps a journal of names
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        with suppress(OSError):  # which would tell of nothing that matters any more
            os.close(descriptor)
