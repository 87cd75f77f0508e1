//! The gateway: what is in the swarm, over HTTP, for ffmpeg, mpv, VLC and
//! browsers.
//!
//! * `GET|HEAD /stream/{id}[/{name}]`: the file, with all range forms. A read
//!   waits for bytes to arrive, and tells the scheduler where it is.
//! * `GET /door/{number}`: for decoders that wait, see [`deferred`].
//! * `GET /library.json`, `/status.json`, `/playlist.m3u8`: see [`pages`].
//!
//! [`stream`] serves files, [`pages`] the rest.

mod deferred;
mod pages;
mod stream;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use engine::media::FileEntry;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use self::deferred::DeferredResponse;
use self::deferred::DeferredResponses;
use crate::handles::ActorHandles;

/// How long open responses may go on when the program ends.
const SHUTDOWN_SECONDS: u64 = 1;

/// A running gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    doors: DeferredResponses,
    server: ServerHandle,
}

impl Gateway {
    /// Starts serving on `listen`. Needs a running actix system.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub fn start(listen: &str, sources: ActorHandles) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let sources = web::Data::new(sources);
        let doors = DeferredResponses::default();
        let behind = web::Data::new(doors.clone());
        let app = move || {
            App::new()
                .app_data(sources.clone())
                .app_data(behind.clone())
                .route("/stream/{id}", web::route().to(stream::serve))
                .route("/stream/{id}/{name}", web::route().to(stream::serve))
                .route("/sidecar/{id}", web::route().to(stream::serve_sidecar))
                .route("/door/{number}", web::get().to(deferred::wait))
                .route("/library.json", web::get().to(pages::library))
                .route("/status.json", web::get().to(pages::status))
                .route("/playlist.m3u8", web::get().to(pages::playlist))
                .route("/", web::get().to(pages::index))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .keep_alive(Duration::from_secs(30))
            // A player that hangs up must not keep a reader waiting.
            .h1_allow_half_closed(false)
            .listen(listener)?
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Self {
            address,
            doors,
            server: handle,
        })
    }

    /// Address of a file for players.
    pub fn url(&self, id: engine::ids::FileId) -> String {
        format!("http://{}/stream/{id}", self.address)
    }

    /// The same for people: other players show its name.
    pub fn named_url(&self, entry: &FileEntry) -> String {
        let name = utf8_percent_encode(&entry.name, NON_ALPHANUMERIC);
        format!("{}/{name}", self.url(entry.id))
    }

    /// Where a sidecar is read.
    pub fn sidecar_url(&self, id: engine::ids::FileId) -> String {
        format!("http://{}/sidecar/{id}", self.address)
    }

    /// A door, and where to wait.
    pub fn door(&self) -> (DeferredResponse, String) {
        let door = self.doors.build();
        let url = format!("http://{}/door/{}", self.address, door.number());
        (door, url)
    }

    /// Stops serving at once.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}
