"""Where objects are kept.

A *storage* holds named byte strings (*objects*) in one *container*: a directory, a bucket, a Swift container. It knows
names and bytes only; what they mean is the business of ``freezer.container`` and ``freezer.repository``.
``contract`` is what every storage promises, as code; ``local`` keeps objects as files; ``retry``, ``throttle`` and
``readonly`` wrap any storage in the same contract (``wrapper`` is what they share); ``promises`` tests the contract
sentence by sentence, and ``check`` runs those tests against a live location.
"""
