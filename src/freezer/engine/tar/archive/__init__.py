"""What the bytes of an archive and of a snapshot file mean.

==============  ========================================================
``header``      one 512-byte header, both ways
``pax``         extended header records
``extended``    extended headers as they are read, of any size
``lists``       a directory's list
``snapshot``    the snapshot file
``read``        archive → members
``limits``      how much is believed of an archive
==============  ========================================================
"""
