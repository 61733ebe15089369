"""The client of the API: what the ``freezer`` program, the scheduler and the web pages ask it with.

An *identity* says who asks and where the API is: through Keystone (``freezer.keystone``), by HTTP Basic, or nobody in
particular. The *wire* makes requests on connections that are kept: each has a time limit, is asked again where that
can do no harm, and its failures are :class:`freezer.errors.ApiError`. A *collection* is what the API has of one kind
(jobs, actions, sessions, clients, backups). A *document* is one of them as the API tells it, a JSON object; what the
keys mean is the API's reference. A *search* is a document, too: what must match and what must not.

Asked again is what the server cannot have begun (nobody listened, or it said "later"), and of the rest only what comes
out the same when it is done twice: reading, changing to given values, removing; making something only if the server
has said that it knows idempotency keys.
"""

from freezer.client.api import Api
from freezer.client.collection import Collection, Document

__all__ = ["Api", "Collection", "Document"]
