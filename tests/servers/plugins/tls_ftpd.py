"""pyftpdlib with TLS on every connection: ``python tls_ftpd.py PORT PEM USER PASSWORD``; the user's home is ``/``."""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Handler(TLS_FTPHandler):
    """Takes names as the bytes that they are, and does not make us wait after a wrong password."""

    tls_control_required = True
    tls_data_required = True
    unicode_errors = "surrogateescape"
    auth_failed_timeout = 0


port, pem, user, password = sys.argv[1:]
Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user(user, password, "/", perm="elradfmwMT")
Handler.certfile = pem
FTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
