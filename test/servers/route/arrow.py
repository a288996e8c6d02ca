"""PyArrow's own S3 file system, with data sets on both stores."""
import os

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

s3 = fs.S3FileSystem(endpoint_override=os.environ["ENDPOINT"].removeprefix("http://"), scheme="http", region="us-east-1")
table = pa.table({"id": list(range(1000)), "part": [i % 3 for i in range(1000)]})
for root in ["lake/arrow", "lake/cold/arrow"]:
    ds.write_dataset(table, f"{root}/set", filesystem=s3, format="parquet", partitioning=["part"], partitioning_flavor="hive")
    back = ds.dataset(f"{root}/set", filesystem=s3, format="parquet", partitioning="hive")
    assert back.count_rows() == 1000
    assert back.count_rows(filter=ds.field("part") == 1) == 333
    with s3.open_output_stream(f"{root}/stream") as out:
        for _ in range(12):
            out.write(b"x" * (1 << 20))
    assert s3.get_file_info(f"{root}/stream").size == 12 << 20
    s3.move(f"{root}/stream", f"{root}/moved")
    assert s3.get_file_info(f"{root}/stream").type == fs.FileType.NotFound
    pq.write_table(table, f"{root}/one.parquet", filesystem=s3)
    assert pq.read_table(f"{root}/one.parquet", filesystem=s3, columns=["id"]).num_rows == 1000
    names = sorted(info.base_name for info in s3.get_file_info(fs.FileSelector(root)))
    assert names == ["moved", "one.parquet", "set"], names
    s3.delete_dir(f"{root}/set")
    assert s3.get_file_info(f"{root}/set").type == fs.FileType.NotFound
print("done")
