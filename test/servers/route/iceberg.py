"""Iceberg by pyiceberg: a catalog in SQLite, all files of the table through the gateway by PyArrow's FileIO."""
import os

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.types import StringType

catalog = SqlCatalog(
    "lake",
    **{
        "uri": f"sqlite:///{os.environ['TMPDIR']}/iceberg.db",
        "s3.endpoint": os.environ["ENDPOINT"],
        "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "s3.region": "us-east-1",
    },
)
for number, location in enumerate(["s3://lake/iceberg", "s3://lake/cold/iceberg", "s3://lake/versioned/iceberg"]):
    catalog.create_namespace(f"n{number}")
    data = pa.table({"id": list(range(1000)), "year": [2022 + i % 3 for i in range(1000)], "blob": [os.urandom(8000) for _ in range(1000)]})
    table = catalog.create_table(f"n{number}.events", data.schema, location=location)
    with table.update_spec() as spec:
        spec.add_identity("year")
    table.append(data)
    first = table.current_snapshot().snapshot_id
    table.append(data.slice(0, 10))
    assert table.scan().to_arrow().num_rows == 1010
    assert table.scan(row_filter="year == 2023").to_arrow().num_rows == 333 + 3
    table.delete(EqualTo("year", 2024))
    table.overwrite(data.slice(0, 30), overwrite_filter=EqualTo("year", 2022))
    read = catalog.load_table(f"n{number}.events").scan().to_arrow()
    assert sorted(set(read["year"].to_pylist())) == [2022, 2023, 2024], read["year"]
    assert table.scan(snapshot_id=first).to_arrow().num_rows == 1000
    assert read.column("blob").to_pylist()[0] in set(data["blob"].to_pylist())
    with table.update_schema() as update:
        update.add_column("note", StringType())
    assert "note" in catalog.load_table(f"n{number}.events").scan().to_arrow().column_names
print("done")
