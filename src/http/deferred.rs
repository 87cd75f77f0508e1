//! DeferredResponses: addresses that answer once it is decided what is behind them. A decoder can
//! so be started, and wait, before it is known from where it is to read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use tokio::sync::oneshot;

/// All doors that nobody has knocked at, by number.
#[derive(Debug, Clone, Default)]
pub struct DeferredResponses(Arc<Mutex<HashMap<u64, oneshot::Receiver<String>>>>);

/// A door that is closed. When it is dropped whoever waits before it is sent away.
#[derive(Debug)]
pub struct DeferredResponse {
    number: u64,
    /// Taken when it is opened.
    answer: Option<oneshot::Sender<String>>,
    doors: DeferredResponses,
}

impl DeferredResponse {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whoever knocks, or waits already, is answered.
    pub fn open(mut self, answer: String) {
        // Whoever waited may have gone, which is their affair.
        let _ = self.answer.take().map(|waiting| waiting.send(answer));
    }
}

impl Drop for DeferredResponse {
    fn drop(&mut self) {
        if self.answer.take().is_some() {
            self.doors.wait(self.number);
        }
    }
}

impl DeferredResponses {
    /// A new door. It is known until somebody knocks, or it is dropped closed.
    pub fn build(&self) -> DeferredResponse {
        let (answer, answered) = oneshot::channel();
        let number = rand::random();
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doors.insert(number, answered);
        DeferredResponse {
            number,
            answer: Some(answer),
            doors: self.clone(),
        }
    }

    fn wait(&self, number: u64) -> Option<oneshot::Receiver<String>> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doors.remove(&number)
    }
}

/// `GET /door/{number}`: waits for the answer; not found if there is none.
pub async fn wait(doors: web::Data<DeferredResponses>, number: web::Path<u64>) -> HttpResponse {
    let answer = match doors.wait(*number) {
        Some(answered) => answered.await.ok(),
        None => None,
    };
    match answer {
        Some(answer) => HttpResponse::Ok().content_type("text/plain").body(answer),
        None => HttpResponse::NotFound().finish(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn visit(doors: &DeferredResponses, number: u64) -> (u16, Vec<u8>) {
        let response = wait(web::Data::new(doors.clone()), number.into()).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.expect("a body");
        (status, body.to_vec())
    }

    #[actix_rt::test]
    async fn a_visitor_waits_until_the_door_opens_and_is_sent_away_if_it_never_will() {
        let doors = DeferredResponses::default();
        let (first, second) = (doors.build(), doors.build());
        let number = first.number();
        let (answer, ()) = futures_util::join!(visit(&doors, number), async {
            first.open("come in".into());
        });
        assert_eq!(answer, (200, b"come in".to_vec()));
        assert_eq!(visit(&doors, number).await.0, 404, "one visitor a door");
        let number = second.number();
        let (answer, ()) = futures_util::join!(visit(&doors, number), async { drop(second) });
        assert_eq!(answer.0, 404);
        assert_eq!(visit(&doors, 5).await.0, 404, "no such door");
        // One that was opened waits for its visitor, whatever else is built.
        let third = doors.build();
        let number = third.number();
        third.open("late".into());
        drop(doors.build());
        assert_eq!(visit(&doors, number).await, (200, b"late".to_vec()));
    }

    #[test]
    fn doors_that_were_dropped_are_forgotten() {
        let doors = DeferredResponses::default();
        (0..10).for_each(|_| drop(doors.build()));
        let kept = doors.build();
        assert_eq!(doors.0.lock().expect("not poisoned").len(), 1);
        drop(kept);
    }
}
