"""OpenStack: identity, servers, volumes and images."""

from __future__ import annotations

from freezer.options.spec import Alias, Generation, Kind, Option

_OPENSTACK = "OpenStack"
_RUNS = ("backup", "restore", "admin")


def _resource(
    name: str,
    help: str,
    mode: str,
    *,
    actions: tuple[str, ...] = _RUNS,
    aliases: tuple[Alias, ...] = (),
    default: str | None = None,
) -> Option:
    return Option(
        name=name,
        kind=Kind.TEXT,
        help=help,
        group="openstack",
        default=default,
        actions=actions,
        modes=(mode,),
        aliases=aliases,
        unbuilt=_OPENSTACK,
        tenant_may_set=True,
    )


OPTIONS = (
    Option(
        name="insecure",
        kind=Kind.FLAG,
        help="do not verify the certificates of servers: OpenStack's, S3's, FTP's",
        group="openstack",
        default="false",
    ),
    Option(
        name="proxy",
        kind=Kind.TEXT,
        help="HTTP and HTTPS proxy",
        group="openstack",
        metavar="URL",
        unbuilt="proxies",
    ),
    Option(
        name="os_identity_api_version",
        kind=Kind.CHOICE,
        help="version of the identity API",
        group="openstack",
        default="3",
        choices=("3",),
        aliases=(
            Alias("os_auth_ver", Generation.UPSTREAM, "--os-auth-ver"),
            Alias("os_auth_ver", Generation.UPSTREAM, "--os_auth_ver"),
        ),
    ),
    Option(
        name="os_trust_id",
        kind=Kind.TEXT,
        help="trust to act under",
        group="openstack",
    ),
    Option(
        name="project_id",
        kind=Kind.TEXT,
        help="all servers or images of this project",
        group="openstack",
        modes=("nova", "glance"),
        unbuilt=_OPENSTACK,
        tenant_may_set=True,
    ),
    _resource("nova_inst_id", "server", "nova"),
    _resource("nova_inst_name", "all servers of this name", "nova"),
    _resource("nova_restore_network", "network of the restored server", "nova", actions=("restore",)),
    _resource("cinder_vol_id", "volume", "cinder", aliases=(Alias("cinder_inst_id", Generation.COMMAND),)),
    _resource("cinder_vol_name", "all volumes of this name", "cinder"),
    _resource("cinderbrick_vol_id", "volume to attach to this host and back up as files", "cinderbrick"),
    _resource("cindernative_vol_id", "volume to back up with Cinder's backup service", "cindernative"),
    _resource("cindernative_backup_id", "Cinder backup to restore", "cindernative", actions=("restore",)),
    _resource("cindernative_backup_az", "availability zone of new Cinder backups", "cindernative", actions=("backup",)),
    _resource(
        "cindernative_backup_container",
        "container of new Cinder backups, with {project_id} {volume_id} {backup_name}; $container is --container",
        "cindernative",
        actions=("backup",),
        default="$container",
    ),
    _resource("glance_image_id", "image", "glance"),
    _resource("glance_image_name", "all images of this name", "glance"),
    _resource("glance_image_name_filter", "all images whose name does not contain this", "glance"),
    Option(
        name="temp_resource_prefix",
        kind=Kind.TEXT,
        help="how the names of temporary snapshots, volumes and images begin",
        group="openstack",
        default="freezer_",
        unbuilt=_OPENSTACK,
    ),
    Option(
        name="timeout",
        kind=Kind.INTEGER,
        help="how long to wait for servers and images",
        group="openstack",
        default="120",
        unit="seconds",
        minimum=1,
        unbuilt=_OPENSTACK,
        tenant_may_set=True,
    ),
    Option(
        name="os_brick_lock_path",
        kind=Kind.PATH,
        help="directory for the locks of os-brick",
        group="openstack",
        config_only=True,
        section="os_brick",
        unbuilt=_OPENSTACK,
    ),
    Option(
        name="oslo_concurrency_lock_path",
        kind=Kind.PATH,
        help="directory for the locks of oslo.concurrency",
        group="openstack",
        config_only=True,
        section="oslo_concurrency",
        unbuilt=_OPENSTACK,
    ),
    Option(
        name="oslo_concurrency_disable_process_locking",
        kind=Kind.FLAG,
        help="no locks between processes",
        group="openstack",
        default="false",
        config_only=True,
        section="oslo_concurrency",
        unbuilt=_OPENSTACK,
    ),
)
