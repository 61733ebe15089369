"""What need not stay in memory: it moves to a temporary file without a name when it becomes much.

``spool``: bytes, or records, in the order in which they were written. ``table``: bytes by their key, in key order.
"""
