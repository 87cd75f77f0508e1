//! HTTP gateway: serves the files of the swarm to ffmpeg, mpv, VLC and browsers.
//!
//! * [`stream`]: `GET|HEAD /stream/{id}[/{name}]` and `/sidecar/{id}`: a file, with byte
//!   ranges. A read waits for missing chunks, and its position drives the scheduler.
//! * [`deferred`]: `GET /deferred/{number}`: responses that standby decoders wait for.
//! * [`listing`]: `GET /library.json`, `/playlist.m3u8`.
//! * [`status`]: `GET /status.json`.

mod deferred;
mod listing;
mod status;
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

/// Time that open responses get at shutdown.
const SHUTDOWN_SECONDS: u64 = 1;

/// Running gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Address that it listens on.
    pub address: SocketAddr,
    deferred: DeferredResponses,
    server: ServerHandle,
}

impl Gateway {
    /// Starts serving on `listen`. Needs a running actix system.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn start(listen: &str, sources: ActorHandles) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let sources = web::Data::new(sources);
        let deferred = DeferredResponses::default();
        let waiting = web::Data::new(deferred.clone());
        let app = move || {
            App::new()
                .app_data(sources.clone())
                .app_data(waiting.clone())
                .route("/stream/{id}", web::route().to(stream::serve))
                .route("/stream/{id}/{name}", web::route().to(stream::serve))
                .route("/sidecar/{id}", web::route().to(stream::serve_sidecar))
                .route("/deferred/{number}", web::get().to(deferred::wait))
                .route("/library.json", web::get().to(listing::library))
                .route("/status.json", web::get().to(status::status))
                .route("/playlist.m3u8", web::get().to(listing::playlist))
                .route("/", web::get().to(listing::index))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .keep_alive(Duration::from_secs(30))
            // A reader must end as soon as its player closes the connection.
            .h1_allow_half_closed(false)
            .listen(listener)?
            .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Self {
            address,
            deferred,
            server: handle,
        })
    }

    /// URL of a file.
    pub fn url(&self, id: engine::ids::FileId) -> String {
        format!("http://{}/stream/{id}", self.address)
    }

    /// URL of a file that ends in its name, which other players show.
    pub fn named_url(&self, entry: &FileEntry) -> String {
        let name = utf8_percent_encode(&entry.name, NON_ALPHANUMERIC);
        format!("{}/{name}", self.url(entry.id))
    }

    /// URL of a sidecar.
    pub fn sidecar_url(&self, id: engine::ids::FileId) -> String {
        format!("http://{}/sidecar/{id}", self.address)
    }

    /// Deferred response and its URL.
    pub fn deferred(&self) -> (DeferredResponse, String) {
        let response = self.deferred.build();
        let url = format!("http://{}/deferred/{}", self.address, response.number());
        (response, url)
    }

    /// Stops serving at once.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}
