"""Being somebody in an OpenStack cloud.

*Credentials* say who one is and where: they come from the environment (``OS_…``, with the old ``OS_TENANT_…`` names),
from an *rc file*, which assigns such variables as a shell script does (``rcfile`` reads it without a shell), or from
``clouds.yaml`` (``clouds``). :class:`CloudAccess` turns them into a token, which it renews, and into the addresses of
services. This is the only room that knows keystoneauth1; it is imported when somebody really logs in.
"""

from freezer.keystone.credentials import Credentials, read_credentials

__all__ = ["Credentials", "read_credentials"]
