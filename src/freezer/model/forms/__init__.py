"""Documents as callers write them, typed.

They say which keys there are and of what type; schemas are made of them. What a type cannot say (that a date is one of
the calendar, that a client can do what is asked of it) the readers of :mod:`freezer.model` check, which take their keys
from here. Readers understand older spellings besides: dashes for underscores, other letters, the oldest names.

A class may have a ``SCHEMA`` that is added to what msgspec makes of it.
"""
