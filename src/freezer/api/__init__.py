"""freezer-api: the original's v1 and v2 APIs from one process.

An *identity* is who a request comes from: user, project, roles. Its *scope* says which rows it can see at all: those of
one project (v2), those of one user in it (v1), or all (an administrator's ``all_projects``); no row is ever looked for
without one. A *record* is a row: its *body* is the JSON text that is answered with, its *links* are what the server
needs and never shows, its *terms* what it can be found by. A *unit* is one transaction of a *store*. A *refusal* is an
answer that is not what was asked for; everything else that goes wrong is a 500 without details.
"""
