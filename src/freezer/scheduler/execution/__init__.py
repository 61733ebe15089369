"""Holds carried out: one action after the other, each by an agent in a process of its own.

The *executor* walks the actions of a job. For each it starts a *stint* (:mod:`freezer.stint`) as a *child*, *watches*
it, tells what it says, and judges by its *ending*. An agent that is found alive, because an earlier scheduler has
started it, is *adopted*: watched as if it were our child. What a dead one has left running is known by its *mark*, a
variable of its environment that its children inherit.
"""
