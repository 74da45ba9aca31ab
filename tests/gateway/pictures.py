"""Makes the pictures of docs/gateway.md from the data of ./run live: tests/gateway/run pictures. It is no test."""
from browser import *

DOCS = f"{ROOT}/docs"

new_database("pictures")
subprocess.run([server.program("psql"), "-Xq", "-d", "pictures", "-c", "DROP EXTENSION pg_topk CASCADE", "-f", f"{ROOT}/demo/gateway.sql"],
               check=True, capture_output=True)
with Gateway("pictures", "--stream", "plays", "--rollup", "titles", "--rollup", "countries", stream=None) as g:
    sender = subprocess.Popen([sys.executable, f"{ROOT}/demo/send.py", f"http://127.0.0.1:{g.port}"])
    gateways.append(sender)
    driver = open_browser()
    try:
        time.sleep(30)  # so that the present hour has events
        def show(name, width, height, scale, dark, fragment):
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600})
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                                                       {"name": "prefers-reduced-motion", "value": "reduce"}]})
            driver.get(f"http://127.0.0.1:{g.port}/#{fragment}")
            driver.refresh()
            time.sleep(25)  # so that ranks change
            driver.save_screenshot(f"{DOCS}/gateway-{name}.png")
            check_true(f"gateway-{name}.png is small", os.path.getsize(f"{DOCS}/gateway-{name}.png") < 150_000)
        show("light", 1180, 900, 1, False, "rollup=titles&window=hour&item=Blue Train")
        show("dark", 1180, 900, 1, True, "rollup=countries&window=day")
        show("phone", 390, 844, 1.5, False, "rollup=titles&window=last_60m")
    finally:
        driver.quit()
        sender.terminate()
        sender.wait()
