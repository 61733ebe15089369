"""Making a repository, opening it, and who else may: slots added and removed, and whether all of them are sound.

``founding`` makes and opens; ``managing`` adds and removes slots; ``checking`` looks at slots and rings. What they
consist of is in :mod:`freezer.repository.keys`.
"""
