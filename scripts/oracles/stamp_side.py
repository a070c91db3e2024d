"""Which end of the minute do the stamps of a CSV of 1m bars name? Activity by minute of the hour, as evidence.

usage: python3 scripts/oracles/stamp_side.py BARS.csv     columns timestamp,open,high,low,close,volume; stamps UTC

Orders on a schedule arrive at the start of an hour and a quarter, so those minutes are the busy ones: [hh:00, hh:01),
[hh:15, hh:16) ... If the busy stamps are :00 :15 :30 :45 they name the start of the minute, if :01 :16 :31 :46 its end.
"""

import csv
import math
import sys
from collections import defaultdict
from datetime import datetime
from statistics import mean


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    volumes, ranges = defaultdict(list), defaultdict(list)
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            minute = datetime.fromisoformat(row["timestamp"]).minute
            if float(row["volume"]) > 0:
                volumes[minute].append(math.log(float(row["volume"])))
            ranges[minute].append(math.log(float(row["high"]) / float(row["low"])) * 1e4)
    print("minute  mean log volume  mean range, bps")
    for quarter in range(0, 60, 15):
        for minute in (quarter, quarter + 1, quarter + 2):
            print(f"   :{minute:02}  {mean(volumes[minute]):15.3f}  {mean(ranges[minute]):15.2f}")
    for side, shift in (("open", 0), ("close", 1)):
        busy = [quarter + shift for quarter in range(0, 60, 15)]
        print(f"if {side}: {mean(mean(volumes[m]) for m in busy):.3f} log volume, {mean(mean(ranges[m]) for m in busy):.2f} bps")
    print(f"all minutes: {mean(map(mean, volumes.values())):.3f} log volume, {mean(map(mean, ranges.values())):.2f} bps")


if __name__ == "__main__":
    main()
