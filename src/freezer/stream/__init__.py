"""Byte streams and the stages they pass: compression, sealing, cutting, hashing, and all of it reversed.

*Plain* bytes are what an engine writes and reads; *stored* bytes are what a storage keeps. A *block* is a piece of
plain bytes that is compressed by itself; a *segment* is a piece of stored bytes that is written in one call.
A *sink* takes segments; storages are known only as sinks and as iterators of stored bytes.

Writing (``pipeline``): producer → blocks → compressing threads → packer (order, seal, hash, cut) → segments → one
thread per sink. Reading (``source``): stored bytes → hash, unseal, decompress in one thread → consumer. All queues are
bounded. Cutting compressed data into blocks is legal in every codec we have: each defines that streams may follow one
another.
"""
