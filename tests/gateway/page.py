"""The page in headless Chromium: it shows what SQL says while events arrive, hostile items as text; keyboard, phone, dark mode,
an absent database."""
import random
import threading

from browser import *


def look(driver):
    """The lines of the leaderboard: rank, item, count."""
    return driver.execute_script("""return [...document.querySelectorAll('#top li')].map((li) =>
        [Number(li.querySelector('.rank').textContent), li.dataset.item, Number(li.querySelector('.figure b').textContent.replaceAll(',', ''))])""")


def test():
    new_database("page")
    sql("""SELECT topk.create_rollup('sources', 'views', item => 'source', event_time => '"timestamp"', windows => '{day,quarter,year}');""", database="page")
    hostile = ["<script>window.hacked = 1</script>", "<img src=x onerror=window.hacked=1>", "\u202egnp.exe", "a\u0000b".replace("\u0000", "\u200b"), "x" * 8191, " ", "\t\n",
               "'\"&amp;", "javascript:window.hacked=1", "__proto__", "toString", "🎉" * 50, "مرحبا", "<b>", "</title>", "%00", "\u2028"]
    g = Gateway("page", "--rollup", "sources")
    driver = open_browser()
    try:
        base = f"http://127.0.0.1:{g.port}/"
        find = lambda selector: driver.find_element(By.CSS_SELECTOR, selector)
        text = lambda selector: find(selector).text

        driver.get(base)
        soon("an empty window says so", lambda: "No events" in text("#empty") and find("#empty").is_displayed())
        check("the first window is the day", "day", driver.execute_script("return document.querySelector('#windows input:checked').value"))

        # Events arrive, and the page has what SQL has
        titles = [f"title {i}" for i in range(60)]
        stopping = threading.Event()

        def arrive():
            draw = random.Random(5)
            while not stopping.is_set():
                g.send([{"item_id": titles[min(59, int(draw.expovariate(0.12)))], "source": draw.choice(["DE", "FR"])} for _ in range(200)])
                time.sleep(0.1)
        thread = threading.Thread(target=arrive)
        thread.start()
        soon("items come by themselves", lambda: len(look(driver)) == 20)

        def between_answers(kind="day", group=None):
            """Counts grow while one looks: what is shown lies between what SQL says before and after."""
            low = dict(sql("SELECT item, count FROM topk.top('views', %s, k => 100, group_key => %s)", kind, group, database="page"))
            time.sleep(2.5)
            shown = look(driver)
            high = dict(sql("SELECT item, count FROM topk.top('views', %s, k => 100, group_key => %s)", kind, group, database="page"))
            return (all(low.get(item, 0) <= count <= high[item] for _, item, count in shown) and [r for r, _, _ in shown] == list(range(1, 21))
                    and [c for _, _, c in shown] == sorted((c for _, _, c in shown), reverse=True)) or (shown, low, high)
        for _ in range(3):
            check("while events arrive it shows what SQL says", True, between_answers())
        soon("the rate is shown", lambda: 200 < float(text("#rate").replace(",", "")) < 6000)
        check("it is live", "Live", text("#state"))
        soon("it says how fresh it is", lambda: abs(time.time() % 86400 - sum(int(n) * f for n, f in zip(text("#fresh").split(":"), (3600, 60, 1)))) < 10)

        find("#windows input[value=hour]").send_keys(Keys.SPACE)
        soon("the hour, by keyboard", lambda: "window=hour" in driver.current_url and len(look(driver)) == 20)
        check("... is what SQL says", True, between_answers("hour"))
        find("#windows input[value=last_60m]").send_keys(Keys.SPACE)
        soon("the last 60 minutes", lambda: "window=last_60m" in driver.current_url and len(look(driver)) == 20)
        find("#windows input[value=day]").send_keys(Keys.SPACE)
        sql("CALL topk.run()", database="page")
        soon("groups can be chosen", lambda: len(driver.find_elements(By.CSS_SELECTOR, "#group option")) >= 3)
        driver.execute_script("const s = document.querySelector('#group'); s.value = '[\"DE\"]'; s.dispatchEvent(new Event('change', {bubbles: true}))")
        soon("a group", lambda: "group=" in driver.current_url)
        check("... is what SQL says", True, between_answers("day", ["DE"]))
        driver.execute_script("const s = document.querySelector('#group'); s.value = ''; s.dispatchEvent(new Event('change', {bubbles: true}))")

        # Ranks that change move
        g.send([{"item_id": "title 30", "source": "DE"}] * 9000)
        soon("a riser is first", lambda: look(driver)[0][1] == "title 30")
        soon("... and is marked", lambda: "▲" in text("#top li:first-child .move") or text("#top li:first-child .move") == "new")
        soon("... and trends", lambda: any(li.get_attribute("data-item") == "title 30" for li in driver.find_elements(By.CSS_SELECTOR, "#trends li")))
        stopping.set()
        thread.join()
        wanted = [[r, i, c] for r, i, c in sql("SELECT rank, item, count FROM topk.top('views', 'day', k => 20)", database="page")]
        soon("when they stop it is exactly what SQL says", lambda: look(driver) == wanted or look(driver))
        soon("... with the events", lambda: text("#totals").startswith(f"{value('SELECT events FROM topk.window_info(%s, %s)', 'views', 'day', database='page'):,} events"))

        # Quarters and years, of a rollup that has them
        offered = lambda: [one.get_attribute("value") for one in driver.find_elements(By.CSS_SELECTOR, "#windows input") if one.find_element(By.XPATH, "..").is_displayed()]
        check("a rollup without quarters and years does not offer them", ["last_60m", "hour", "day", "week", "month"], offered())
        for kind in ("quarter", "year"):
            driver.get(base + f"#rollup=sources&window={kind}")
            driver.refresh()
            soon(f"the {kind} is what SQL says", lambda: look(driver) == [[r, i, c] for r, i, c in sql("SELECT rank, item, count FROM topk.top('sources', %s)", kind, database="page")] or look(driver))
            check("... and is chosen", kind, driver.execute_script("return document.querySelector('#windows input:checked').value"))
        check("both are offered there", ["last_60m", "hour", "day", "week", "month", "quarter", "year"], offered())
        driver.get(base + "#rollup=views&window=day")
        driver.refresh()
        soon("and back to the day", lambda: look(driver) == wanted)

        # An item
        find("#top li:first-child .item").send_keys(Keys.ENTER)
        soon("a click plots its series", lambda: len(driver.find_elements(By.CSS_SELECTOR, "#chart g")) == 30)
        count = value("SELECT count FROM topk.frequency('views', 'title 30', 'day')", database="page")
        soon("... with what SQL says", lambda: text("#detail-count").startswith(f"{count:,} ") or text("#detail-count"))
        check("... and says it to who does not see", True, f"to {count:,}" in find("#chart").get_attribute("aria-label"))
        check("the focus is there", "detail", driver.execute_script("return document.activeElement.id"))
        webdriver.ActionChains(driver).send_keys(Keys.ESCAPE).perform()
        soon("Escape closes it, and the focus is where it was", lambda: not find("#detail").is_displayed() and driver.execute_script("return document.activeElement.closest('li').dataset.item") == "title 30")
        find("#search").send_keys("title 59" + Keys.ENTER)
        soon("the search finds what is not in the list", lambda: text("#detail-name") == "title 59" and find("#chart g") is not None)
        find("#search").clear()

        # The past
        g.send([{"item_id": f"old {i}", "timestamp": "2026-03-01T10:30:00Z"} for i in range(5) for _ in range(5 - i)])
        driver.get(base + "#rollup=views&window=day&date=2026-03-01")
        driver.refresh()
        soon("a past day by its date", lambda: look(driver) == [[i + 1, f"old {i}", 5 - i] for i in range(5)] or look(driver))
        check("... says that it is past", "Past", text("#state"))
        check("... and which", True, "1 Mar 2026" in text("#span"))
        driver.execute_script("const s = document.querySelector('#windows input[value=hour]'); s.click(); const h = document.querySelector('#hour'); h.value = '10'; h.dispatchEvent(new Event('change'))")
        soon("... and an hour of it", lambda: "10:00–11:00" in text("#span") and len(look(driver)) == 5)
        find("#now").click()
        soon("and back to now", lambda: text("#state") == "Live" and "date" not in driver.current_url)

        # A flat day of very many items has errors
        for part in range(3):
            g.send([{"item_id": f"flat {i % 29989}", "timestamp": "2026-01-05T10:30:00Z"} for i in range(part * 10_000, (part + 1) * 10_000)])
        sql("CALL topk.run()", database="page")
        wanted = sql("SELECT item, count, error FROM topk.top('views', 'day', '2026-01-05 12:00+00', k => 20)", database="page")
        check_true("the test's day is not exact", any(error > 0 for _, _, error in wanted), wanted)
        driver.get(base + "#rollup=views&window=day&date=2026-01-05")
        driver.refresh()
        soon("counts have their errors", lambda: [line for line in driver.execute_script("return [...document.querySelectorAll('#top li')].map((li) => [li.dataset.item, li.querySelector('.figure').textContent])")
                                                  if (match := next((w for w in wanted if w[0] == line[0]), None)) is None
                                                  or (f"−{match[2]:,}" in line[1]) != (match[2] > 0)] == [] and len(look(driver)) == 20)
        check("... and it says what they mean", True, "Counts are never too small" in text("#note"))

        # Hostile items are text
        g.send([{"item_id": item, "timestamp": "2026-02-01T10:30:00Z"} for i, item in enumerate(hostile) for _ in range(40 - i)])
        driver.get(base + "#rollup=views&window=day&date=2026-02-01")
        driver.refresh()
        soon("hostile items are all shown", lambda: [item for _, item, _ in look(driver)] == hostile or look(driver))
        shown = driver.execute_script("return [...document.querySelectorAll('#top .item')].map((b) => b.textContent)")
        check("markup is shown as it is", hostile[0], shown[0])
        check("what does not show is named", "U+202Egnp.exe", shown[2])
        check_true("a long one is cut", len(shown[4]) < 250, len(shown[4]))
        check("no line is wider than the page", True, driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"))
        for line in range(len(hostile)):
            driver.execute_script(f"document.querySelectorAll('#top .item')[{line}].click()")
            soon(f"hostile item {line} has its series", lambda: driver.execute_script("return document.querySelector('#detail').dataset.shown") == hostile[line])
        check("nothing of them was run", None, driver.execute_script("return window.hacked"))
        check("... nor became an element", 0, driver.execute_script("return document.querySelectorAll('#top script, #top img, #top b:not(.figure b), #detail img').length"))
        driver.execute_script("const e = document.createElement('div'); try { e.innerHTML = '<i>x</i>'; window.allowed = true } catch { window.allowed = false }")
        check("the policy lets nobody make HTML of text", False, driver.execute_script("return window.allowed"))

        # Without the database
        driver.get(base)
        driver.refresh()
        soon("live again", lambda: text("#state") == "Live")
        server.stop("immediate")
        soon("without the database it says so", lambda: "database cannot be reached" in text("#trouble") and text("#state") == "Interrupted")
        server.launch()
        soon("and it comes back by itself", lambda: text("#state") == "Live" and not find("#trouble").is_displayed(), 60)
        g.process.kill()
        g.process.wait()
        soon("without the gateway it says so", lambda: "gateway cannot be reached" in text("#trouble"))
        port, g2 = g.port, Gateway("page", "--rollup", "sources", port=g.port)
        soon("and it comes back by itself", lambda: text("#state") == "Live", 60)

        # Readers who do not see it
        check("all controls have a name", [], driver.execute_script("""return [...document.querySelectorAll('input, select, button')].filter((e) => !e.hidden && e.offsetParent).filter((e) =>
            !(e.getAttribute('aria-label') || (e.labels && e.labels.length) || e.textContent.trim())).map((e) => e.outerHTML)"""))
        check("the headings are in order", ["H1", "H2", "H2"], driver.execute_script("return [...document.querySelectorAll('h1, h2, h3')].filter((e) => e.offsetParent).map((e) => e.tagName)"))
        check("the page has a language and a title", ["en", "Leaderboard"], driver.execute_script("return [document.documentElement.lang, document.title]"))
        driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
        order = []
        for _ in range(12):
            webdriver.ActionChains(driver).send_keys(Keys.TAB).perform()
            order.append(driver.execute_script("const e = document.activeElement; return e.id || e.name || e.className"))
        check_true("Tab goes from the choices to the list", [x for x in ("rollup", "window", "group", "date", "search") if x in order] == ["rollup", "window", "group", "date", "search"]
                   and order.index("item") > order.index("search"), order)

        def contrast():
            """The lowest ratio of text to its ground, of all visible text."""
            return driver.execute_script("""
                const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
                const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
                const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
                let worst = 99;
                for (const e of document.querySelectorAll('body *')) {
                    if (!e.offsetParent || e.closest('.hidden, .skip') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || getComputedStyle(e).opacity < 1 || e.closest('label:has(:disabled)')) continue;
                    const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
                    worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
                }
                return worst""")
        check_true("text can be read", contrast() >= 4.5, contrast())
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        check_true("in the dark as well", contrast() >= 4.5 and driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 25)", contrast())
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True})
        soon("on a phone nothing is cut off", lambda: driver.execute_script("return document.documentElement.scrollWidth") == 360)
        find("#top .item").click()
        soon("... with an item too", lambda: find("#detail").is_displayed() and driver.execute_script("return document.documentElement.scrollWidth") == 360)
        expected = ("503", "504", "ERR_CONNECTION", "Failed to load resource", "TrustedHTML", "Trusted")
        check("the console has no complaints of its own", [], [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE" and not any(x in e["message"] for x in expected)])
        g2.stop()
    finally:
        driver.quit()


def test_key():
    """Where keys are needed, the page asks for one."""
    import hashlib
    path = f"{scratch}/page-keys.json"
    with open(path, "w") as file:
        json.dump({"keys": [{"name": "a", "sha256": hashlib.sha256(b"open").hexdigest(), "role": "postgres", "may": ["ask", "send"]}]}, file)
    driver = open_browser()
    try:
        with Gateway("page", "--keys", path) as g:
            driver.get(f"http://127.0.0.1:{g.port}/")
            field = driver.find_element(By.ID, "key")
            soon("it asks for a key", field.is_displayed)
            field.send_keys("wrong" + Keys.ENTER)
            time.sleep(1)
            check("a wrong one does not help", True, field.is_displayed())
            field.send_keys("open" + Keys.ENTER)
            soon("the right one does", lambda: driver.find_element(By.ID, "state").text == "Live" and not field.is_displayed())
    finally:
        driver.quit()


if not available():
    print("skipped: the page in a browser (no chromium, chromium-driver or python3-selenium)")
else:
    test()
    test_key()
