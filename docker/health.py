"""Health probes of the containers: `health.py grpc PORT` and `health.py http URL`.

Dagster's own probe imports three seconds of Python each time; these need a fraction of one.
"""

import sys
import urllib.request

SECONDS_TO_ANSWER = 5


def is_serving(port: str) -> bool:
    """Whether a Dagster code server answers on a port of this container."""
    import grpc  # noqa: PLC0415 - the other probe does not need it
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=SECONDS_TO_ANSWER)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def is_answering(url: str) -> bool:
    """Whether a GET succeeds."""
    with urllib.request.urlopen(url, timeout=SECONDS_TO_ANSWER) as answer:  # noqa: S310 - our own server
        return bool(answer.status == 200)


if __name__ == "__main__":
    kind, target = sys.argv[1:]
    sys.exit(0 if {"grpc": is_serving, "http": is_answering}[kind](target) else 1)
