"""The description of the API: valid OpenAPI 3, complete, and what answers look like."""
from support import *

SCHEMA = "/usr/share/openapi-specification/schemas/v3.0/schema.json"
new_database("openapi")
with Gateway("openapi") as g:
    response = g.get("/openapi.json")
    document = response.json
    check("it is served", (200, "3.0.3"), (response.status, document["openapi"]))
    try:
        import jsonschema
    except ImportError:
        jsonschema = None
    if jsonschema is None or not os.path.exists(SCHEMA):
        print("skipped: validation of openapi.json (no python3-jsonschema or openapi-specification)")
    else:
        with open(SCHEMA) as file:
            schema = json.load(file)
        check("OpenAPI's own schema finds nothing wrong", [], [f"{list(e.path)}: {e.message}"[:200] for e in jsonschema.Draft4Validator(schema).iter_errors(document)])
        broken = json.loads(response.text)
        broken["paths"]["/healthz"]["get"].pop("responses")
        check_true("... and finds what is", any(True for _ in jsonschema.Draft4Validator(schema).iter_errors(broken)))

        # OpenAPI 3.0 says nullable where JSON Schema has a type null, and its references are to this document.
        def translated(node):
            if isinstance(node, dict):
                out = {k: translated(v) for k, v in node.items() if k != "nullable"}
                return {"anyOf": [out, {"type": "null"}]} if node.get("nullable") else out
            return [translated(v) for v in node] if isinstance(node, list) else node
        schemas = translated(document["components"]["schemas"])

        def closed(node):
            """Answers have no field that is not described."""
            if isinstance(node, dict):
                if node.get("type") == "object" and "properties" in node:
                    node = {"additionalProperties": False, **node}
                return {k: closed(v) for k, v in node.items()}
            return [closed(v) for v in node] if isinstance(node, list) else node

        def errors(name, instance):
            return [e.message[:200] for e in jsonschema.Draft4Validator({"components": {"schemas": closed(schemas)}, "$ref": f"#/components/schemas/{name}"}).iter_errors(instance)]

        events = [{"item_id": f"i{i % 7}", "source": "a", "timestamp": f"2026-03-0{i % 3 + 1}T10:00:00Z"} for i in range(60)]
        check("accepted", [], errors("AcceptedMany", g.send(events).json))
        check("accepted one", [], errors("Accepted", g.send({"item_id": "a"}).json))
        sql("CALL topk.run()", database="openapi")
        for name, path in [("TopK", "/api/v1/topk?time_window=day&window_start=2026-03-02"), ("TopK", "/api/v1/topk?time_window=last_60m"), ("TopK", "/api/v1/topk?time_window=hour&window_start=2020-01-01"),
                           ("Frequency", "/api/v1/items/i1/frequency?time_window=day"), ("Frequency", "/api/v1/items/nix/frequency?time_window=day"), ("Series", "/api/v1/items/i1/series?time_window=day&since=2026-03-01&until=2026-03-04"),
                           ("Trending", "/api/v1/trending?time_window=day&window_start=2026-03-02"), ("History", "/api/v1/history?time_window=day&since=2026-03-01"), ("Rollups", "/api/v1/rollups"),
                           ("Status", "/healthz"), ("Status", "/readyz"), ("Error", "/api/v1/topk?k=0"), ("Error", "/nix")]:
            check(f"{path} is what {name} says", [], errors(name, g.get(path).json))
    # Every path and method that is described is there, with what it says.
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            status = g.request(method.upper(), path.replace("{item_id}", "a"), b"[]" if method == "post" else None, JSON if method == "post" else {}).status
            check(f"{method} {path} answers as described", True, str(status) in operation["responses"])
