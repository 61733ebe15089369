"""Sessions, as a scheduler takes part in them: jobs of several nodes that go through rounds together.

Whatever lets a job of a session run by its schedule, or because somebody asks, is turned into a run of a *round*: the
``office`` wrapper *joins* it, and from then on it is a run like others, with the cause ``session``. If the session has
a barrier, the ``executor`` wrapper *gathers*: it waits until all members have begun; and it *attends* the agent: it
carries to the API what that says in its run directory (:mod:`freezer.stint.barrier`), and back what the API decides.
"""
