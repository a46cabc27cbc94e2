"""Files lie under their tenant's uuid, on a disk as in a bucket, and nowhere without a tenant."""

import os
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages

from config.embedded import free_port
from config.file_storage import file_storage
from shared_apps.tenants.scope import NoActiveTenant, no_scope, public_scope, tenant_scope
from shared_apps.tenants.storage import all_names, erase_files_of
from tests.stack.running import BIN, process, until

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def bucket(log: Path):
    """Run a server that speaks S3; yield the URL of a bucket of it."""
    port = free_port()
    with process(str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port), log=log):
        until(lambda: listens(port), 30, f"the S3 server ({log})")
        place = f"http://127.0.0.1:{port}"
        boto3.client("s3", endpoint_url=place, region_name="us-east-1").create_bucket(
            Bucket="freehold"
        )
        yield f"s3://freehold?endpoint_url={place}&region_name=us-east-1&addressing_style=path"


@pytest.fixture(params=["folder", "bucket"])
def files(request, tmp_path, settings):
    """Keep tenants' files in a folder, then in a bucket."""
    if request.param == "folder":
        settings.STORAGES = settings.STORAGES | {"default": file_storage(f"file://{tmp_path}/f")}
        yield default_storage
        return
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    try:
        with bucket(tmp_path / "log") as url:
            settings.STORAGES = settings.STORAGES | {"default": file_storage(url)}
            yield default_storage
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def test_one_tenants_file_is_none_of_anothers(files, acme, globex):
    name = files.save("a-name", ContentFile(b"acme's"))
    with tenant_scope(globex):
        assert not files.exists(name)
        assert all_names() == []
        with pytest.raises(FileNotFoundError), files.open(name):
            pass
        files.delete(name)
        assert files.save("a-name", ContentFile(b"globex's")) == name
    with files.open(name) as kept:
        assert kept.read() == b"acme's"
    assert files.size(name) == 6
    assert all_names() == [name]


@pytest.mark.parametrize(
    "use",
    [
        lambda files: files.save("n", ContentFile(b"x")),
        lambda files: files.open("n"),
        lambda files: files.exists("n"),
        lambda files: files.delete("n"),
        lambda files: files.listdir(""),
        lambda files: files.size("n"),
    ],
    ids=["save", "open", "exists", "delete", "listdir", "size"],
)
def test_outside_a_tenant_there_are_no_files(files, acme, use):
    with no_scope(), pytest.raises(NoActiveTenant):
        use(files)
    with public_scope(), pytest.raises(NoActiveTenant):
        use(files)


def test_a_name_never_leads_to_a_neighbour(files, acme, globex):
    with tenant_scope(globex):
        theirs = files.save("a-name", ContentFile(b"globex's"))
    for name in (f"../{globex.id}/{theirs}", f"/{globex.id}/{theirs}", f"x/../../{globex.id}/x"):
        with pytest.raises((SuspiciousFileOperation, FileNotFoundError)):
            files.open(name)


def test_a_file_has_no_address_of_its_own(files, acme):
    name = files.save("a-name", ContentFile(b"x"))
    with pytest.raises(ValueError, match="no address"):
        files.url(name)


def test_a_dropped_tenants_files_are_erased_and_no_others(files, acme, globex):
    mine = files.save("deep/er", ContentFile(b"x"))
    with tenant_scope(globex):
        files.save("one", ContentFile(b"x"))
        files.save("deep/two", ContentFile(b"x"))
    with no_scope():
        assert erase_files_of(globex.id, globex.schema_name) == 2
        assert erase_files_of(globex.id, globex.schema_name) == 0
    assert all_names() == [mine]


def test_files_on_disk_are_under_the_tenants_uuid_and_private(acme, tmp_path, settings):
    settings.STORAGES = settings.STORAGES | {"default": file_storage(f"file://{tmp_path}")}
    default_storage.save("a-name", ContentFile(b"x"))
    kept = tmp_path / str(acme.id) / "a-name"
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["", "ftp://x/y", "file://relative", "s3://", "s3://b?acl=public"])
def test_a_place_that_is_not_known_is_refused(url):
    with pytest.raises(ValueError, match="FILES_URL"):
        file_storage(url)


def test_the_tests_own_files_are_of_this_run(acme):
    assert str(storages["default"].location).startswith(os.environ["FILES_URL"][7:])
