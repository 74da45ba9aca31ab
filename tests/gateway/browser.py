"""Headless Chromium, for the parts that need a browser."""
import shutil

from support import *

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None


def open_browser():
    options = webdriver.ChromeOptions()
    for argument in ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
                     "disable-sync", f"user-data-dir={scratch}/chromium", "window-size=1200,900", "disable-dev-shm-usage"]:
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = shutil.which("chromium")
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    gateways.append(driver.service.process)
    driver.set_page_load_timeout(60)
    return driver


def available():
    return webdriver is not None and shutil.which("chromium") and shutil.which("chromedriver")
