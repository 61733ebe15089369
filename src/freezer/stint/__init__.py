"""What a scheduler and the agent that it starts share: a directory.

A *stint* is one start of the agent, for one action of one try of a run. It has a *run directory* of its own (0700),
which outlives both of them: ``brief.json`` says what to do (``brief``), ``config`` and ``variables.json`` how, with
whatever is secret, until the agent has read them (``folder``). The agent, or what a scheduler made for it before it
was started, holds a lock on ``alive`` for as long as it lives; ``agent.json`` says which process it is (``identity``).
What it says goes to ``log``, how far it is stands in ``progress.json``, and what became of it in ``ending.json``
(``ending``), which is on the disk before the agent ends. Its *deadline* is the end of somebody's right to have it run;
later ones come to its socket (``deadline``). An agent that waits for the other members of a session says so in files
of their own (``barrier``). ``policy`` is what the owner of the node lets others have done there.
"""
