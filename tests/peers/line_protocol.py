"""Reads lines of InfluxDB's line protocol from standard input with a parser that we did not write, and prints each as JSON."""

import json
import sys

from line_protocol_parser import LineFormatError, parse_line

# Only this byte ends a line: a name may hold other characters that Python takes for the end of one.
for line in sys.stdin.buffer.read().decode("utf-8").split("\n"):
    if not line:
        continue
    try:
        print(json.dumps(parse_line(line)))
    except LineFormatError as error:
        sys.exit(f"{error}: {line!r}")
