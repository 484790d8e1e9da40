"""moto's S3, which takes any signature but keeps what objects are tagged and encrypted with.

Prints its port. For every line `KEY` on stdin it prints what it knows of that object of the bucket `voicemail`, as JSON. For
`begin KEY` it begins an upload in parts, long ago by its own account, and for `uploads` it prints how many are unfinished.
"""

import json
import logging
import sys

import boto3
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel("ERROR")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
s3 = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{port}",
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
)
s3.create_bucket(Bucket="voicemail")
print(port, flush=True)
for line in sys.stdin:
    key = line.strip()
    if key.startswith("begin "):
        s3.create_multipart_upload(Bucket="voicemail", Key=key.removeprefix("begin "))
        key = "uploads"
    if key == "uploads":
        print(len(s3.list_multipart_uploads(Bucket="voicemail").get("Uploads", [])), flush=True)
        continue
    head = s3.head_object(Bucket="voicemail", Key=key)
    tags = s3.get_object_tagging(Bucket="voicemail", Key=key)["TagSet"]
    known = {
        "bytes": head["ContentLength"],
        "encryption": head.get("ServerSideEncryption"),
        "kms_key": head.get("SSEKMSKeyId"),
        "metadata": sorted(head["Metadata"]),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }
    print(json.dumps(known), flush=True)
