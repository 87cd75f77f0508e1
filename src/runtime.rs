//! Actor runtime: timers, asks with a time limit, orderly shutdown, and the
//! end of the process after a panic.

use std::panic::PanicHookInfo;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::prelude::*;

/// Time limit of an ask. Handlers answer within milliseconds; an actor that
/// takes longer counts as failed.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Time limit of an ask that waits for a disk: a sleeping disk needs ten seconds
/// to spin up, and an export may copy a whole file.
const SLOW_ASK_LIMIT: Duration = Duration::from_secs(60);

/// Sends a message and waits at most 5 s for the answer. The request fails with
/// [`MailboxError::Timeout`] after that.
pub fn ask<A, M>(actor: &Addr<A>, message: M) -> Request<A, M>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    actor.send(message).timeout(ASK_LIMIT)
}

/// Like [`ask`] for work on a disk, with a limit of 60 s.
pub fn ask_slow<A, M>(actor: &Addr<A>, message: M) -> Request<A, M>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    actor.send(message).timeout(SLOW_ASK_LIMIT)
}

/// Makes every panic end the process: an actor or worker thread that is gone
/// would leave a program that runs but no longer works. The place is logged
/// first. State on disk survives: it is written as if the process could be
/// killed at any moment.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        report_panic(panic);
        std::process::abort();
    }));
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(thread, place, message, %backtrace, "panic; aborting");
    // The log may be filtered or not yet set up.
    eprintln!("swarmplay: internal error in thread {thread} at {place}: {message}");
}

/// Interval at which [`close`] checks whether an actor has stopped.
const LOOK: Duration = Duration::from_millis(2);

/// Origin of all timer periods.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Calls `work` every `period`. Periods count from one origin, so that timers of all
/// actors coincide where they can: a wake-up costs more than the work it starts.
pub fn every<A>(
    ctx: &mut Context<A>,
    period: Duration,
    mut work: impl FnMut(&mut A, &mut Context<A>) + 'static,
) where
    A: Actor<Context = Context<A>>,
{
    let into = BEGINNING.elapsed().as_nanos() % period.as_nanos();
    let first = period.saturating_sub(Duration::from_nanos(into as u64));
    ctx.run_later(first, move |actor, ctx| {
        work(actor, ctx);
        ctx.run_interval(period, work);
    });
}

/// Stops an actor after it has closed its links.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Close;

/// Stops an actor and waits until it has stopped, at most for `patience`.
pub async fn close<A>(actor: &Addr<A>, patience: Duration)
where
    A: Actor<Context = Context<A>> + Handler<Close>,
{
    actor.do_send(Close);
    let ended = async {
        while actor.connected() {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(patience, ended).await.is_err() {
        tracing::warn!(actor = std::any::type_name::<A>(), "actor does not stop");
    }
}
