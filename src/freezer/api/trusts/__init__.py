"""Trusts with Keystone: made, replaced and removed outside of any transaction.

The *keeper* writes an intention down, asks Keystone, and writes down what came of it, so that whatever is interrupted
can be found again. *Keystone* is what it asks: the only module of the API that knows keystoneauth1.
"""
