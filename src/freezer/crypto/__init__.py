"""Keys, sealing and authentication: the only room that knows the package ``cryptography``.

To *seal* is to encrypt and authenticate; a *sealed* object opens completely unchanged or not at all, and only with the
*associated data* it was sealed with: bytes that are not stored in it and say what it is and where it belongs. It is
cut into *frames*, each authenticated by itself, so that it can be read as a stream.
A *passphrase* is what people keep in a file. A *chain key* is derived from it once per chain of backups, slowly; the
*object key* of one sealed object is derived from the chain key, quickly.
*CFB* means upstream's unauthenticated AES-256-CFB container, kept for compatibility.

``contract`` holds the shape that both ciphers share. ``docs/formats/sealed-stream.md`` describes the sealed format.
``cryptography`` is imported inside functions, because programs that never encrypt should not wait for it.
"""
