"""What executes jobs on time: the daemon of a node, or one of several that share the work of many projects.

A *source* says which jobs there are. The *agenda* says when each is due. What should happen now is *wanted*: a run,
with its cause. The *office* says whether we may execute it, which makes it a *hold*, and is told what becomes of it. An
*execution* carries a hold out, action by action, in a child process each. The *journal* has what must outlive this
process: what we hold, what is yet to be told, and to whom.
"""
