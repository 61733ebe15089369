"""Stand-ins for tests, ours and those of whoever builds on the library.

``memory`` is a storage in memory; ``faulty`` and ``slow`` are wrappers that fail as scripted, or die, or take their
time; ``clock`` is time that passes only when somebody sleeps; ``network`` is a line, and a web proxy, that fail as
scripted in front of real servers. Nothing outside of tests imports this package.
"""
