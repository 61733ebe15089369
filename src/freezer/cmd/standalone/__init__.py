"""The commands of the program ``freezer`` that need no API yet: ``up``, ``down``, ``status``, ``join`` and ``invite``.

``program`` reads them, ``up`` and ``joining`` lead through what takes a while, ``talking`` is what they tell on the
way, ``words`` are the longer texts.
"""
