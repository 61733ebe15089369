"""Programs: what is typed comes in here, and what is printed, every exit code and every signal goes out.

Only this room prints, and only ``output`` does it: *results* go to standard output; *notices* (worth knowing),
*warnings* (worth looking into), *errors* (why it failed) and *progress* go to standard error. ``exit`` is the one place
that turns errors into exit codes, ``signals`` the one that turns signals into the end of the program. Nothing imports
this room.
"""
