//! The end of an actor.

use std::time::Duration;

use actix::prelude::*;

/// How often an ending actor is looked at.
const LOOK: Duration = Duration::from_millis(2);

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
