"""An OTLP receiver made of the OpenTelemetry project's own messages: HTTP/protobuf on one port, gRPC on the next.

Needs `pip install grpcio opentelemetry-proto`. Prints what came over each transport when it is told to stop, and fails when
a span is not what the GenAI conventions v1.41 say.

  python3 scripts/otlp_receiver.py 4318 [SECONDS]
"""

import collections
import http.server
import signal
import sys
import threading
import time
from concurrent import futures

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc

OPERATIONS = {"invoke_agent", "chat", "execute_tool", "retrieval"}
NEEDED = {
    "chat": {"gen_ai.provider.name", "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"},
    "invoke_agent": {"gen_ai.agent.name", "gen_ai.agent.version"},
    "execute_tool": {"gen_ai.tool.name"},
    "retrieval": {"gen_ai.data_source.id"},
}


class Received:
    """What came over one transport."""

    def __init__(self):
        self.names, self.wrong, self.requests = collections.Counter(), [], 0

    def take(self, request):
        self.requests += 1
        for resource in request.resource_spans:
            keys = {pair.key for pair in resource.resource.attributes}
            if "service.name" not in keys:
                self.wrong.append("a resource without service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.look_at(span)

    def look_at(self, span):
        attributes = {pair.key: pair.value for pair in span.attributes}
        operation = attributes.get("gen_ai.operation.name")
        operation = operation.string_value if operation else None
        self.names[operation or span.name.split(" ")[0]] += 1
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or span.end_time_unix_nano < span.start_time_unix_nano:
            self.wrong.append(f"{span.name}: ids or times")
        if operation is not None and operation not in OPERATIONS:
            self.wrong.append(f"{span.name}: operation {operation}")
        if operation and not span.name.startswith(operation):
            self.wrong.append(f"{span.name}: does not begin with {operation}")
        missing = NEEDED.get(operation, set()) - set(attributes)
        if missing:
            self.wrong.append(f"{span.name}: without {sorted(missing)}")

    def print(self, transport):
        print(f"{transport}: {sum(self.names.values())} spans in {self.requests} requests: {dict(self.names)}")
        for wrong in self.wrong[:10]:
            print(f"  wrong: {wrong}")


def main(port, seconds):
    over_http, over_grpc = Received(), Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
                over_http.wrong.append(f"{self.path} {self.headers['content-type']}")
            over_http.take(service.ExportTraceServiceRequest.FromString(body))
            answer = service.ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    class Service(rpc.TraceServiceServicer):
        def Export(self, request, context):
            over_grpc.take(request)
            return service.ExportTraceServiceResponse()

    web = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    grpc_server = grpc.server(futures.ThreadPoolExecutor(4))
    rpc.add_TraceServiceServicer_to_server(Service(), grpc_server)
    grpc_server.add_insecure_port(f"127.0.0.1:{port + 1}")
    grpc_server.start()
    print(f"receiving: http://127.0.0.1:{port}/v1/traces and gRPC at http://127.0.0.1:{port + 1}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        pass
    over_http.print("http")
    over_grpc.print("grpc")
    ok = over_http.names and over_grpc.names == over_http.names and not over_http.wrong and not over_grpc.wrong
    print("as it should be" if ok else "WRONG")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1e9))
