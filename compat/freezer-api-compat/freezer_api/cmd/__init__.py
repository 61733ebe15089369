"""The import paths under which existing deployments name the API's application; all it does is in ``freezer.api``."""
