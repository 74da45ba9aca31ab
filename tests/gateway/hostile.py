"""Input that means harm: it is bounded and refused, the gateway lives, and others are served meanwhile. With sanitizers."""
import resource
import socket
import threading

from support import *

new_database("hostile")
with Gateway("hostile", "--request-seconds", "2", "--idle-seconds", "2", "--body-bytes", "1MB", "--queue-bytes", "4MB", "--connections", "60",
             "--connections-per-address", "40", sanitized=True) as g:
    def raw(data, seconds=5, end=False):
        """What the gateway answers to these bytes until it closes the connection or so long: the status, or 'closed', 'silent'."""
        with socket.create_connection(("127.0.0.1", g.port), timeout=seconds) as s:
            answer = b""
            try:
                s.sendall(data)
                if end:
                    s.shutdown(socket.SHUT_WR)
                while chunk := s.recv(65536):
                    answer += chunk
                    if b"\r\n\r\n" in answer:
                        break
            except ConnectionError:
                pass
            except socket.timeout:
                return "silent" if not answer else answer
            return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else "closed" if not answer else answer

    def post(body, extra="", length=None):
        body = body if isinstance(body, bytes) else body.encode()
        return (f"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{extra}"
                f"Content-Length: {len(body) if length is None else length}\r\n\r\n").encode() + body

    # Bytes that are no HTTP
    for what, data, wanted in [
        ("noise", b"\x00\xff\x16\x03\x01\r\n\r\n", 400), ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400), ("HTTP/0.9", b"GET /\r\n\r\n", 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), ("a NUL in the header", b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400), ("a NUL in the path", b"GET /\x00 HTTP/1.1\r\n\r\n", 400),
        ("a space in a name", b"GET / HTTP/1.1\r\nA B: c\r\n\r\n", 400), ("a length that is none", b"POST /api/v1/events HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        ("a negative length", b"POST /api/v1/events HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400), ("two lengths", b"POST /api/v1/events HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("a length and chunks", b"POST /api/v1/events HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("an end in the middle of the header", b"GET / HTTP/1.1\r\nA: b", "closed"), ("an absolute address", b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("a path above", b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404), ("a path above, escaped", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    ]:
        check(what, wanted, raw(data, end=wanted == "closed"))

    # Too much
    check("a long header line", 431, raw(b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000 + b"\r\n\r\n"))
    check("endless headers", 431, raw(b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(20_000))))
    check("a long path", 431, raw(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n"))
    check("a body that says it is too large", 413, raw(post("", length=10**9)))
    check("a body that says it is larger than can be", (400, 413).__contains__(raw(post("", length=10**25))), True)
    check("a body that is too large", 413, raw(post("[" + " " * 1_100_000 + "]")))
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    check("chunks without end", 413, raw(b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20))
    check("chunks as they should be", 202, raw(b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"item_i\r\n7\r\nd\":\"c\"}\r\n0\r\n\r\n"))
    check("a GET with a body", 400, raw(b"GET /api/v1/topk HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"))

    # JSON
    for what, body in [
        ("deep arrays", "[" * 100_000 + "]" * 100_000), ("deep objects", '{"a":' * 50_000 + "1" + "}" * 50_000), ("deep metadata", '{"item_id":"a","metadata":' + '{"a":' * 40_000 + "1" + "}" * 40_001),
        ("no UTF-8", b'{"item_id":"\xff"}'), ("half a surrogate", '{"item_id":"\\ud800"}'), ("a NUL", '{"item_id":"\\u0000"}'), ("a NUL byte", b'{"item_id":"a\x00"}'), ("a NUL in metadata", '{"item_id":"a","metadata":{"\\u0000":1}}'),
        ("a key twice", '{"item_id":"a","item_id":"b"}'), ("a key twice in metadata", '{"item_id":"a","metadata":{"a":1,"a":2}}'), ("a number", '{"item_id":12345678901234567890}'),
        ("a huge number", '{"item_id":"a","metadata":{"a":1e999999}}'), ("a long number", '{"item_id":"a","metadata":{"a":' + "1" * 200_000 + "}}"), ("something after the end", '{"item_id":"a"}{}'),
        ("a comment", '{"item_id":"a"/**/}'), ("single quotes", "{'item_id':'a'}"), ("a byte order mark", b'\xef\xbb\xbf{"item_id":5}'), ("half", '[{"item_id":"a"},'),
    ]:
        check(f"JSON: {what}", 400, raw(post(body)))

    # SQL that would be run where a name or an item was put into a statement
    for odd in ["'; DROP TABLE views; --", "\\.", "a\tb\nc", '"; COPY views FROM PROGRAM \'x\'', "$1", "%s"]:
        check(f"an item like {odd!r}", 202, g.send({"item_id": odd, "source": odd, "metadata": {odd: odd}}).status)
        check("... is counted", 1, g.get("/api/v1/items/" + urllib.parse.quote(odd, safe="") + "/frequency", time_window="day").json["count"])
        check("... as a group it is there, or there is none", 200, g.get("/api/v1/topk", time_window="day", group=json.dumps([odd])).status)
        check("... as a rollup there is none", 404, g.get("/api/v1/topk", rollup=odd).status)

    # Slow ones: each has so long for a request as a whole, however it drips
    def drip(data, pause, most):
        with socket.create_connection(("127.0.0.1", g.port), timeout=30) as s:
            begun = time.monotonic()
            try:
                for byte in data:
                    s.sendall(bytes([byte]))
                    time.sleep(pause)
                    if time.monotonic() - begun > most:
                        return None
            except OSError:
                pass
            return time.monotonic() - begun
    results = {}
    threads = [threading.Thread(target=lambda n=n, d=d: results.update({n: drip(d, 0.2, 15)})) for n, d in
               [("header", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100), ("body", post('{"item_id":"slow"}', length=5000) + b" " * 1000)]]
    for thread in threads:
        thread.start()
    check("others are served meanwhile", 202, g.send({"item_id": "quick"}).status)
    for thread in threads:
        thread.join()
    for name, seconds in results.items():
        check_true(f"a slow {name} is cut off", seconds is not None and seconds < 12, results)
    check("an idle connection is closed", "closed", raw(b"", seconds=10))

    # Many: more connections than there may be of one address, then it goes on
    many = [socket.create_connection(("127.0.0.1", g.port), timeout=5) for _ in range(100)]
    time.sleep(0.3)
    closed = 0
    for s in many:
        s.setblocking(False)
        try:
            closed += s.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionError:
            closed += 1
    check("connections past the limit are closed", True, 55 <= closed <= 65)
    for s in many:
        s.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if g.get("/healthz").status == 200:
                break
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    check("... and free again when they have gone", 200, g.get("/healthz").status)

    # Bodies in memory are bounded together
    held = []
    for _ in range(8):
        s = socket.create_connection(("127.0.0.1", g.port), timeout=5)
        s.sendall(post("[" + " " * 900_000, length=1_000_000))
        held.append(s)
    time.sleep(0.5)
    refused = 0
    for s in held:
        s.setblocking(False)
        try:
            refused += s.recv(100).startswith(b"HTTP/1.1 503")
        except BlockingIOError:
            pass
        except ConnectionError:
            refused += 1
    check_true("bodies past the budget get 503", 3 <= refused <= 7, refused)
    for s in held:
        s.close()
    deadline = time.monotonic() + 10
    while g.send({"item_id": "after"}).status != 202 and time.monotonic() < deadline:
        time.sleep(0.1)
    check("... which is given back", 202, g.send([{"item_id": "x" * 1000}] * 900).status)

    # The page with hostile items says what it must
    headers = g.get("/").headers
    check("the page has a strict policy", True, "default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"])
    check("types are not guessed", {"nosniff"}, {g.get(path).headers["X-Content-Type-Options"] for path in ["/", "/page.js", "/api/v1/rollups", "/nix"]})
    check("it is all still there", (200, 200), (g.get("/healthz").status, g.get("/readyz").status))
