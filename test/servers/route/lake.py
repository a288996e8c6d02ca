"""Clients on a branch of a lake: what is large is written in parts, and copied in parts."""
import io
import os

import boto3
import pyarrow as pa
import pyarrow.fs
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from deltalake import DeltaTable, write_deltalake

s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"])
config = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20)
big = os.urandom(12 * 1024 * 1024 + 1)
key = "versioned/boto/a b+ü?#%41"
s3.upload_fileobj(io.BytesIO(big), "lake", key, Config=config, ExtraArgs={"ContentType": "text/x", "Metadata": {"note": "kept"}})
head = s3.head_object(Bucket="lake", Key=key)
assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == ("text/x", {"note": "kept"}, len(big)), head
back = io.BytesIO()
s3.download_fileobj("lake", key, back, Config=config)
assert back.getvalue() == big
# Into the lake, inside it, and out of it.
s3.copy({"Bucket": "lake", "Key": key}, "lake", "versioned/boto/inside", Config=config)
s3.copy({"Bucket": "lake", "Key": key}, "lake", "lake/outside", Config=config)
s3.copy({"Bucket": "lake", "Key": "lake/outside"}, "lake", "versioned/boto/again", Config=config)
for copied in ["versioned/boto/inside", "lake/outside", "versioned/boto/again"]:
    assert s3.get_object(Bucket="lake", Key=copied)["Body"].read() == big, copied

upload = s3.create_multipart_upload(Bucket="lake", Key="versioned/boto/given-up")["UploadId"]
s3.upload_part(Bucket="lake", Key="versioned/boto/given-up", UploadId=upload, PartNumber=1, Body=b"x")
s3.abort_multipart_upload(Bucket="lake", Key="versioned/boto/given-up", UploadId=upload)
try:
    s3.upload_part(Bucket="lake", Key="versioned/boto/given-up", UploadId=upload, PartNumber=2, Body=b"x")
    raise AssertionError("no error")
except ClientError as error:
    assert error.response["Error"]["Code"] == "NoSuchUpload", error

keys = [e["Key"] for e in s3.list_objects_v2(Bucket="lake", Prefix="versioned/boto/")["Contents"]]
assert keys == ["versioned/boto/a b+ü?#%41", "versioned/boto/again", "versioned/boto/inside"], keys

files = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["ENDPOINT"].split("//")[1], scheme="http", region="us-east-1")
with files.open_output_stream("lake/versioned/arrow/large") as out:
    for _ in range(3):
        out.write(big)
assert files.get_file_info("lake/versioned/arrow/large").size == 3 * len(big)

options = {"AWS_ENDPOINT_URL": os.environ["ENDPOINT"], "AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag"}
table = "s3://lake/versioned/deltars"
write_deltalake(table, pa.table({"blob": [os.urandom(1000) for _ in range(9000)]}), storage_options=options)
write_deltalake(table, pa.table({"blob": [b"x"]}), mode="append", storage_options=options)
assert DeltaTable(table, storage_options=options).to_pyarrow_table().num_rows == 9001
print("done", flush=True)
# Threads of the native library may still run, and would make the interpreter's own way out an abort.
os._exit(0)
