"""A program that answers as it should, but for one fault: pipe.py FAULT. Standard library only.

The fault shows at every case whose id ends with "!", and the rest is answered rightly: l1 of two float64 numbers."""

import base64
import json
import os
import signal
import struct
import subprocess
import sys
import time

fault = sys.argv[1]


def numbers(tensor):
    data = base64.b64decode(tensor["data"])
    return struct.unpack(f"<{len(data) // 8}d", data)


def packed(values, shape, dtype="float64", form="d"):
    data = base64.b64encode(struct.pack(f"<{len(values)}{form}", *values)).decode()
    return {"dtype": dtype, "shape": shape, "data": data}


def right_answer(case):
    pairs = list(zip(numbers(case["inputs"]["input"]), numbers(case["inputs"]["target"])))
    slope = [(a > b) - (a < b) for a, b in pairs]
    return {
        "id": case["id"],
        "status": "ok",
        "loss": packed([sum(abs(a - b) for a, b in pairs)], []),
        "grad": {"input": packed(slope, [len(slope)]), "target": packed([-s for s in slope], [len(slope)])},
    }


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def wrong_answer(case):
    """The text of a wrong answer, for the faults that are nothing more."""
    answer = right_answer(case)
    if fault == "garbage":
        return "Segmentation fault \x1b[31m(just kidding)\n"
    if fault == "wrong-id":
        answer["id"] = "another"
    elif fault == "unknown-key":
        answer["gard"] = {}
    elif fault == "bare-nan":
        return json.dumps({**answer, "loss": float("nan")}) + "\n"
    elif fault == "wrong-shape":
        answer["loss"] = packed([1.0, 2.0], [2])
    elif fault == "wrong-dtype":
        answer["loss"] = packed([1.0], [], "float32", "f")
    elif fault == "missing-gradient":
        del answer["grad"]["target"]
    elif fault == "binary":
        sys.stdout.buffer.write(b"\x00\xff\xfe" * 10 + b"\n")
        return ""
    elif fault == "short-data":
        answer["loss"]["shape"] = [2]
    elif fault == "deep":
        return "[" * 100000 + "\n"
    elif fault == "twice":
        return 2 * (json.dumps(answer) + "\n")
    elif fault == "says-crashed":
        answer = {"id": case["id"], "status": "crashed", "message": "ZeroDivisionError: division by zero"}
    return json.dumps(answer) + "\n"


def misbehave(case):
    """Faults that are more than a wrong text; false when there is an answer to be given all the same."""
    if fault == "no-newline":
        say(json.dumps(right_answer(case)))
        time.sleep(100)
    elif fault == "endless-line":
        block = "x" * (1 << 20)
        while True:
            say(block)
    elif fault == "closes-stdout":
        os.close(1)
        time.sleep(100)
    elif fault == "exits":
        print("I have had enough", file=sys.stderr)
        sys.stdout.flush()
        os._exit(3)
    elif fault == "half-an-answer":
        say(json.dumps(right_answer(case))[:30])
        os._exit(0)
    elif fault == "kills-itself":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(100)
    elif fault == "hangs":
        time.sleep(100)
    elif fault == "forks":  # the child holds standard output open
        subprocess.Popen(["sleep", "100"])
        os._exit(4)
    elif fault == "leaves-its-group":  # for that of whoever asks
        os.setpgid(0, os.getpgid(os.getppid()))
        time.sleep(100)
    elif fault in ("memory", "memory-outside-its-group"):
        if fault == "memory-outside-its-group":
            os.setpgid(0, os.getpgid(os.getppid()))
        hog = []
        while True:
            hog.append(bytearray(os.urandom(1 << 16) * 64))
    elif fault == "deaf":
        os.close(0)
        time.sleep(100)
    else:
        return False
    return True


def shake_hands():
    sys.stdin.readline()
    if fault == "banner":
        say("Welcome to numerics 3.1!\n")
    if fault == "refuses":
        print("no licence found", file=sys.stderr)
        sys.exit(7)
    if fault == "mute":
        time.sleep(100)
    if fault == "old-protocol":
        say('{"lossproof": {"protocol": 0}}\n')
    if fault == "boastful":
        say('{"lossproof": {"protocol": 1}, "manifest": {"dtypes": ["float128"]}}\n')
    say('{"lossproof": {"protocol": 1}, "name": "hostile", "version": "1", "manifest": {"losses": ["l1"]}}\n')
    if fault == "exits-after-handshake":
        sys.exit(0)
    if fault == "answers-before-asked":
        say('{"id": "1", "status": "ok", "loss": 0}\n')


shake_hands()
held = []
for line in sys.stdin:
    case = json.loads(line)
    if case["id"].endswith("!") and misbehave(case):
        continue
    text = wrong_answer(case) if case["id"].endswith("!") else json.dumps(right_answer(case)) + "\n"
    if fault == "buffers":  # dies with earlier answers still in hand
        held.append(text)
        if case["id"].endswith("!"):
            os._exit(5)
        if len(held) < 3 and not case["id"].endswith("."):
            continue
        text, held = "".join(held), []
    say(text)
