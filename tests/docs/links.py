#!/usr/bin/env python3
"""Prints each link between Markdown files whose file or heading does not exist. Headings get the anchors that GitHub gives them."""
import os
import re


def anchors(path):
    found, in_code = [], False
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            if line.lstrip().startswith('```'):
                in_code = not in_code
            heading = re.match(r'#+ (.*)', line)
            if heading and not in_code:
                text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading[1])
                slug = re.sub(r'[^\w\s-]', '', text.strip().lower()).replace(' ', '-')
                repeats = found.count(slug)
                found.append(f'{slug}-{repeats}' if repeats else slug)
    return found


files = sorted(os.path.normpath(os.path.join(root, name)) for root, _, names in os.walk('.') for name in names
               if name.endswith('.md') and not root.startswith(('./build', './.git')))
for file in files:
    with open(file, encoding='utf-8') as content:
        targets = re.findall(r'\]\(([^)\s]+)\)', content.read())
    for target in targets:
        if target.startswith(('http:', 'https:')):
            continue
        path, _, anchor = target.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(file), path)) if path else file
        if not os.path.exists(path):
            print(f'{file}: {target}: no such file')
        elif anchor and anchor not in anchors(path):
            print(f'{file}: {target}: no such heading')
