"""Who may open a repository, and what that gives.

A *slot* gives a *role key* to whoever knows a passphrase or holds a machine secret; the role key opens the role's
newest *ring*, which holds the secrets that everything else is derived from. The *authority* certifies agents; an
*agent* signs what it writes.
"""
