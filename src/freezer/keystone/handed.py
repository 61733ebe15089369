"""A token that somebody else has got for us.

Whoever runs a job of somebody else's gives the agent a token for that user's project, and nothing by which it could
get another one: Keystone makes no tokens from those of a trust. The token stands in a file, and is replaced there
before it expires.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keystoneauth1 import access
from keystoneauth1.exceptions import AuthorizationFailure
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session


class HandedToken(BaseIdentityPlugin):  # type: ignore[misc,unused-ignore]
    """The token in the file at ``path``. Keystone is asked what it is for, and where the services are."""

    def __init__(self, auth_url: str, path: str) -> None:
        super().__init__(auth_url=auth_url)
        self._path = Path(path)

    def get_auth_ref(self, session: Session, **_more: Any) -> access.AccessInfo:
        """What the token that stands in the file now gives access to."""
        try:
            token = self._path.read_text().strip()
        except OSError as error:
            raise AuthorizationFailure(f"{self._path} cannot be read: {error.strerror}") from None
        headers = {"X-Auth-Token": token, "X-Subject-Token": token, "Accept": "application/json"}
        answer = session.get(f"{self.auth_url}/auth/tokens", headers=headers, authenticated=False)
        return access.create(body=answer.json(), auth_token=token)
