"""Writes botocore.json: requests and forms that botocore signed, for the tests.

    python3 internal/sigv4/testdata/sign_botocore.py > internal/sigv4/testdata/botocore.json

Needs boto3 1.36 or newer. Nothing goes over a network: each request is taken
from the client just before it would be sent.
"""

import base64
import datetime
import io
import json
import sys
from urllib.parse import urlsplit

import boto3
import botocore.auth
import botocore.signers
from botocore.config import Config

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)
ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = [
    "plain.txt", "with space", "plus+plus", "percent%25 and %zz", "ünïcode/日本語/🙂", "//double//slash/",
    "/leading", "tilde~under_score-dash.dot", "quotes\"and'ticks", "a/../b/./c", "semi;colon,comma=equals&amp",
    "question?mark#hash", "(paren)[bracket]{brace}!*$@:", "back\\slash|pipe^caret`tick", "trailing space ", "<xml>&entity;",
]

# Headers that are never signed and differ from run to run.
UNSIGNED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request"}

for module in (botocore.auth, botocore.signers):
    module.get_current_datetime = lambda *_: NOW


def client(scheme, style="path", **more):
    config = Config(signature_version="s3v4", s3={"addressing_style": style}, retries={"max_attempts": 0}, **more)
    return boto3.client(
        "s3", endpoint_url=f"{scheme}://s3.example.com:9000", region_name="us-east-1", config=config,
        aws_access_key_id=ACCESS, aws_secret_access_key=SECRET)


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def head(method, url, headers):
    """The head of a request as it goes over the wire, as Latin-1."""
    parts = urlsplit(url)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {text(value)}" for name, value in headers.items() if name.lower() not in UNSIGNED]
    return "\r\n".join(lines) + "\r\n\r\n"


requests, forms = [], []


def capture(name, s3, operation, payload=b"", **params):
    def take(request, **_):
        body = request.body if request.body is not None else b""
        body = body.read() if hasattr(body, "read") else body
        requests.append({
            "name": name, "head": head(request.method, request.url, request.headers),
            "body": base64.b64encode(body.encode() if isinstance(body, str) else body).decode(),
            "payload": base64.b64encode(payload).decode(),
        })
        raise StopIteration

    s3.meta.events.register_first("before-send.s3", take)
    try:
        getattr(s3, operation)(**params)
    except StopIteration:
        return
    finally:
        s3.meta.events.unregister("before-send.s3", take)
    sys.exit(f"{name} was not sent")


def presign(name, s3, operation, method, **params):
    url = s3.generate_presigned_url(operation, Params=params, ExpiresIn=900, HttpMethod=method)
    requests.append({"name": name, "head": head(method, url, {}), "body": "", "payload": ""})


data = b"some bytes of a payload" * 9
for scheme in ("http", "https"):
    s3 = client(scheme)
    for key in KEYS:
        capture(f"{scheme} put {key}", s3, "put_object", data, Bucket="box", Key=key, Body=data)
        capture(f"{scheme} stream {key}", s3, "put_object", data, Bucket="box", Key=key, Body=io.BytesIO(data), ChecksumAlgorithm="SHA1")
        capture(f"{scheme} get {key}", s3, "get_object", Bucket="box", Key=key)
for key in KEYS:
    presign(f"presigned get {key}", client("http"), "get_object", "GET", Bucket="box", Key=key)
    presign(f"presigned put {key}", client("https"), "put_object", "PUT", Bucket="box", Key=key)

s3 = client("http")
presign("presigned query", s3, "get_object", "GET", Bucket="box", Key="k", VersionId="a+b/c=", ResponseContentDisposition='attachment; filename="ü .txt"')
presign("presigned part", s3, "upload_part", "PUT", Bucket="box", Key="k", UploadId="x==", PartNumber=3)
presign("presigned list", s3, "list_objects_v2", "GET", Bucket="box", Prefix="a b/+&=%", Delimiter="/")
presign("presigned virtual host", client("https", "virtual"), "get_object", "GET", Bucket="box", Key="with space")
capture("virtual host", client("https", "virtual"), "put_object", data, Bucket="box", Key="a//b", Body=data)
for query in ("a b", "a+b", "%", "ü/日本", "~!*'()", "a&b=c;d", ""):
    capture(f"list {query}", s3, "list_objects_v2", Bucket="box", Prefix=query, StartAfter=query, EncodingType="url")
for value in ("two  spaces", "many   in    a row", "tab\tinside", "quotes \" and, commas"):
    capture(f"meta {value!r}", s3, "put_object", data, Bucket="box", Key="k", Body=data, Metadata={"fold": value, "other": "x"})
capture("unsigned payload", client("https", request_checksum_calculation="when_required"), "put_object", data, Bucket="box", Key="k", Body=data)
for algorithm in ("CRC32", "SHA1", "SHA256"):
    capture(f"trailer {algorithm}", client("https"), "put_object", data, Bucket="box", Key="k", Body=data, ChecksumAlgorithm=algorithm)
capture("empty", s3, "put_object", Bucket="box", Key="k", Body=b"")
capture("empty trailer", client("https"), "put_object", Bucket="box", Key="k", Body=b"")
capture("copy", s3, "copy_object", Bucket="box", Key="k", CopySource={"Bucket": "box", "Key": "a b+ü"})

CONDITIONS = [["starts-with", "$x-amz-meta-n", ""], {"acl": "private"}, ["content-length-range", 1, 10]]
for version in ("s3v4", "s3"):
    signer = boto3.client(
        "s3", endpoint_url="http://s3.example.com:9000", region_name="us-east-1", config=Config(signature_version=version),
        aws_access_key_id=ACCESS, aws_secret_access_key=SECRET)
    for key in KEYS + ["user/${filename}"]:
        post = signer.generate_presigned_post("box", key, Fields={"acl": "private", "x-amz-meta-n": "ü"}, Conditions=list(CONDITIONS), ExpiresIn=900)
        forms.append({"name": f"{version} {key}", "fields": post["fields"]})

json.dump({"boto3": boto3.__version__, "time": NOW.isoformat() + "Z", "requests": requests, "forms": forms}, sys.stdout, indent=1)
print()
