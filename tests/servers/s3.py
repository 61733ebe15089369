"""S3 services as tests see them: Swift's own interface, and Ceph's, with an account of a user each.

:func:`raw` is botocore's client, for what tests put into buckets, and look at, behind Freezer's back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freezer.secret import Secret
from freezer.storage.s3 import Access
from freezer.storage.s3.signing import Keys
from servers import openstack as stack
from servers.session import ceph, openstack

ON_CEPH = bool(os.environ.get("FREEZER_TEST_RGW"))
"""Whether tests that need a Ceph shall run; it takes minutes to fetch."""


@dataclass(frozen=True)
class Service:
    """Where it is, and the keys of one of its users. ``ca`` is the authority of its TLS."""

    endpoint: str
    endpoint_tls: str
    ca: str
    access_key: str
    secret_key: str

    def access(self, **changed: Any) -> Access:
        keys = Keys(self.access_key, Secret.from_text(self.secret_key))
        return Access(lambda: keys, **({"endpoint": self.endpoint} | changed))

    def variables(self) -> dict[str, str]:
        """What leads an agent there, and nowhere else."""
        keys = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return keys | {"AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def raw(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        settings = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3})
        return Session().create_client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=self.access_key, verify=False,
            aws_secret_access_key=self.secret_key, config=settings, region_name=self.region,
        )  # fmt: skip

    @property
    def region(self) -> str:
        return "us-east-1" if ON_CEPH else "RegionOne"


def service(user: str = "demo") -> Service:
    """Ceph if asked for, otherwise Swift's; ``user`` is ``demo`` or ``other``."""
    return on_ceph(user) if ON_CEPH else on_swift(user)


def on_swift(user: str = "demo") -> Service:
    about = openstack()
    return Service(about["swift"], about["swift_tls"], about["ca"], *stack.make_ec2_key(about, user))


def on_ceph(user: str = "demo") -> Service:
    about = ceph()
    keys = about["keys" if user == "demo" else "other_keys"]
    return Service(about["endpoint"], about["endpoint_tls"], about["ca"], *keys)


def keys_of(client: Any, bucket: str, prefix: str = "") -> dict[str, int]:
    """Every S3 object with its size."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}


def unfinished(client: Any, bucket: str) -> list[str]:
    """The keys of unfinished uploads."""
    return [one["Key"] for one in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def without_aws(environ: Mapping[str, str]) -> list[str]:
    """The variables that would lead elsewhere."""
    return [name for name in environ if name.startswith("AWS_") or name in {"ACCESS_KEY", "SECRET_KEY", "ENDPOINT"}]
