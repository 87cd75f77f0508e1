"""One host of the libtorrent side: a session, and HTTP for the viewer.

    libtorrent_host.py create FILE TORRENT
    libtorrent_host.py run SPECIFICATION     (JSON; see engine_libtorrent.py)

HTTP: /stream/NAME streams the film in order by piece deadlines; /whole/NAME answers
when the whole film has arrived, fetched rarest first; /status.json has counters.
The first request joins the torrent, which is when play is pressed.
"""

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import libtorrent as lt

# Seconds of media after the read position that have deadlines. Beyond them libtorrent
# picks the rarest piece, so that viewers have pieces to trade. Of 0, 0.5, 1, 3, 5, 10
# and 30 s this did best in the flash crowd: with more, all viewers request the same
# pieces from the source and exchange none; with less, start-up and the worst stall
# take longer.
WINDOW = 1.0

# Switches off everything that could slow libtorrent down: it connects over plain TCP
# to the given addresses at once, without limits.
SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_ip_notifier": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "mixed_mode_algorithm": 0,  # prefer TCP
    "in_enc_policy": 2,  # no encryption
    "out_enc_policy": 2,
    "allow_multiple_connections_per_ip": True,
    "connection_speed": 500,
    "torrent_connect_boost": 255,
    "smooth_connects": False,
    "min_reconnect_time": 1,
    "max_failcount": 1000,
    "peer_connect_timeout": 3,
    "unchoke_slots_limit": -1,  # unlimited
    "close_redundant_connections": False,
    "max_out_request_queue": 2000,
    "max_allowed_in_request_queue": 4000,
    "tick_interval": 100,  # deadlines are checked ten times a second
    "request_timeout": 10,  # requests to a silent peer are reassigned sooner
    "piece_timeout": 10,
    "hashing_threads": 2,
    "alert_queue_size": 100_000,
}


class Film:
    """A torrent, and the condition its readers wait on."""

    def __init__(self, session: lt.session, spec: dict, port: int) -> None:
        self.spec = spec
        self.port = port
        self.changed = threading.Condition()
        self.read: dict[int, bytes] = {}
        self.joined = spec["shared"]
        params = lt.load_torrent_file(spec["torrent"])
        self.info = params.ti
        self.piece = self.info.piece_length()
        self.size = self.info.total_size()
        params.save_path = spec["folder"]
        params.flags &= ~lt.torrent_flags.auto_managed
        if not self.joined:
            params.flags |= lt.torrent_flags.paused
        else:
            params.flags &= ~lt.torrent_flags.paused
        self.handle = session.add_torrent(params)

    def join(self) -> None:
        """Starts downloading, with the addresses of all peers."""
        with self.changed:
            if self.joined:
                return
            self.joined = True
        self.handle.resume()
        for peer in self.spec["peers"]:
            self.handle.connect_peer((peer, self.port))

    def set_deadlines(self, position: int) -> None:
        """Sets the deadlines of the pieces after a read position."""
        first = position // self.piece
        count = int(WINDOW * self.spec["rate"] / self.piece) + 1
        for piece in range(first, min(first + count, self.info.num_pieces())):
            if not self.handle.have_piece(piece):
                due = (piece - first) * self.piece / self.spec["rate"]
                self.handle.set_piece_deadline(piece, int(due * 1000))

    def bytes_at(self, position: int) -> bytes:
        """Waits for the piece at a position; returns its bytes from there on."""
        piece = position // self.piece
        with self.changed:
            while not self.handle.have_piece(piece):
                self.changed.wait(0.5)
            self.read.pop(piece, None)
            self.handle.read_piece(piece)
            while piece not in self.read:
                self.changed.wait(0.5)
            return self.read.pop(piece)[position % self.piece:]

    def figures(self) -> dict:
        """libtorrent's counters."""
        status = self.handle.status()
        return {
            "films": {self.spec["name"]: [status.num_pieces, self.info.num_pieces()]},
            "sent": status.total_payload_upload,
            "received": status.total_payload_download,
            "duplicates": status.total_redundant_bytes + status.total_failed_bytes,
            "piece": self.piece,
            "peers": status.num_peers,
        }


class Host:
    """The session and its films."""

    def __init__(self, spec: dict) -> None:
        listen = {"listen_interfaces": f"{spec['address']}:{spec['port']}"}
        mask = lt.alert.category_t
        alerts = {"alert_mask": mask.piece_progress_notification | mask.status_notification
                  | mask.storage_notification | mask.error_notification}
        self.session = lt.session(SETTINGS | listen | alerts)
        self.films = {film["name"]: Film(self.session, film, spec["port"])
                      for film in spec["films"]}
        self.by_hash = {film.info.info_hash(): film for film in self.films.values()}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        """Passes libtorrent's alerts on to the waiting readers."""
        while True:
            self.session.wait_for_alert(1000)
            for alert in self.session.pop_alerts():
                if isinstance(alert, lt.torrent_alert) and alert.handle.is_valid():
                    self.handle_alert(alert)

    def handle_alert(self, alert: lt.torrent_alert) -> None:
        """Handles one alert about a film."""
        film = self.by_hash[alert.handle.info_hash()]
        with film.changed:
            if isinstance(alert, lt.read_piece_alert) and alert.buffer is not None:
                film.read[alert.piece] = alert.buffer
            film.changed.notify_all()

    def wait_until_seeding(self) -> None:
        """Waits until the shared files are checked."""
        for film in self.films.values():
            while film.spec["shared"] and not film.handle.status().is_seeding:
                time.sleep(0.02)

    def figures(self) -> dict:
        """Counters of all films together."""
        parts = [film.figures() for film in self.films.values()]
        total = {key: sum(part[key] for part in parts)
                 for key in ("sent", "received", "duplicates")}
        films = {name: have for part in parts for name, have in part["films"].items()}
        return total | {"films": films, "parts": parts}


class Handler(BaseHTTPRequestHandler):
    """The viewer's requests."""

    host: Host
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Logs nothing, to save time."""

    def setup(self) -> None:
        """Limits the send buffer."""
        # Buffered bytes would count as read by the player.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        super().setup()

    def begin(self, status: int, length: int, extra: dict[str, str]) -> None:
        """Sends the head of a response."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        """Answers a request."""
        kind, _, name = self.path.lstrip("/").partition("/")
        film = self.host.films.get(name)
        if kind == "status.json":
            body = json.dumps(self.host.figures()).encode()
            self.begin(200, len(body), {})
            self.wfile.write(body)
        elif film is None:
            self.begin(404, 0, {})
        elif kind == "whole":
            self.whole(film)
        else:
            self.stream(film)

    def whole(self, film: Film) -> None:
        """Downloads the whole film, then answers."""
        film.join()
        with film.changed:
            while not film.handle.status().is_seeding:
                film.changed.wait(0.1)
        self.begin(200, 5, {})
        self.wfile.write(b"done\n")

    def stream(self, film: Film) -> None:
        """Streams the film from the requested offset."""
        film.join()
        first = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        span = f"bytes {first}-{film.size - 1}/{film.size}"
        film.handle.clear_piece_deadlines()
        self.begin(206 if first else 200, film.size - first, {"Content-Range": span})
        position = first
        try:
            while position < film.size:
                film.set_deadlines(position)
                data = film.bytes_at(position)
                self.wfile.write(data)
                position += len(data)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """An HTTP server with one daemon thread per connection."""

    daemon_threads = True


def create(file: Path, torrent: Path) -> None:
    """Creates a torrent with libtorrent's choice of piece length.

    A hybrid torrent would hash everything twice, so this is version 1 only.
    """
    maker = lt.create_torrent(lt.list_files(str(file)), 0, lt.create_torrent.v1_only)
    lt.set_piece_hashes(maker, str(file.parent))
    torrent.write_bytes(lt.bencode(maker.generate()))


def run(spec: dict) -> None:
    """Serves until killed."""
    host = Host(spec)
    host.wait_until_seeding()
    Handler.host = host
    server = Server(("127.0.0.1", spec["http"]), Handler)
    print(json.dumps({"ready": True}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        run(json.loads(sys.argv[2]))
