"""Real servers for tests, on loopback, started by the tests themselves and gone when the last of them ends.

``environment`` makes, once, the virtual environment that has a server's programs; ``processes`` starts and ends
programs and finds free ports; ``shared`` lets several test processes use one server and ends it when the last has gone,
however it went. ``keystone``, ``swift`` and ``tls`` each know one server, ``openstack`` puts them together and is a
program too: ``python tests/servers/openstack.py`` runs an OpenStack to try things on. ``ceph`` is a second S3 beside
Swift's, for ``make test-rgw``; ``s3`` leads to either.
"""
