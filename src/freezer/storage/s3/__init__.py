"""Objects in an S3 bucket.

An object is an S3 object whose *key* is its name, below a *prefix* if the container was written ``BUCKET/PREFIX``. An
*endpoint* is the URL of a service; the bucket stands in its path (*path style*) or before its host name (*virtual-host
style*). What is written in segments becomes the *parts* of a *multipart upload*, several on their way at once: nobody
sees them before the upload is completed, and what a dead writer left is an unfinished upload, not an object.

S3 can refuse a write if the key is taken (``If-None-Match: *``), but services differ in whether exactly one of several
such writers wins; so it is tried out, and used only where it was proven (``once``). Every body is signed with its
SHA-256, which the service compares; the same sum is kept in the object's metadata, and compared when all of it is read.

``signing`` signs requests, ``credentials`` finds who we are, ``address`` says where a bucket is, ``wire`` sends
requests and learns the bucket's region, ``answers`` turns refusals into our errors, ``documents`` reads and writes XML,
``listing`` reads listings to their end, ``upload`` sends parts, ``protection`` knows versions and locks, ``keys`` are
those that are no objects, ``storage`` puts them together.
"""

from freezer.storage.s3.address import Access, Style
from freezer.storage.s3.listing import list_buckets
from freezer.storage.s3.protection import Lock, Protection
from freezer.storage.s3.storage import S3Storage

__all__ = ["Access", "Lock", "Protection", "S3Storage", "Style", "list_buckets"]
