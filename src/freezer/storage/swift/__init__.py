"""Objects in a Swift container.

An object is a Swift object of the same name, below a *prefix* if the container was written ``CONTAINER/PREFIX``. What
is written in one call is one Swift object. What is written in segments is a dynamic large object, as upstream makes
them: *segments* in the same container and a *manifest*, an empty object whose header says how the names of its
segments begin. Segments of ``…/data`` lie in ``…/segments-NONCE/00000000`` and so on (upstream: ``…/segments/``),
those of any other ``…/NAME`` in ``…/NAME.segments-NONCE/``; the nonce keeps two writers of one name apart. Segments are
not objects of the contract: they are not listed, and their names cannot be written. Swift finds the segments of a
manifest through a listing, which may lag behind; so the manifest also records their sizes, and they are read by name.

Swift has no write that fails if the name is taken, not even with ``If-None-Match: *``: of several at once more than one
succeeds, and the last one stays. So ``put_new`` is a conditional write which is then read back, no more.

``names`` are those of segments, ``wire`` sends requests and renews the token, ``answers`` turns refusals into our
errors, ``listing`` reads listings to their end, ``large`` knows manifests, ``upload`` writes segments in parallel,
``sweep`` finds those that nobody needs, ``storage`` puts them together.
"""

from freezer.storage.swift.storage import SwiftStorage

__all__ = ["SwiftStorage"]
