//! A panic in an actor or worker thread is logged with its place and ends the
//! process.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use actix::prelude::*;
use swarmplay::runtime::{abort_on_panic, ask};

/// Longer than any machine needs to abort a process.
const FOREVER: Duration = Duration::from_secs(60);

struct Broken;

impl Actor for Broken {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Break;

impl Handler<Break> for Broken {
    type Result = ();

    fn handle(&mut self, _: Break, _: &mut Context<Self>) {
        panic!("broken actor");
    }
}

struct Silent;

impl Actor for Silent {
    type Context = Context<Self>;
}

impl Handler<Break> for Silent {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Break, _: &mut Context<Self>) -> Self::Result {
        Box::pin(std::future::pending())
    }
}

/// Runs one of the ignored tests below in a process of its own and expects it to
/// abort, naming this file and the message.
fn expect_abort(child: &str, message: &str) {
    let program = std::env::current_exe().expect("this test's own path");
    let output = Command::new(program)
        .args([child, "--exact", "--ignored", "--nocapture"])
        .output()
        .expect("the child runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
    assert!(stderr.contains(file!()), "{stderr}");
}

#[test]
#[ignore = "runs as a child process"]
fn child_with_broken_actor() {
    abort_on_panic();
    System::new().block_on(async {
        let actor = Broken.start();
        // The answer never comes: the process is gone.
        let _ = ask(&actor, Break).await;
        tokio::time::sleep(FOREVER).await;
    });
}

#[test]
#[ignore = "runs as a child process"]
fn child_with_broken_worker() {
    abort_on_panic();
    System::new().block_on(async {
        let work = tokio::task::spawn_blocking(|| panic!("broken worker"));
        // Tokio would hand the panic to whoever joins the task.
        let _ = work.await;
        tokio::time::sleep(FOREVER).await;
    });
}

#[test]
fn panic_in_an_actor_aborts_the_process() {
    expect_abort("child_with_broken_actor", "broken actor");
}

#[test]
fn panic_in_a_worker_thread_aborts_the_process() {
    expect_abort("child_with_broken_worker", "broken worker");
}

#[test]
fn ask_fails_after_its_time_limit() {
    System::new().block_on(async {
        let actor = Silent.start();
        tokio::time::pause();
        let answer = ask(&actor, Break).await;
        assert!(matches!(answer, Err(MailboxError::Timeout)), "{answer:?}");
    });
}
