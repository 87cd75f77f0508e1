//! Deferred responses: URLs whose content is decided after the request. A standby decoder
//! starts and waits on such a URL before its input is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use tokio::sync::oneshot;

/// Deferred responses that were not requested yet, by number.
#[derive(Debug, Clone, Default)]
pub struct DeferredResponses(Arc<Mutex<HashMap<u64, oneshot::Receiver<String>>>>);

/// Response that is still open. Dropping it answers the request with 404.
#[derive(Debug)]
pub struct DeferredResponse {
    number: u64,
    /// Taken by [`Self::resolve`].
    answer: Option<oneshot::Sender<String>>,
    responses: DeferredResponses,
}

impl DeferredResponse {
    /// Number in the URL.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Answers the request, now or when it comes.
    pub fn resolve(mut self, answer: String) {
        // The client may have closed the connection.
        let _ = self.answer.take().map(|waiting| waiting.send(answer));
    }
}

impl Drop for DeferredResponse {
    fn drop(&mut self) {
        if self.answer.take().is_some() {
            self.responses.wait(self.number);
        }
    }
}

impl DeferredResponses {
    /// Creates a response. It is registered until it is requested or dropped unresolved.
    pub fn build(&self) -> DeferredResponse {
        let (answer, answered) = oneshot::channel();
        let number = rand::random();
        let mut responses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        responses.insert(number, answered);
        DeferredResponse {
            number,
            answer: Some(answer),
            responses: self.clone(),
        }
    }

    fn wait(&self, number: u64) -> Option<oneshot::Receiver<String>> {
        let mut responses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        responses.remove(&number)
    }
}

/// `GET /deferred/{number}`: waits for the answer; 404 if there is none.
pub async fn wait(responses: web::Data<DeferredResponses>, number: web::Path<u64>) -> HttpResponse {
    let answer = match responses.wait(*number) {
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

    async fn visit(responses: &DeferredResponses, number: u64) -> (u16, Vec<u8>) {
        let response = wait(web::Data::new(responses.clone()), number.into()).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.expect("a body");
        (status, body.to_vec())
    }

    #[actix_rt::test]
    async fn request_waits_until_resolved_and_fails_if_dropped() {
        let responses = DeferredResponses::default();
        let (first, second) = (responses.build(), responses.build());
        let number = first.number();
        let (answer, ()) = futures_util::join!(visit(&responses, number), async {
            first.resolve("answer".into());
        });
        assert_eq!(answer, (200, b"answer".to_vec()));
        assert_eq!(visit(&responses, number).await.0, 404, "one request each");
        let number = second.number();
        let (answer, ()) = futures_util::join!(visit(&responses, number), async { drop(second) });
        assert_eq!(answer.0, 404);
        assert_eq!(visit(&responses, 5).await.0, 404, "unknown number");
        // A resolved response waits for its request.
        let third = responses.build();
        let number = third.number();
        third.resolve("late".into());
        drop(responses.build());
        assert_eq!(visit(&responses, number).await, (200, b"late".to_vec()));
    }

    #[test]
    fn dropped_responses_are_unregistered() {
        let responses = DeferredResponses::default();
        (0..10).for_each(|_| drop(responses.build()));
        let kept = responses.build();
        assert_eq!(responses.0.lock().expect("not poisoned").len(), 1);
        drop(kept);
    }
}
