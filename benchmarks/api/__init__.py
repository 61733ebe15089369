"""What a request costs the API's server, beside OpenStack's freezer-api 19.0.0 on the same database server.

``load`` sends requests and counts the processor time of the server's processes meanwhile; ``places`` starts a MariaDB
and both servers; ``filling`` has what they keep; ``cases`` the requests, with what is demanded of ours; ``rounds``
sends them in turn; ``page`` writes what came out.
"""
