"""Backups from one storage to another: ``plan`` says which and why not, ``moving`` carries one over and compares."""
