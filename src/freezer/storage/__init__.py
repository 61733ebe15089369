"""Where objects are kept.

A *storage* holds named byte strings (*objects*) in one *container*: a directory, a bucket, a Swift container. It knows
names and bytes only; what they mean is the business of ``freezer.container`` and ``freezer.repository``.
``contract`` is what every storage promises, as code; ``retry``, ``throttle`` and ``readonly`` wrap any storage in the
same contract; ``check`` runs the contract against a live location.
"""
