"""Commands on what the API has, for whichever program they are typed into (``freezer``, ``openstack``).

A *command* has a name (``job-list``), *arguments* and a function, which is given a *context* (the API, the clock, a way
to say something meanwhile) and the values of its arguments, and returns what there is to show: a *listing* (columns and
rows), a *record* (one object, each column with its value), or a text. Names, options and columns of the thirty commands
that python-freezerclient has are its own. Nothing here prints or reads an option.
"""
