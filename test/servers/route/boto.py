"""boto3 as it comes: its default checksums in trailers, multipart through the transfer manager, conditions."""
import io
import os

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], config=Config(retries={"max_attempts": 1}, signature_version="s3v4"))


def code(work):
    try:
        work()
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("no error")


assert "lake" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
assert s3.get_bucket_location(Bucket="lake")["LocationConstraint"] is None
s3.head_bucket(Bucket="lake")
for prefix in ["boto/", "cold/boto/"]:
    key = prefix + "a b+c/ü?#%41.txt"
    put = s3.put_object(Bucket="lake", Key=key, Body=b"hello", Metadata={"note": "x"}, ContentType="text/plain")
    assert put["ChecksumCRC32"], put
    got = s3.get_object(Bucket="lake", Key=key)
    assert got["Body"].read() == b"hello"
    if prefix == "boto/":  # A folder keeps bytes only.
        assert got["Metadata"] == {"note": "x"} and got["ContentType"] == "text/plain"
    assert s3.get_object(Bucket="lake", Key=key, Range="bytes=1-3")["Body"].read() == b"ell"
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        put = s3.put_object(Bucket="lake", Key=prefix + algorithm, Body=b"x" * 300_000, ChecksumAlgorithm=algorithm)
        assert put["Checksum" + algorithm], put
        if prefix == "boto/":
            kept = s3.head_object(Bucket="lake", Key=prefix + algorithm, ChecksumMode="ENABLED")
            read = s3.get_object(Bucket="lake", Key=prefix + algorithm, ChecksumMode="ENABLED")
            assert read["Body"].read() == b"x" * 300_000
            assert kept["Checksum" + algorithm] == read["Checksum" + algorithm] == put["Checksum" + algorithm], kept
    wrong = lambda: s3.put_object(Bucket="lake", Key=prefix + "wrong", Body=b"x", ChecksumSHA256="A" * 43 + "=")
    assert code(wrong) == "BadDigest", code(wrong)
    assert code(lambda: s3.head_object(Bucket="lake", Key=prefix + "wrong")) == "404"
    assert code(lambda: s3.put_object(Bucket="lake", Key=key, Body=b"2", IfNoneMatch="*")) == "PreconditionFailed"
    assert code(lambda: s3.get_object(Bucket="lake", Key=key, IfMatch='"no"')) == "PreconditionFailed"
    assert code(lambda: s3.get_object(Bucket="lake", Key=key, IfNoneMatch=got["ETag"])) == "304"

    big = os.urandom(12 * 1024 * 1024 + 1)
    s3.upload_fileobj(io.BytesIO(big), "lake", prefix + "big", Config=TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20))
    back = io.BytesIO()
    s3.download_fileobj("lake", prefix + "big", back, Config=TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20))
    assert back.getvalue() == big
    s3.copy({"Bucket": "lake", "Key": prefix + "big"}, "lake", prefix + "copy", Config=TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20))
    assert s3.head_object(Bucket="lake", Key=prefix + "copy")["ContentLength"] == len(big)

    upload = s3.create_multipart_upload(Bucket="lake", Key=prefix + "parts")["UploadId"]
    part = s3.upload_part(Bucket="lake", Key=prefix + "parts", UploadId=upload, PartNumber=3, Body=b"p" * 100)
    listed = s3.list_parts(Bucket="lake", Key=prefix + "parts", UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in listed] == [(3, 100, part["ETag"])], listed
    assert upload in [u["UploadId"] for u in s3.list_multipart_uploads(Bucket="lake", Prefix=prefix + "parts")["Uploads"]]
    s3.abort_multipart_upload(Bucket="lake", Key=prefix + "parts", UploadId=upload)
    assert code(lambda: s3.list_parts(Bucket="lake", Key=prefix + "parts", UploadId=upload)) == "NoSuchUpload"

    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=prefix, PaginationConfig={"PageSize": 2})
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert len(keys) == 6 and key in keys, keys
    assert [e["Key"] for e in s3.list_objects(Bucket="lake", Prefix=prefix)["Contents"]] == keys
    folders = s3.list_objects_v2(Bucket="lake", Prefix=prefix, Delimiter="/")["CommonPrefixes"]
    assert folders == [{"Prefix": prefix + "a b+c/"}], folders
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": key})
    import urllib.request

    assert urllib.request.urlopen(url).read() == b"hello"
    gone = s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": k} for k in keys[1:]]})
    assert len(gone["Deleted"]) == 5 and "Errors" not in gone, gone
    assert s3.list_objects_v2(Bucket="lake", Prefix=prefix)["KeyCount"] == 1
    tags = lambda: s3.get_object_tagging(Bucket="lake", Key=keys[0])["TagSet"]
    tag = lambda value: s3.put_object_tagging(Bucket="lake", Key=keys[0], Tagging={"TagSet": [{"Key": "a b", "Value": value}]})
    if prefix == "boto/":
        assert tags() == [], tags()
        tag("a+/=@")
        assert tags() == [{"Key": "a b", "Value": "a+/=@"}], tags()
        assert code(lambda: tag("<>")) == "InvalidTag"
        s3.put_object(Bucket="lake", Key=keys[0], Body=b"x", Tagging="team=data%20lake&x=")
        assert tags() == [{"Key": "team", "Value": "data lake"}, {"Key": "x", "Value": ""}], tags()
    else:  # A folder keeps none, and says so.
        assert tags() == [] and code(lambda: tag("x")) == "NotImplemented"
        assert code(lambda: s3.put_object(Bucket="lake", Key=keys[0], Body=b"x", Tagging="a=b")) == "NotImplemented"
    s3.delete_object_tagging(Bucket="lake", Key=keys[0])
    assert tags() == [], tags()
    assert s3.get_object_acl(Bucket="lake", Key=keys[0])["Grants"][0]["Permission"] == "FULL_CONTROL"
    s3.put_object_acl(Bucket="lake", Key=keys[0], ACL="private")
    assert code(lambda: s3.put_object_acl(Bucket="lake", Key=keys[0], ACL="public-read")) == "NotImplemented"
assert s3.get_bucket_versioning(Bucket="lake").get("Status") is None
assert code(lambda: s3.get_bucket_policy(Bucket="lake")) == "NoSuchBucketPolicy"
assert code(lambda: s3.head_bucket(Bucket="not-there")) == "404"
print("done")
