"""The official Python client beside Sluice: exports a class with its iterator and pyarrow, or imports a file in batches."""

import os
import sys

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import weaviate
from weaviate.classes.config import Configure, DataType, Property

what, http_port, grpc_port, name, target = sys.argv[1:]
client = weaviate.connect_to_local(port=int(http_port), grpc_port=int(grpc_port), skip_init_checks=True)
s3 = pyarrow.fs.S3FileSystem(
    endpoint_override=os.environ["ENDPOINT"], scheme="http", region="us-east-1", force_virtual_addressing=False
)
PROPERTIES = {
    "title": pa.string(),
    "body": pa.string(),
    "number": pa.int64(),
    "score": pa.float64(),
    "ok": pa.bool_(),
    "at": pa.timestamp("us", tz="UTC"),
}


def export():
    schema = pa.schema(
        [("id", pa.string()), ("creation_time", pa.timestamp("us", tz="UTC")), ("update_time", pa.timestamp("us", tz="UTC"))]
        + [("vector", pa.list_(pa.float32()))]
        + list(PROPERTIES.items())
    )
    collection = client.collections.get(name)
    with pq.ParquetWriter(target, schema, compression="zstd", filesystem=s3) as writer:
        rows = []

        def flush():
            columns = {field.name: [row[field.name] for row in rows] for field in schema}
            writer.write_table(pa.table(columns, schema=schema))
            rows.clear()

        for item in collection.iterator(include_vector=True, return_metadata=["creation_time", "last_update_time"], cache_size=1000):
            rows.append(
                {
                    "id": str(item.uuid),
                    "creation_time": item.metadata.creation_time,
                    "update_time": item.metadata.last_update_time,
                    "vector": item.vector["default"],
                    **item.properties,
                }
            )
            if len(rows) == 10_000:
                flush()
        flush()


def load():
    client.collections.create(
        name,
        vectorizer_config=Configure.Vectorizer.none(),
        vector_index_config=Configure.VectorIndex.flat(),
        properties=[
            Property(name="title", data_type=DataType.TEXT),
            Property(name="body", data_type=DataType.TEXT),
            Property(name="number", data_type=DataType.INT),
            Property(name="score", data_type=DataType.NUMBER),
            Property(name="ok", data_type=DataType.BOOL),
            Property(name="at", data_type=DataType.DATE),
        ],
    )
    collection = client.collections.get(name)
    table = pq.ParquetFile(target, filesystem=s3)
    with collection.batch.fixed_size(batch_size=500, concurrent_requests=3) as batch:
        for part in table.iter_batches(batch_size=10_000):
            for row in part.to_pylist():
                batch.add_object(
                    uuid=row["id"], vector=row["vector"], properties={key: row[key] for key in PROPERTIES}
                )
    if collection.batch.failed_objects:
        raise SystemExit(collection.batch.failed_objects[0].message)


export() if what == "export" else load()
client.close()
