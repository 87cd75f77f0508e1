//! The pulse and the end of an actor.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use actix::prelude::*;

/// How often an ending actor is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// When the first actor of this program asked to be called.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Calls an actor every `period`, from the next whole period since the program's
/// beginning on. So the periods of all actors fall together where they can: to be
/// woken costs more than what is then done.
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

/// Ends an actor after it has said its goodbyes.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Close;

/// Tells an actor to end and waits until it has, for `patience` at most.
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
        tracing::warn!(actor = std::any::type_name::<A>(), "does not end");
    }
}
