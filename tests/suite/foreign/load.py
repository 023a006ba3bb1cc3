"""Calls a service for some seconds, unary and streams, from several clients at once.

Usage: load.py ADDRESS DESCRIPTORS SECONDS

DESCRIPTORS is the contract of the interop cases, an encoded FileDescriptorSet. Prints how many calls
there were; fails where one did.
"""

import collections
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from interop import TIMEOUT, Cases, Contract, read

CLIENTS = 8
CALLS = ("empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong")


def main():
    address, descriptors, seconds = sys.argv[1:]
    contract = Contract(read(descriptors))
    # Each with a connection of its own.
    options = [("grpc.use_local_subchannel_pool", 1)]

    def calls(_):
        made, failed = 0, []
        with grpc.insecure_channel(address, options) as channel:
            grpc.channel_ready_future(channel).result(TIMEOUT)
            cases = Cases(contract, channel, None)
            end = time.monotonic() + float(seconds)
            while time.monotonic() < end:
                for name in CALLS:
                    made += 1
                    try:
                        getattr(cases, name)()
                    except grpc.RpcError as error:
                        failed.append(f"{name}: {error.code()}: {error.details()}")
        return made, failed

    with ThreadPoolExecutor(CLIENTS) as clients:
        results = list(clients.map(calls, range(CLIENTS)))
    failures = collections.Counter(error for _, failed in results for error in failed)
    for error, times in failures.most_common():
        print(f"{times} times {error}", file=sys.stderr)
    print(sum(made for made, _ in results))
    sys.exit(bool(failures))


main()
