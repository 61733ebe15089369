"""Who lets us execute runs, and is told of them: an API that gives leases, this machine alone, or the original's API.

What is told goes to the *outbox* first, and from there, by one thread, to whoever is told. A run is *offline* if it was
begun while the API could not be asked; its tries have fences of our own until the API, asked afterwards, gives one.
"""
