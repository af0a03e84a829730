"""The demo's web application: a small shop window that works like a real one.

Its pages cost what pages cost: a little computing, a wait for a (simulated) database, a rendered
template. It knows nothing of FlaskScale; any WSGI server runs it:

    gunicorn --worker-class gthread --threads 5 app:app
"""

import hashlib
import io
import json
import os
import random
import time

from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    render_template,
    request,
    send_file,
)

DATABASE_SECONDS = (0.09, 0.14)  # one query takes between
HASH_ROUNDS = 3000  # about 2 ms of computing a page
MAX_SLOW_SECONDS = 60.0
MAX_EVENTS = 10_000
MAX_DOWNLOAD_BYTES = 256 << 20
MAX_CHUNKS = 100_000
MAX_CHUNK_BYTES = 1 << 20
READ_SIZE = 1 << 16

PRODUCTS = ("Kettle", "Lantern", "Compass", "Notebook", "Blanket", "Whistle", "Teapot", "Rope")

app = Flask(__name__)


def number_argument(name, default, lowest, highest, convert=int):
    """A number from the query string; 400 when it is none or out of its range."""
    try:
        value = convert(request.args.get(name, default))
    except ValueError:
        abort(400, f"{name} is not a number")
    if not lowest <= value <= highest:  # also refuses NaN
        abort(400, f"{name} must be between {lowest} and {highest}")
    return value


def query_database():
    """Stands for a query: the thread waits, the processor is free."""
    time.sleep(random.uniform(*DATABASE_SECONDS))
    return [(name, random.randint(5, 90), random.randint(0, 40)) for name in PRODUCTS]


@app.after_request
def name_the_process(response):
    """Lets a reader of the answer see which instance gave it."""
    response.headers["X-Served-By"] = str(os.getpid())
    return response


@app.get("/")
def index():
    """The page that the load wave asks for."""
    rows = query_database()
    seal = hashlib.pbkdf2_hmac("sha256", json.dumps(rows).encode(), b"shop", HASH_ROUNDS).hex()
    return render_template("index.html", rows=rows, seal=seal[:12], process=os.getpid())


@app.get("/slow")
def slow():
    """Holds its slot for ?seconds= and then answers."""
    seconds = number_argument("seconds", "1", 0.0, MAX_SLOW_SECONDS, float)
    time.sleep(seconds)
    return jsonify(slept=seconds)


@app.post("/upload")
def upload():
    """Reads a body of any size without keeping it."""
    digest = hashlib.sha256()
    size = 0
    while block := request.stream.read(READ_SIZE):
        digest.update(block)
        size += len(block)
    return jsonify(size=size, sha256=digest.hexdigest(),
                   content_type=request.headers.get("Content-Type", ""))


@app.get("/download")
def download():
    """?bytes= of the byte values 0 to 255 over and over; ranges are honoured."""
    size = number_argument("bytes", "1048576", 0, MAX_DOWNLOAD_BYTES)
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    return send_file(io.BytesIO(content), mimetype="application/octet-stream", conditional=True,
                     etag=f"bytes-{size}", download_name="download.bin")


@app.get("/stream")
def stream():
    """A body whose length nobody knows at its start: ?chunks= pieces of ?size= bytes."""
    chunks = number_argument("chunks", "10", 0, MAX_CHUNKS)
    size = number_argument("size", "1000", 1, MAX_CHUNK_BYTES)
    pause = number_argument("pause", "0", 0.0, 10.0, float)

    def body():
        for number in range(chunks):
            if number and pause:
                time.sleep(pause)
            yield bytes([ord("a") + number % 26]) * size

    return Response(body(), mimetype="text/plain")


@app.get("/events")
def events():
    """A stream of server-sent events: ?count= of them, ?interval= seconds apart."""
    count = number_argument("count", "60", 1, MAX_EVENTS)
    interval = number_argument("interval", "1", 0.0, 60.0, float)

    def body():
        for number in range(count):
            if number:
                time.sleep(interval)
            event = {"number": number, "time": time.time(), "process": os.getpid()}
            yield f"id: {number}\ndata: {json.dumps(event)}\n\n"

    return Response(body(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@app.route("/headers", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def headers():
    """What of the request has arrived here."""
    return jsonify(method=request.method, path=request.path, url=request.url,
                   query=request.query_string.decode("latin-1"),
                   remote=request.remote_addr, protocol=request.environ["SERVER_PROTOCOL"],
                   headers=list(request.headers.items()))


@app.get("/cookie")
def cookie():
    """Counts the visits of one browser, and sets two cookies."""
    try:
        visits = int(request.cookies.get("visits", "0")) + 1
    except ValueError:
        visits = 1
    response = make_response(jsonify(visits=visits))
    response.set_cookie("visits", str(visits), httponly=True, samesite="Lax")
    response.set_cookie("last_seen", str(int(time.time())), samesite="Lax")
    return response


@app.get("/healthz")
def healthz():
    """Answers at once: FlaskScale asks it before it sends anything here."""
    return Response("ok\n", mimetype="text/plain")
