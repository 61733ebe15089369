"""Mutation testing of the parts where a fault costs data: the restore sandbox and the removal planner.

A *mutant* is the package with one small fault put in. The tests *kill* it if one of them fails or runs out of time,
else it *survives*: a gap in the tests, or a mutant that behaves like the original (an *equivalent* one). Every
survivor that was looked at and is accepted stands with its reason in ``tests/mutation/survivors.toml``.

``python -m scripts.mutation`` (as root, on Linux) runs all mutants and ends with 1 if too many survive. It is our own
because constants of modules count here (the flags of system calls), messages do not, and the faulty code has to be
confined; mutmut, tried first, broke off at tests that start other processes.
"""
