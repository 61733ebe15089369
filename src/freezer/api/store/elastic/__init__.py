"""The store on Elasticsearch or OpenSearch, spoken to by plain REST.

Everything is *documents* of one index (:mod:`.documents`). One of them, the *head*, holds the number of the last
*commit* and all that this commit writes: replacing it, on condition that it is still the one that was read, is what
commits a unit. Only then are the documents themselves written, by whoever comes first (:mod:`.journal`). A unit keeps
its changes in a *buffer* until then, and sees them there (:mod:`.buffer`).
"""
