"""The original's SQL database (19.0.0): its rows, and records made of them.

A row is *removed* if the original has marked it so; such rows are only counted. Rows *without a project* were made by
v1 of releases before 19.0.0, which knew users only.
"""
