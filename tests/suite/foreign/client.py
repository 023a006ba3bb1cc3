"""Calls a service as a client that knows nothing of it but its address.

Usage: client.py ADDRESS SERVICE [CA [CERTIFICATE KEY]]

Learns the contract by reflection (v1alpha is all that grpcio-reflection speaks), says hello, asks
for the health of the service and of the server as a whole, and prints what it got as JSON.
"""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

TIMEOUT = 20


def read(path):
    with open(path, "rb") as file:
        return file.read()


def connect(address, files):
    if not files:
        return grpc.insecure_channel(address)
    ca, *identity = map(read, files)
    certificate, key = identity or (None, None)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, certificate))


def main():
    address, name, *files = sys.argv[1:]
    with connect(address, files) as channel:
        grpc.channel_ready_future(channel).result(TIMEOUT)

        reflection = ProtoReflectionDescriptorDatabase(channel)
        service = DescriptorPool(reflection).FindServiceByName(name)
        method = service.methods_by_name["Hello"]
        hello = channel.unary_unary(
            f"/{name}/Hello",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        message = "Grüße from 🐍"
        answer = hello(GetMessageClass(method.input_type)(message=message), timeout=TIMEOUT)

        health = health_pb2_grpc.HealthStub(channel)
        status = {
            of: health_pb2.HealthCheckResponse.ServingStatus.Name(
                health.Check(health_pb2.HealthCheckRequest(service=of), timeout=TIMEOUT).status
            )
            for of in ("", name)
        }
        print(
            json.dumps(
                {
                    "echoed": answer.message == message,
                    "health": status,
                    "services": sorted(reflection.get_services()),
                },
                sort_keys=True,
            )
        )


main()
