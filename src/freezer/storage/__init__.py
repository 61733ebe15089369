"""Where objects are kept.

A *storage* holds named byte strings (*objects*) in one *container*: a directory, a bucket, a Swift container. It knows
names and bytes only; what they mean is the business of ``freezer.container``. From above:

- **testing any storage**: ``check`` tests a live location with ``promises``, the contract sentence by sentence;
- **wrappers**, each around any storage and a storage itself: ``retry`` tries again, ``throttle`` limits bytes a second,
  ``patience`` gives up one that does not answer, ``readonly`` writes nothing; ``wrapper`` is what they share;
- **storages**: ``local``, ``ssh`` and ``ftp`` keep objects as files, ``s3`` and ``swift`` as objects of a service; none
  knows another;
- **shared by storages**: ``files`` by those of files, ``http`` and ``objects`` by those of services, ``pace``, which
  tells slow lines from dead ones, by all that are reached over a line;
- ``ahead`` reads a large object with several calls at once, for whoever reads;
- ``contract``: what every storage promises, as code.
"""
