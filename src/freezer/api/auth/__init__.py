"""Where identities come from: nobody is asked (on loopback only), HTTP Basic with tokens of our own, or Keystone.

Each is a WSGI wrapper that lets the open paths through, answers 401 itself, and otherwise hands an identity on.
"""
