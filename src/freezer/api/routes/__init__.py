"""The routes: what they read from requests and how they answer; v1 and v2 share them.

A route of v2 is given the project of its path, a route of v1 none.
"""
