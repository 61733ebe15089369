"""What other programs do to a storage, run by the Python of an installed OpenStack Freezer 19.0.0:
``python peers.py NAME TASK JSON``, which prints what the task alone took, as ``ours`` does.

``upstream`` calls that program's own classes as it does: streams by ``write_backup`` (which ``open`` or
``upload_chunk`` are behind) and ``backup_blocks``, small objects by ``put_file``. ``library`` calls the libraries below
them as quickly as they allow: one connection for all, and no question asked after each object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

SEGMENT = 32 * 1024 * 1024
PIECE = b"\xa7" * 4096
About = dict[str, Any]
Work = Callable[[], None]


class _Engine:
    name = "tar"


class _Queue:
    """As upstream's queue between tar and the storage: it gives segments."""

    def __init__(self, about: About) -> None:
        self._segment = os.urandom(SEGMENT)
        self._count = about["segments"]

    def get_messages(self) -> Iterator[bytes]:
        for _ in range(self._count):
            yield self._segment


def _upstream(about: About) -> Any:
    """Its storage."""
    kind = about["storage"]
    folder = about.get("folder", "") + "/upstream"
    if kind == "ssh":
        from freezer.storage.ssh import SshStorage

        login = {"remote_username": about["user"], "remote_ip": about["host"], "port": about["port"]}
        return SshStorage(folder, max_segment_size=SEGMENT, ssh_key_path=about["key"], **login)
    if kind == "swift":
        from freezer.common import client_manager, config

        from freezer.storage.swift import SwiftStorage

        os.environ.update(about["login"])
        config.config(args=[])
        return SwiftStorage(client_manager.get_client_manager({}), about["container"], SEGMENT)
    if kind == "s3":
        from freezer.storage.s3 import S3Storage

        os.environ["AWS_DEFAULT_REGION"] = about["region"]
        url = "http://{host}:{port}".format(**about)
        return S3Storage(about["access_key"], about["secret_key"], url, about["container"], SEGMENT)
    from freezer.storage.ftp import FtpStorage

    return FtpStorage(folder, about["password"], about["user"], about["host"], about["port"], SEGMENT)


def _backup(storage: Any) -> Any:
    from freezer.storage.base import Backup

    return Backup(_Engine(), "h_web", 1, 1, 0, storage)


def upstream_put(about: About) -> Work:
    queue = _Queue(about)

    def work() -> None:
        storage = _upstream(about)
        storage.write_backup(queue, _backup(storage))

    return work


def upstream_get(about: About) -> Work:
    def work() -> None:
        storage = _upstream(about)
        left = about["segments"] * SEGMENT
        for block in storage.backup_blocks(_backup(storage)):
            left -= len(block)
            if not left:
                return  # from FTP it would go on for ever

    return work


def upstream_small(about: About) -> Work:
    def work() -> None:
        storage = _upstream(about)
        kind = about["storage"]
        top = about.get("container") or about["folder"] + "/upstream"
        storage.create_dirs(top + "/small")
        with tempfile.NamedTemporaryFile() as file:
            file.write(PIECE)
            file.flush()
            for number in range(about["objects"]):
                if kind == "s3":  # whose put_file cannot work with Python 3: what it would call
                    storage.put_object(top, f"small/{number}", PIECE)
                else:
                    storage.put_file(file.name, f"{top}/small/{number}")

    return work


def library_put(about: About) -> Work:
    segment = os.urandom(SEGMENT)

    def work() -> None:
        if about["storage"] == "swift":
            client = _swiftclient(about)
            for number in range(about["segments"]):
                client.put_object(about["container"], f"library/{number:08}", segment, content_length=SEGMENT)
            return
        client, name = _botocore(about), {"Bucket": about["container"], "Key": "library"}
        upload = client.create_multipart_upload(**name)["UploadId"]
        parts = []
        for number in range(1, about["segments"] + 1):
            sent = client.upload_part(Body=segment, PartNumber=number, UploadId=upload, **name)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        client.complete_multipart_upload(UploadId=upload, MultipartUpload={"Parts": parts}, **name)

    return work


def library_get(about: About) -> Work:
    def work() -> None:
        if about["storage"] == "swift":
            client = _swiftclient(about)
            for number in range(about["segments"]):
                name = f"library/{number:08}"
                for _ in client.get_object(about["container"], name, resp_chunk_size=1 << 20)[1]:
                    pass
            return
        body = _botocore(about).get_object(Bucket=about["container"], Key="library")["Body"]
        while body.read(SEGMENT):
            pass

    return work


def library_small(about: About) -> Work:
    def work() -> None:
        if about["storage"] == "swift":
            client = _swiftclient(about)
            for number in range(about["objects"]):
                client.put_object(about["container"], f"library-small/{number}", PIECE, content_length=len(PIECE))
        elif about["storage"] == "s3":
            s3 = _botocore(about)
            for number in range(about["objects"]):
                s3.put_object(Bucket=about["container"], Key=f"library-small/{number}", Body=PIECE)
        else:
            storage = _upstream(about)
            storage.create_dirs(about["folder"] + "/library")
            for number in range(about["objects"]):
                with storage.ftp.open(f"{about['folder']}/library/{number}", "wb") as file:
                    file.write(PIECE)

    return work


def _swiftclient(about: About) -> Any:
    import swiftclient

    url = "http://{host}:{port}{path}".format(**about)
    return swiftclient.Connection(preauthurl=url, preauthtoken=about["token"])


def _botocore(about: About) -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    keys = {"aws_access_key_id": about["access_key"], "aws_secret_access_key": about["secret_key"]}
    url = "http://{host}:{port}".format(**about)
    style = Config(s3={"addressing_style": "path"})
    return get_session().create_client("s3", endpoint_url=url, region_name=about["region"], config=style, **keys)


if __name__ == "__main__":
    task = globals()[sys.argv[1] + "_" + sys.argv[2]](json.loads(sys.argv[3]))
    begun, before = time.perf_counter(), os.times()
    task()
    after = os.times()
    print(json.dumps({"cpu": sum(after[:4]) - sum(before[:4]), "wall": time.perf_counter() - begun}))
    sys.stdout.flush()
    os._exit(0)  # paramiko's threads take their time
