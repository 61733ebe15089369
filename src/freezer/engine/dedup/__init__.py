"""The dedup engine: every backup a full one, every byte stored once, in a repository (:mod:`freezer.repository`).

A *source* is a directory, one entry of a directory, or a stream of bytes. ``backup``: a source into trees and chunks,
of which only what is new is stored. ``restore``: trees and chunks into files.
"""
