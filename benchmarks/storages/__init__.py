"""Storages beside other programs on the same real servers: ``python -m benchmarks.storages``.

Task
    ``put`` and ``get``: one stream, in segments of 32 MiB, up and down again; ``small``: many objects of 4 KiB, up.
Program
    Whatever does a task: Freezer's storages (``ours``); OpenStack Freezer's own classes, run by its own Python, and the
    bare libraries below them where that is something else (``peers``); ``scp``, ``rclone``, ``curl``, ``swift``; and as
    floors those parts of a task that nobody can leave out. ``programs`` has them all.
Place
    A server of the tests (``places``), and how to reach it: at once, or over a line of :mod:`freezer.testing.network`
    with a round trip that takes longer. Both go over that line where a round trip is asked for, be it of 0 ms.
Round
    Every program once, one after the other, so that all meet the same moods of the machine. What is told is the least
    CPU time and wall time of all rounds (``measuring``).

``whole`` is something else: a real ``freezer-agent`` stores and checks some GiB, and its memory is measured.
"""
