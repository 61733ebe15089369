"""How backups come and go while nobody waits for anybody (``docs/formats/repository.md``).

An *attempt* is announced, stores packs, publishes its *root*, looks whether anything that it relies on was *condemned*
meanwhile, and is decided: *committed*, then it is a backup, or *aborted*. A *decider* is how that is decided so that
the first word counts. An attempt whose process has died stays undecided until the next one of the same agent *adopts*
what it stored, or a *reaper* aborts it. A *tomb* says that a backup is forgotten, a *hold* that it must not be. A root
*counts* unless its attempt is aborted or has a tomb; what is *reachable* from roots that count is kept. A *collector*
condemns packs for ever by a list, looks at the roots once more, moves what is needed again, and deletes. Packs that a
check has found damaged are *quarantined*: never relied on, never deleted as long as anything in them is needed.

``records`` reads many small signed objects at once; ``deciding`` has the deciders, ``backups`` what there is;
``attempt`` and ``validation`` are the writer; ``collector`` the collector, which sees by ``view`` with ``standing``,
``usage`` and ``reach``, plans by ``judging`` and ``purging``.
No clock and no lock is needed for anything that keeps data; ``tests/protocol`` tries every order of steps.
"""
