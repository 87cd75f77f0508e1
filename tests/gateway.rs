//! The HTTP interface as players use it.

mod common;

use common::{client, eventually, noise, open, run, tracker};
use engine::ids::FileId;
use engine::media::SidecarRole;
use engine::units::ByteSize;
use swarmplay::handles::ActorHandles;
use swarmplay::scheduler::read_sidecar;
use swarmplay::store::StoreState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends one HTTP request and returns head and body.
async fn ask(address: std::net::SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut socket = tokio::net::TcpStream::connect(address)
        .await
        .expect("connects");
    let text = format!("{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(text.as_bytes()).await.expect("asks");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("reads");
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let body = answer.split_off(end + 4);
    (String::from_utf8_lossy(&answer).to_lowercase(), body)
}

#[test]
fn range_requests_stream_a_remote_file() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let path = noise(&at("server"), "noise.wav", 20, 21);
    let bytes = std::fs::read(path).expect("file");
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let id = open(&viewer, "noise.wav", 1).await.entry.id;
        let http = viewer.gateway.clone().expect("gateway").address;
        let get = |range: &str| format!("GET /stream/{id} HTTP/1.1\r\nRange: {range}");

        let (head, body) = ask(http, &get("bytes=100000-100099")).await;
        assert!(head.contains("206 partial content"), "{head}");
        assert!(
            head.contains(&format!("bytes 100000-100099/{}", bytes.len())),
            "{head}"
        );
        assert_eq!(body, bytes[100_000..100_100]);

        let (_, body) = ask(http, &get("bytes=-1000")).await;
        assert_eq!(body, bytes[bytes.len() - 1000..]);

        let (head, body) = ask(http, &format!("GET /stream/{id}/any.wav HTTP/1.1")).await;
        assert!(
            head.contains("200 ok") && head.contains("accept-ranges: bytes"),
            "{head}"
        );
        assert!(head.contains(&format!("etag: \"{id}\"")), "{head}");
        assert!(body == bytes, "the whole file");

        let (head, body) = ask(http, &format!("HEAD /stream/{id} HTTP/1.1")).await;
        assert!(
            head.contains(&format!("content-length: {}", bytes.len())),
            "{head}"
        );
        assert!(body.is_empty());

        let (head, _) = ask(http, &get(&format!("bytes={}-", bytes.len()))).await;
        assert!(head.contains("416"), "{head}");
        assert!(head.contains(&format!("bytes */{}", bytes.len())), "{head}");

        let (head, _) = ask(http, "GET /stream/abc HTTP/1.1").await;
        assert!(head.contains("404"), "{head}");
        let (head, _) = ask(http, &format!("GET /stream/{} HTTP/1.1", "0".repeat(64))).await;
        assert!(head.contains("404"), "{head}");

        let (_, body) = ask(http, "GET /library.json HTTP/1.1").await;
        let library: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(library[0]["name"], "noise.wav");
        assert_eq!(library[0]["kind"], "audio");
        let (_, body) = ask(http, "GET /status.json HTTP/1.1").await;
        let status: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status["tracker"]["online"], true);
        let (_, body) = ask(http, "GET /playlist.m3u8 HTTP/1.1").await;
        assert!(String::from_utf8_lossy(&body).contains(&format!("/stream/{id}")));
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn file_larger_than_the_quota_plays_within_it() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let path = noise(&at("server"), "noise.wav", 180, 22);
    let bytes = std::fs::read(path).expect("file");
    let quota = 16 << 20;
    assert!(bytes.len() > 2 * quota, "the file must not fit");
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |config| {
            config.store.quota = ByteSize(quota as u64);
        })
        .await;
        let id = open(&viewer, "noise.wav", 1).await.entry.id;
        let http = viewer.gateway.clone().expect("gateway").address;
        let (_, body) = ask(http, &format!("GET /stream/{id} HTTP/1.1")).await;
        assert!(body == bytes, "every byte, in order");
        let state = viewer.sources.store.send(StoreState).await.expect("store");
        assert!(state.used <= state.quota, "{state:?}");
        let data = at("dv").join("cache").join(id.to_string()).join("data");
        let blocks = std::os::unix::fs::MetadataExt::blocks(&data.metadata().expect("data"));
        assert!(
            blocks * 512 <= quota as u64 + (1 << 20),
            "space was given back"
        );
        viewer.stop().await;
        server.stop().await;
    });
}

/// Decodes a stream to its end with ffmpeg and returns its warnings.
async fn decode(url: String, from: &'static str) -> String {
    let decoded = actix_rt::task::spawn_blocking(move || {
        std::process::Command::new("ffmpeg")
            .args([
                "-nostdin", "-v", "error", "-xerror", "-ss", from, "-i", &url,
            ])
            .args(["-f", "null", "-"])
            .output()
    });
    let output = decoded.await.expect("runs").expect("ffmpeg");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => complaint,
        false => format!("failed: {complaint}"),
    }
}

#[test]
fn ffmpeg_decodes_every_sample_from_start_and_middle() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let media = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    run(async {
        let server = tracker(&at("dt"), &[&media]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "Night Train North.mp4", 1).await;
        let state = swarmplay::tracker_client::CatalogueState;
        let catalogue = viewer
            .sources
            .announcer
            .send(state)
            .await
            .expect("announcer");
        assert_eq!(catalogue.entries.len(), 8);
        for entry in catalogue.entries {
            let url = viewer.gateway.as_ref().expect("gateway").url(entry.id);
            // The middle first, while the chunks before it are missing.
            assert_eq!(decode(url.clone(), "12").await, "", "{}", entry.name);
            assert_eq!(decode(url, "0").await, "", "{}", entry.name);
        }
        viewer.stop().await;
        server.stop().await;
    });
}

/// Expects the film under its named address, and only the sidecar `id`, with content
/// `body`, where sidecars are read.
async fn expect_separate_routes(viewer: &swarmplay::app::Node, id: FileId, body: &[u8]) {
    let gateway = viewer.gateway.as_ref().expect("gateway");
    let http = gateway.address;
    let ActorHandles {
        announcer,
        streams,
        store,
        ..
    } = viewer.sources.clone();
    let find = swarmplay::tracker_client::FindEntry("Harbour.mp4".into());
    let entry = announcer.send(find).await.expect("announcer");
    let entry = entry.expect("listed");
    let address = gateway.named_url(&entry);
    assert!(address.ends_with("/Harbour%2Emp4"), "{address}");
    let path = address.split_once(&http.to_string()).expect("address").1;
    let (head, _) = ask(http, &format!("HEAD {path} HTTP/1.1")).await;
    assert!(head.contains("200 ok"), "{head}");
    let film = entry.id;
    let (head, _) = ask(http, &format!("GET /sidecar/{film} HTTP/1.1")).await;
    assert!(head.contains("404"), "a film is no sidecar: {head}");
    let refused = read_sidecar(&announcer, &streams, store.clone(), film).await;
    assert!(refused.is_err(), "a film must not be read into memory");
    let read = read_sidecar(&announcer, &streams, store, id).await;
    assert_eq!(read.expect("a sidecar"), body);
}

#[test]
fn sidecars_are_served_by_their_own_id() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let media = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    let folder = at("server");
    std::fs::create_dir_all(&folder).expect("folder");
    let film = folder.join("Harbour.mp4");
    std::fs::copy(media.join("Harbour at Dawn.mp4"), &film).expect("copied");
    run(async {
        let server = tracker(&at("dt"), &[&folder]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let http = viewer.gateway.clone().expect("gateway").address;
        let named = |role: SidecarRole, there: bool| {
            let announcer = viewer.sources.announcer.clone();
            async move {
                let find = swarmplay::tracker_client::FindEntry("Harbour.mp4".into());
                let entry = announcer.send(find).await.expect("announcer")?;
                let sidecar = entry.info.sidecar(role).cloned();
                (sidecar.is_some() == there).then_some(sidecar)
            }
        };
        let poster = eventually("a poster", || named(SidecarRole::Poster, true)).await;
        let id = poster.expect("it is there").id;
        let (head, body) = ask(http, &format!("GET /stream/{id} HTTP/1.1")).await;
        assert!(
            head.contains("200 ok") && head.contains("image/jpeg"),
            "{head}"
        );
        assert!(body.starts_with(&[0xff, 0xd8]), "a JPEG");
        let (head, picture) = ask(http, &format!("GET /sidecar/{id} HTTP/1.1")).await;
        assert!(
            head.contains("200 ok") && head.contains("image/jpeg"),
            "{head}"
        );
        assert!(picture == body, "the same picture");
        let (_, status) = ask(http, "GET /status.json HTTP/1.1").await;
        let status = String::from_utf8(status).expect("text");
        assert!(
            status.contains("streams") && !status.contains(&id.to_string()),
            "{status}"
        );
        expect_separate_routes(&viewer, id, &body).await;
        let (_, listed) = ask(http, "GET /playlist.m3u8 HTTP/1.1").await;
        assert!(!String::from_utf8_lossy(&listed).contains("poster"));

        let subtitles = folder.join("Harbour.en.srt");
        std::fs::write(&subtitles, "1\n00:00:01,000 --> 00:00:02,000\nFog\n").expect("written");
        let text = eventually("subtitles", || named(SidecarRole::Subtitles, true)).await;
        let text = text.expect("it is there");
        assert_eq!(text.language, "en");
        let (_, body) = ask(http, &format!("GET /stream/{} HTTP/1.1", text.id)).await;
        assert!(String::from_utf8_lossy(&body).contains("Fog"));

        std::fs::remove_file(&subtitles).expect("removed");
        eventually("no subtitles", || named(SidecarRole::Subtitles, false)).await;
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn sidecars_are_made_once_and_their_streams_close() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let media = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    let folder = at("server");
    std::fs::create_dir_all(&folder).expect("folder");
    let song = "Estuary - 02 Slow Orbit.flac";
    std::fs::copy(media.join(song), folder.join(song)).expect("copied");
    run(async {
        let waveform = |node: &swarmplay::app::Node| {
            let announcer = node.sources.announcer.clone();
            async move {
                let find = swarmplay::tracker_client::FindEntry(song.into());
                let entry = announcer.send(find).await.expect("announcer")?;
                let sidecar = entry.info.sidecar(SidecarRole::Waveform).cloned();
                sidecar.map(|sidecar| (sidecar.id, entry.info.gain_cdb))
            }
        };
        let server = tracker(&at("dt"), &[&folder]).await;
        let before = eventually("a waveform", || waveform(&server)).await;
        assert!(before.1.is_some(), "its loudness was measured");
        let made = std::fs::metadata(at("dt").join("sidecars").join(before.0.to_string()));
        let made = made.expect("it is kept").modified().expect("a time");
        server.stop().await;

        let server = tracker(&at("dt"), &[&folder]).await;
        let after = eventually("the same again", || waveform(&server)).await;
        assert_eq!(after, before);
        let again = std::fs::metadata(at("dt").join("sidecars").join(before.0.to_string()));
        assert_eq!(again.expect("kept").modified().expect("a time"), made);

        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        eventually("the entry", || waveform(&viewer)).await;
        let ActorHandles {
            announcer,
            streams,
            store,
            ..
        } = viewer.sources.clone();
        let read = read_sidecar(&announcer, &streams, store, before.0).await;
        assert_eq!(read.expect("it is fetched").len(), 600);
        eventually("no stream open", || async {
            let open = streams.send(swarmplay::scheduler::StreamsState).await;
            open.expect("streams").is_empty().then_some(())
        })
        .await;
        viewer.stop().await;
        server.stop().await;
    });
}
