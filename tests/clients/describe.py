#!/usr/bin/env python3
"""Writes the description of a small gRPC service, as `protoc --include_imports --descriptor_set_out` would.

    describe.py FILE

The service is shop.Shop, with one method, Get, which takes a Thing and gives one, and which is `GET /v1/things/{id}` to clients of JSON.
"""

import sys

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

FIELD = descriptor_pb2.FieldDescriptorProto


def main(path):
    """Writes the file."""
    shop = descriptor_pb2.FileDescriptorProto(
        name="shop.proto", package="shop", syntax="proto3", dependency=["google/api/annotations.proto"]
    )
    thing = shop.message_type.add(name="Thing")
    thing.field.add(name="id", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL, json_name="id")
    get = shop.service.add(name="Shop").method.add(name="Get", input_type=".shop.Thing", output_type=".shop.Thing")
    get.options.Extensions[annotations_pb2.http].get = "/v1/things/{id}"
    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, http_pb2, annotations_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.append(shop)
    with open(path, "wb") as file:
        file.write(files.SerializeToString())


if __name__ == "__main__":
    main(sys.argv[1])
