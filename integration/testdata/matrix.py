"""The client matrix with boto3: reads a job as JSON and writes a report, both
as matrix_test.go describes them."""

import json
import os
import sys

import boto3
from botocore.config import Config

job = json.load(sys.stdin)
report = {"heads": {}, "list": {}, "done": [], "failed": {}}
bucket = job["bucket"]


def client(**config):
    style = "virtual" if job["virtual"] else "path"
    return boto3.client(
        "s3",
        endpoint_url=job["endpoint"],
        aws_access_key_id=job["accessKey"],
        aws_secret_access_key=job["secretKey"],
        region_name="us-east-1",
        verify=job["ca"] or None,
        config=Config(s3={"addressing_style": style}, **config),
    )


s3 = client()


class Stream:
    """A body that cannot seek and has no length."""

    def __init__(self, path):
        self.file = open(path, "rb")

    def read(self, size=-1):
        return self.file.read(size)


def step(fn):
    try:
        fn()
        report["done"].append(fn.__name__)
    except Exception as e:  # what fails is told, and the next step is tried
        report["failed"][fn.__name__] = f"{type(e).__name__}: {e}"


def make():
    s3.create_bucket(Bucket=bucket)
    s3.head_bucket(Bucket=bucket)


def files():
    for dir, _, names in os.walk(job["up"]):
        for name in names:
            path = os.path.join(dir, name)
            yield path, os.path.relpath(path, job["up"])


def put():
    for path, key in files():
        s3.upload_file(path, bucket, key)


def stream():
    s3.upload_fileobj(Stream(job["stream"]), bucket, "size/stream")


def special():
    for o in job["special"]:
        extra = {"ContentType": o["type"]} if o["type"] else {}
        with open(o["up"], "rb") as f:
            s3.put_object(Bucket=bucket, Key=o["key"], Body=f, **extra)


def list():
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    for page in pages:
        for o in page.get("Contents", []):
            report["list"][o["Key"]] = o["Size"]


def head():
    for key in report["list"]:
        o = s3.head_object(Bucket=bucket, Key=key)
        report["heads"][key] = {
            "etag": o["ETag"].strip('"'),
            "cid": o["Metadata"].get("cid", ""),
            "size": o["ContentLength"],
        }


def get():
    os.makedirs(job["down"] + "/size")
    os.makedirs(job["down"] + "/keys")
    for _, key in files():
        s3.download_file(bucket, key, os.path.join(job["down"], key))
    s3.download_file(bucket, "size/stream", job["down"] + "/size/stream")
    for o in job["special"]:
        body = s3.get_object(Bucket=bucket, Key=o["key"])["Body"].read()
        with open(o["down"], "wb") as f:
            f.write(body)


def range():
    first, last = 5 * 1024 * 1024 - 7, 5 * 1024 * 1024 + 12
    o = s3.get_object(Bucket=bucket, Key="size/20MiB", Range=f"bytes={first}-{last}")
    with open(job["down"] + "/range", "wb") as f:
        f.write(o["Body"].read())


def copy():
    for key in ["copied", "doomed"]:
        s3.copy({"Bucket": bucket, "Key": "size/65537"}, bucket, key)


def presign():
    report["signed"] = client(signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "size/65537"}
    )


def abort():
    upload = {"Bucket": bucket, "Key": "aborted"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=b"part")
    parts = s3.list_parts(**upload)["Parts"]
    assert [p["Size"] for p in parts] == [4], parts
    s3.abort_multipart_upload(**upload)


def delete():
    s3.delete_object(Bucket=bucket, Key="doomed")


for fn in [make, put, stream, special, list, head, get, copy, range, presign, abort, delete]:
    step(fn)
json.dump(report, sys.stdout)
