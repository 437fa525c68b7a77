"""Publishes more than is taken, and prints what each of Python's clients gets: one line for each."""

import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

url, size = sys.argv[1], int(sys.argv[2])
body = b" " * size


def told(client, status, text):
    print(client, status, json.loads(text)["reason"], flush=True)


try:
    urllib.request.urlopen(urllib.request.Request(url, data=body))
except urllib.error.HTTPError as error:
    told("urllib", error.code, error.read())

parts = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(parts.netloc)
connection.request("POST", parts.path, body)
response = connection.getresponse()
told("http.client", response.status, response.read())
