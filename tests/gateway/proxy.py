"""The nginx example of docs/gateway.md in front of the gateway: TLS, addresses of clients, bodies."""
import re
import shutil
import socket
import ssl

from support import *

nginx = shutil.which("nginx") or next((p for p in ["/usr/sbin/nginx", f"{ROOT}/build/tools/nginx/usr/sbin/nginx"] if os.path.exists(p)), None)
if nginx is None:
    print("skipped: nginx in front of the gateway (no nginx)")
else:
    new_database("proxy")
    with open(f"{ROOT}/docs/gateway.md") as file:
        example = re.search(r"```nginx\n(.*?)```", file.read(), re.S).group(1)
    with socket.create_server(("127.0.0.1", 0)) as s:
        tls_port = s.getsockname()[1]
    with Gateway("proxy", "--trusted-proxy", "127.0.0.1", "--address-rate", "1", "--address-burst", "50") as g:
        directory = f"{scratch}/nginx"
        os.makedirs(directory)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"],
                       check=True, capture_output=True)
        wanted = [("listen 443 ssl http2;", f"listen 127.0.0.1:{tls_port} ssl http2;"), ("/etc/ssl/certs/topk.pem", f"{directory}/cert.pem"),
                  ("/etc/ssl/private/topk.key", f"{directory}/key.pem"), ("127.0.0.1:8080", f"127.0.0.1:{g.port}")]
        for old, new in wanted:
            check_true(f"the example has {old}", old in example)
            example = example.replace(old, new)
        with open(f"{directory}/nginx.conf", "w") as file:
            file.write(f"daemon off; pid {directory}/pid; error_log stderr; worker_processes 1;\nevents {{}}\nhttp {{ access_log off; "
                       + " ".join(f"{name}_temp_path {directory}/{name};" for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]) + f"\n{example}\n}}\n")
        with open(f"{directory}/log", "w") as log:
            process = subprocess.Popen([nginx, "-p", directory, "-e", "stderr", "-c", f"{directory}/nginx.conf"], stderr=log, stdout=log)
        gateways.append(process)
        context = ssl.create_default_context(cafile=f"{directory}/cert.pem")

        def request(method, path, body=None, headers=None):
            connection = http.client.HTTPSConnection("localhost", tls_port, context=context, timeout=20)
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                request("GET", "/healthz")
                break
            except OSError:
                time.sleep(0.1)
        check("health by TLS", (200, b'{"status":"ok"}'), ((r := request("GET", "/healthz"))[0].status, r[1]))
        check("events by TLS", 202, request("POST", "/api/v1/events", '[{"item_id": "a"}, {"item_id": "ü"}]'.encode(), JSON)[0].status)
        check("an answer", 2, json.loads(request("GET", "/api/v1/topk?time_window=day")[1])["total_events"])
        check("an item with a slash and a percent sign reaches the gateway as it was", "a/b%c", json.loads(request("GET", "/api/v1/items/a%2Fb%25c/frequency?time_window=day")[1])["item_id"])
        check("the page with its policy", True, "default-src 'none'" in request("GET", "/")[0].getheader("Content-Security-Policy"))
        large = json.dumps([{"item_id": "x" * 300}] * 10_000)
        check_true("the test's body is larger than nginx takes by itself", 1 << 20 < len(large) < 8 << 20)
        r, body = request("POST", "/api/v1/events", large, JSON)
        check("a large body passes", (413, "too_many_events"), (r.status, json.loads(body)["error"]["code"]))
        statuses = {request("POST", "/api/v1/events", '{"item_id": "a"}', {**JSON, "X-Forwarded-For": f"203.0.113.{i}"})[0].status for i in range(60)}
        check("a client that invents addresses is limited by its own", {202, 429}, statuses)
        process.terminate()
        check("nginx ends", 0, process.wait(timeout=20))
