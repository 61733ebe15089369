"""Freezer: backup, restore and disaster recovery as a service."""

__version__ = "0.1.0"
