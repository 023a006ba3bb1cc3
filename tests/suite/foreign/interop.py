"""Makes the official interop cases of gRPC, as a client built on gRPC's C core.

Usage: interop.py ADDRESS DESCRIPTORS [CA]

DESCRIPTORS is the contract of the cases, an encoded FileDescriptorSet. Prints the names of the
cases that passed, one a line; the first one that fails ends it.

https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
"""

import queue
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

TIMEOUT = 20
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
REQUESTS = (27182, 8, 1828, 45904)
RESPONSES = (31415, 9, 2653, 58979)
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def connect(address, files):
    if not files:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(read(files[0])))


class Contract:
    """The messages and methods of grpc.testing."""

    def __init__(self, descriptors):
        self.pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(descriptors).file:
            self.pool.Add(file)

    def message(self, name, **fields):
        descriptor = self.pool.FindMessageTypeByName(f"grpc.testing.{name}")
        return GetMessageClass(descriptor)(**fields)

    def payload(self, size):
        return self.message("Payload", body=bytes(size))

    def method(self, channel, name, service="TestService"):
        method = self.pool.FindMethodByName(f"grpc.testing.{service}.{name}")
        shape = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }[method.client_streaming, method.server_streaming]
        return shape(
            f"/grpc.testing.{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )


class Cases:
    """Each method is a case."""

    def __init__(self, contract, channel, reconnect):
        self._contract = contract
        self._channel = channel
        self._reconnect = reconnect

    def _method(self, name, **where):
        return self._contract.method(self._channel, name, **where)

    def _large(self, channel, **how):
        request = self._contract.message(
            "SimpleRequest", response_size=314159, payload=self._contract.payload(271828)
        )
        unary = self._contract.method(channel, "UnaryCall")
        answer, call = unary.with_call(request, timeout=TIMEOUT, **how)
        assert len(answer.payload.body) == 314159
        return call

    def _output(self, responses, request):
        sizes = [self._contract.message("ResponseParameters", size=size) for size in responses]
        return self._contract.message(
            "StreamingOutputCallRequest",
            response_parameters=sizes,
            payload=self._contract.payload(request),
        )

    def _fails(self, code, call):
        try:
            call()
        except grpc.RpcError as error:
            assert error.code() == code, error
            return error
        raise AssertionError(f"no {code}")

    def empty_unary(self):
        empty = self._contract.message("Empty")
        assert self._method("EmptyCall")(empty, timeout=TIMEOUT) == empty

    def large_unary(self):
        self._large(self._channel)

    def compressed_unary(self):
        """Both ways: the answer is large, and this client accepts gzip."""
        self._large(self._channel, compression=grpc.Compression.Gzip)

    def client_streaming(self, compression=None):
        requests = (
            self._contract.message(
                "StreamingInputCallRequest", payload=self._contract.payload(size)
            )
            for size in REQUESTS
        )
        method = self._method("StreamingInputCall")
        answer = method(requests, timeout=TIMEOUT, compression=compression)
        assert answer.aggregated_payload_size == 74922

    def client_compressed_streaming(self):
        self.client_streaming(grpc.Compression.Gzip)

    def server_streaming(self):
        request = self._output(RESPONSES, 0)
        answers = self._method("StreamingOutputCall")(request, timeout=TIMEOUT)
        assert tuple(len(answer.payload.body) for answer in answers) == RESPONSES

    def ping_pong(self):
        requests = queue.Queue()
        answers = self._method("FullDuplexCall")(iter(requests.get, None), timeout=TIMEOUT)
        for request, response in zip(REQUESTS, RESPONSES):
            requests.put(self._output([response], request))
            assert len(next(answers).payload.body) == response
        requests.put(None)
        assert next(answers, None) is None

    def empty_stream(self):
        assert list(self._method("FullDuplexCall")(iter(()), timeout=TIMEOUT)) == []

    def custom_metadata(self):
        call = self._large(self._channel, metadata=(INITIAL, TRAILING))
        assert INITIAL in call.initial_metadata()
        assert TRAILING in call.trailing_metadata()
        requests = iter([self._output([314159], 271828)])
        method = self._method("FullDuplexCall")
        call = method(requests, timeout=TIMEOUT, metadata=(INITIAL, TRAILING))
        assert [len(answer.payload.body) for answer in call] == [314159]
        assert INITIAL in call.initial_metadata()
        assert TRAILING in call.trailing_metadata()

    def status_code_and_message(self, message="test status message"):
        status = self._contract.message("EchoStatus", code=2, message=message)
        unary = self._contract.message("SimpleRequest", response_status=status)
        stream = self._contract.message("StreamingOutputCallRequest", response_status=status)
        for call in (
            lambda: self._method("UnaryCall")(unary, timeout=TIMEOUT),
            lambda: list(self._method("FullDuplexCall")(iter([stream]), timeout=TIMEOUT)),
        ):
            assert self._fails(grpc.StatusCode.UNKNOWN, call).details() == message

    def special_status_message(self):
        self.status_code_and_message(SPECIAL)

    def unimplemented_method(self, service="TestService"):
        empty = self._contract.message("Empty")
        method = self._method("UnimplementedCall", service=service)
        call = lambda: method(empty, timeout=TIMEOUT)
        return self._fails(grpc.StatusCode.UNIMPLEMENTED, call)

    def unimplemented_service(self):
        error = self.unimplemented_method("UnimplementedService")
        assert "grpc.testing.UnimplementedService" in error.details(), error

    def cancel_after_begin(self):
        requests = queue.Queue()
        call = self._method("StreamingInputCall").future(iter(requests.get, None))
        call.cancel()
        requests.put(None)
        assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED

    def cancel_after_first_response(self):
        requests = queue.Queue()
        call = self._method("FullDuplexCall")(iter(requests.get, None), timeout=TIMEOUT)
        requests.put(self._output([31415], 27182))
        assert len(next(call).payload.body) == 31415
        call.cancel()
        self._fails(grpc.StatusCode.CANCELLED, lambda: next(call))
        requests.put(None)

    def timeout_on_sleeping_server(self):
        requests = queue.Queue()
        requests.put(self._output([], 27182))
        call = self._method("FullDuplexCall")(iter(requests.get, None), timeout=0.001)
        self._fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(call))
        requests.put(None)

    def concurrent_large_unary(self):
        with ThreadPoolExecutor(50) as threads:
            list(threads.map(lambda _: self._large(self._channel), range(200)))

    def rpc_soak(self):
        for _ in range(200):
            self._large(self._channel)

    def channel_soak(self):
        for _ in range(20):
            with self._reconnect() as channel:
                self._large(channel)


def main():
    address, descriptors, *files = sys.argv[1:]
    with connect(address, files) as channel:
        grpc.channel_ready_future(channel).result(TIMEOUT)
        cases = Cases(Contract(read(descriptors)), channel, lambda: connect(address, files))
        for name in vars(Cases):
            if not name.startswith("_"):
                getattr(cases, name)()
                print(name, flush=True)


if __name__ == "__main__":
    main()
