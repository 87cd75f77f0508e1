//! Limits and commands of a user: daily upload quota, pinned files, downloads,
//! removed folders, and the list of a file's seeds.

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{client, eventually, fetch_whole, noise, open, run, tracker};
use engine::units::{ByteRate, TransferCap};
use swarmplay::app::Node;
use swarmplay::config::Config;
use swarmplay::library::{AddFolder, LibraryState, RemoveFolder};
use swarmplay::scheduler::Download;
use swarmplay::store::{CachedFiles, Pin, SetQuota};
use swarmplay::swarm::{SetLimits, SwarmState};
use swarmplay::tracker_client::FindSeeds;

async fn uploads(node: &Node) -> (u64, bool) {
    let state = node.sources.swarm.send(SwarmState).await.expect("swarm");
    (state.uploaded_today, state.used_up)
}

#[test]
fn daily_upload_quota_holds_across_a_restart() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("source"), "noise.wav", 16, 81);
    let terms = |config: &mut Config| {
        // Slow enough to stop in the middle of the transfer.
        config.limits.upload = ByteRate(Some(100_000));
        config.limits.upload_per_day = TransferCap(Some(200_000));
    };
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let source = client(&at("ds"), &server, "source", &[&at("source")], terms).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let fetching = {
            let (viewer, stream) = (&viewer, &stream);
            async move { fetch_whole(viewer, stream).await }
        };
        let used_up = eventually("an end of giving away", || async {
            let (today, used_up) = uploads(&source).await;
            used_up.then_some(today)
        });
        tokio::select! {
            today = used_up => assert!(today >= 200_000, "{today}"),
            _ = fetching => panic!("all of it was given away"),
        }
        let state = source.sources.swarm.send(SwarmState).await.expect("swarm");
        let taken: Vec<_> = state.peers.iter().map(|peer| peer.taking).collect();
        assert_eq!(taken, [Some(stream.entry.id)], "it is known what was taken");
        source.stop().await;
        let source = client(&at("ds"), &server, "source", &[&at("source")], terms).await;
        let (today, _) = uploads(&source).await;
        assert!(
            today >= 200_000,
            "what an earlier run gave away counts: {today}"
        );
        source.sources.swarm.do_send(SetLimits {
            upload: ByteRate::UNLIMITED,
            download: ByteRate::UNLIMITED,
            upload_per_day: Some(TransferCap::UNLIMITED),
        });
        assert_eq!(fetch_whole(&viewer, &stream).await, stream.entry.id);
        viewer.stop().await;
        source.stop().await;
        server.stop().await;
    });
}

#[test]
fn pinned_file_survives_eviction() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 4, 82);
    noise(&at("server"), "other.wav", 4, 86);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let file = stream.entry.id;
        let pin = |pinned| Pin { file, pinned };
        fetch_whole(&viewer, &stream).await;
        let other = open(&viewer, "other.wav", 1).await;
        fetch_whole(&viewer, &other).await;
        let pinned = viewer.sources.store.send(pin(true)).await.expect("store");
        assert_eq!(pinned, Ok(()));
        viewer.stop().await;

        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let store = &viewer.sources.store;
        // Room for one and a half files; the other one was played last.
        let room = stream.entry.size * 3 / 2;
        store.send(SetQuota(room)).await.expect("store");
        let cached = store.send(CachedFiles).await.expect("store");
        let whole = cached.iter().filter(|cached| cached.whole);
        let whole: Vec<_> = whole.map(|w| (w.entry.id, w.pinned)).collect();
        assert_eq!(whole, [(file, true)], "{cached:?}");
        let pinned = store.send(pin(false)).await.expect("store");
        assert_eq!(pinned, Ok(()));
        store.send(SetQuota(0)).await.expect("store");
        assert!(store.send(CachedFiles).await.expect("store").is_empty());
        let pinned = store.send(pin(true)).await.expect("store");
        assert!(pinned.is_err(), "nothing is left to pin");
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn find_seeds_names_seeds_without_dialling_them() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("source"), "noise.wav", 2, 83);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let attic = client(&at("da"), &server, "attic", &[&at("source")], |_| {}).await;
        let cellar = client(&at("dc"), &server, "cellar", &[&at("source")], |_| {}).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let announcer = &viewer.sources.announcer;
        let entry = eventually("both of them", || async {
            let find = swarmplay::tracker_client::FindEntry("noise.wav".into());
            let entry = announcer.send(find).await.expect("announcer")?;
            (entry.sources == 2).then_some(entry)
        })
        .await;
        for _ in 0..2 {
            let mut names = announcer
                .send(FindSeeds(entry.id))
                .await
                .expect("announcer");
            names.sort();
            assert_eq!(names, ["attic", "cellar"]);
        }
        let state = viewer.sources.swarm.send(SwarmState).await.expect("swarm");
        assert!(state.peers.is_empty(), "{:?}", state.peers);
        for node in [viewer, attic, cellar, server] {
            node.stop().await;
        }
    });
}

#[test]
fn download_completes_without_a_reader() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "wanted.wav", 4, 81);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let find = || swarmplay::tracker_client::FindEntry("wanted.wav".into());
        let file = eventually("the entry", || async {
            let found = viewer.sources.announcer.send(find()).await;
            found.expect("announcer").map(|entry| entry.id)
        })
        .await;
        let streams = &viewer.sources.streams;
        // Cancelled and requested again.
        for wanted in [true, false, true] {
            streams.do_send(Download { file, wanted });
        }
        eventually("all of it", || async {
            let cached = viewer.sources.store.send(CachedFiles).await;
            let mut cached = cached.expect("store").into_iter();
            cached.any(|cached| cached.whole).then_some(())
        })
        .await;
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn removed_folder_is_no_longer_read() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let (stuck, free) = (at("stuck"), at("free"));
    for (name, seed) in [("first.wav", 86), ("other.wav", 90), ("third.wav", 91)] {
        noise(&stuck, name, 1, seed);
    }
    noise(&free, "second.wav", 1, 87);
    // A stand-in for ffprobe that never returns for files of one folder.
    let script = at("ffprobe-that-waits");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *'{}'*) exec sleep 1000;; esac\nexec ffprobe \"$@\"\n",
        stuck.display()
    );
    std::fs::write(&script, text).expect("writes");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("may run");
    let patient = |config: &mut Config| config.player.ffprobe = script.clone();
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let source = client(&at("ds"), &server, "source", &[], patient).await;
        let library = &source.sources.library;
        let state = || async { library.send(LibraryState).await.expect("library") };
        let added = library.send(AddFolder(stuck.clone())).await;
        added.expect("library").expect("a folder");
        let hashing = eventually("a look at the first", || async { state().await.hashing }).await;
        assert!(hashing.path.starts_with(&stuck));
        let added = library.send(AddFolder(free.clone())).await;
        added.expect("library").expect("a folder");
        library
            .send(RemoveFolder(stuck.clone()))
            .await
            .expect("library");
        eventually("the second", || async {
            (state().await.shared.len() == 1).then_some(())
        })
        .await;
        let state = state().await;
        assert!(state.shared[0].path.starts_with(&free));
        assert!(state.skipped.is_empty(), "it was not waited for");
        source.stop().await;
        server.stop().await;
    });
}

#[test]
fn new_files_are_shared_while_sidecars_are_made() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("source"), "first.wav", 1, 84);
    // A stand-in for ffmpeg that waits for a go-ahead.
    let script = at("ffmpeg-that-waits");
    let gate = at("gate");
    let text = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do sleep 0.02; done\nexec ffmpeg \"$@\"\n",
        gate.display()
    );
    std::fs::write(&script, text).expect("writes");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("may run");
    let patient = |config: &mut Config| {
        config.library.sidecars = true;
        config.player.ffmpeg = script.clone();
    };
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let source = client(&at("ds"), &server, "source", &[&at("source")], patient).await;
        let library = || async {
            let state = source.sources.library.send(LibraryState).await;
            state.expect("library")
        };
        eventually("a job for the first", || async {
            library().await.making.map(drop)
        })
        .await;
        noise(&at("source"), "second.wav", 1, 85);
        eventually("the second", || async {
            (library().await.shared.len() == 2).then_some(())
        })
        .await;
        assert!(library().await.making.is_some(), "the job still runs");
        std::fs::write(&gate, "").expect("writes");
        eventually("all pictures", || async {
            let state = library().await;
            (state.making.is_none() && state.to_make == 0).then_some(())
        })
        .await;
        source.stop().await;
        server.stop().await;
    });
}
