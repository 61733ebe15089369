"""What a scheduler needs that works for many projects, and is one of several that do so.

A *pool* is a client that serves every project; its *members* are the schedulers that work for it, each on a machine
of its own. Leases of the API say which member executes a run; what one leaves behind the others find among those that
nobody holds. A project's runs wait in *turns*, so that those of one do not keep back another's.
"""
