#!/usr/bin/env python3
"""Sends events to topk-gateway until it is ended: titles played in a few countries, some of which rise and fall again.

usage: send.py URL [EVENTS_PER_SECOND]"""
import http.client
import itertools
import json
import math
import random
import sys
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

WORDS = ["Blue", "Night", "River", "Paper", "Golden", "Quiet", "Northern", "Glass", "Summer", "Velvet", "Iron", "Morning"]
THINGS = ["Train", "Garden", "Echo", "Harbour", "Letters", "Machine", "Mountain", "Lights", "Orchard", "Signal", "Window", "Tide"]
COUNTRIES = ["DE", "FR", "JP", "US", "BR"]
TITLES = [f"{word} {thing}" for word, thing in itertools.product(WORDS, THINGS)]
SHARE = list(itertools.accumulate(1 / (i + 3) for i in range(len(TITLES))))


def titles(draw, n, now):
    """n titles, the first ones the most frequent; every 40 s another one becomes popular for a while."""
    drawn = draw.choices(range(len(TITLES)), cum_weights=SHARE, k=n)
    wave = int(now // 40)
    riser = random.Random(wave).randrange(12, len(TITLES))
    strength = 0.06 + 0.14 * math.sin(math.pi * (now % 40) / 40)
    return [TITLES[riser if draw.random() < strength else i] for i in drawn]


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 300
    draw = random.Random()
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)

    def send(events):
        connection.request("POST", "/api/v1/events", json.dumps(events), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status == 202:
            return
        if response.status != 503:
            raise RuntimeError(answer.decode())
        time.sleep(float(response.getheader("Retry-After", "1")))

    # Two days before, so that there is something to compare with.
    now = datetime.now(timezone.utc)
    for hour in range(48, 0, -1):
        n = int(6000 + 3000 * math.sin(hour / 24 * 2 * math.pi))
        start = now - timedelta(hours=hour)
        send([{"item_id": title, "source": draw.choice(COUNTRIES), "timestamp": (start + timedelta(seconds=draw.random() * 3600)).isoformat()}
              for title in titles(draw, n, start.timestamp())])
    while True:
        time.sleep(0.05)
        n = int(draw.gauss(rate, rate / 6) * 0.05 + draw.random())
        try:
            if n > 0:
                send([{"item_id": title, "source": draw.choice(COUNTRIES)} for title in titles(draw, n, time.time())])
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
