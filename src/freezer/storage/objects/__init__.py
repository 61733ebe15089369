"""What the storages of objects, ``s3`` and ``swift``, share beside HTTP: how our names look in theirs (``names``)."""
