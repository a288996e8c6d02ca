"""Uses the official client of Weaviate, as it is, against an address that may be Sluice's. Prints JSON lines."""
import json
import sys

import weaviate
from weaviate.auth import Auth
from weaviate.classes.init import AdditionalConfig, Timeout
from weaviate.exceptions import UnexpectedStatusCodeError
from weaviate.export.export import ExportFileFormat, ExportStorage

http_port, grpc_port, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def say(**fields):
    print(json.dumps(fields, default=str), flush=True)


client = weaviate.connect_to_custom(
    http_host="127.0.0.1",
    http_port=http_port,
    http_secure=False,
    grpc_host="127.0.0.1",
    grpc_port=grpc_port,
    grpc_secure=False,
    auth_credentials=Auth.api_key(key) if key else None,
    additional_config=AdditionalConfig(timeout=Timeout(init=30)),
)
with client:
    notes = client.collections.create("Clientnote")
    notes.data.insert_many([{"text": f"note {i}"} for i in range(50)])
    say(step="used", count=len(list(notes.iterator())), classes=sorted(client.collections.list_all()))

    where = {"backend": ExportStorage.S3, "file_format": ExportFileFormat.PARQUET}
    created = client.export.create(export_id="client-1", include_collections=["Clientnote"], **where)
    say(step="created", status=created.status.value, classes=created.collections, path=created.path)
    done = client.export.create(
        export_id="client-2", exclude_collections=["Many"], wait_for_completion=True, **where
    )
    say(
        step="waited",
        status=done.status.value,
        took=done.took_in_ms,
        shards={
            name: {shard: [each.status.value, each.objects_exported] for shard, each in shards.items()}
            for name, shards in done.shard_status.items()
        },
    )
    try:
        client.export.create(export_id="client-2", include_collections=["Clientnote"], **where)
    except UnexpectedStatusCodeError as error:
        say(step="twice", code=error.status_code, message=error.message)
    try:
        client.export.create(export_id="client-3", include_collections=["Nowhere"], **where)
    except UnexpectedStatusCodeError as error:
        say(step="unknown", code=error.status_code, message=error.message)
    client.export.create(export_id="client-4", include_collections=["Many"], **where)
    cancelled = client.export.cancel(export_id="client-4", backend=ExportStorage.S3)
    say(
        step="cancelled",
        cancelled=cancelled,
        status=client.export.get_status(export_id="client-4", backend=ExportStorage.S3).status.value,
        late=client.export.cancel(export_id="client-2", backend=ExportStorage.S3),
    )
