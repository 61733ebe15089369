"""What commands of the API show, as text in a chosen *format*: those of OpenStack's own command line (cliff).

``table`` is for people and draws lines with ``+``, ``-`` and ``|``; ``json``, ``yaml``, ``csv`` (lists only), ``value``
(bare values) and ``shell`` (single objects only) are for programs. A *cell* is a text, number, truth value, nothing, or
a structure, which JSON and YAML keep and the others show as JSON.
"""
