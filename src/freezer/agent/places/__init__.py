"""The storages of a run.

A *place* is one of them with what has become of it; one that fails does not keep the others from finishing. ``opening``
makes places of the options, with a module for what each cloud and protocol wants to know; ``combining`` tells what was
done in several places as one result; ``acknowledged`` counts bytes when they are stored.
"""
