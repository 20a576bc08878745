"""A cluster of processes and a storage server, both of this machine."""

import gc
import logging
import socket
import warnings
from collections.abc import Iterator

import pytest

from inrcodec.batch import places


def collect() -> None:
    """Collect the sockets that distributed and s3fs leave open, without the warnings of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a scheduler with four workers of one thread, each a process."""
    distributed = pytest.importorskip("distributed")
    import dask

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # which the cluster sets, and which this takes back
    level = logging.getLogger("distributed").level
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        with distributed.LocalCluster(
            n_workers=4,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as local:
            yield local.scheduler_address
    logging.getLogger("distributed").setLevel(level)
    collect()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of an S3 server."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket that keeps all versions of its objects."""
    import boto3
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    places._place_of_scheme.cache_clear()
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    yield "s3://bucket"
    versions = client.list_object_versions(Bucket="bucket")
    for each in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        client.delete_object(Bucket="bucket", Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket="bucket")
    client.close()
    places._place_of_scheme.cache_clear()
    for files in s3fs.S3FileSystem._cache.values():
        files.close_session(files.loop, files._s3)
    s3fs.S3FileSystem.clear_instance_cache()
    collect()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket of a Google Cloud Storage server, which takes no conditions."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    gcsfs = pytest.importorskip("gcsfs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    places._place_of_scheme.cache_clear()
    gcsfs.GCSFileSystem.clear_instance_cache()
    with emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket"):
        yield "gs://bucket"
    places._place_of_scheme.cache_clear()
    gcsfs.GCSFileSystem.clear_instance_cache()
    collect()
