"""Typed documents, pure: what the agent reports, and what scheduler and API will store.

An *item failure* is a file, link or directory that a backup or restore had to leave out or could not bring back whole;
it is collected, reported and makes the run *partial*, never an error of the run.
"""
