//! `/stream/{id}[/{name}]` and `/sidecar/{id}`: a file of the swarm, with byte ranges.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody, SizedStream};
use actix_web::http::header::{self, ByteRangeSpec, ContentRange, ContentRangeSpec, Header, Range};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};

use crate::handles::ActorHandles;
use crate::runtime::ask;
use crate::scheduler::Reader;
use crate::scheduler::{OpenStream, StreamError};
use crate::tracker_client::FindEntry;

/// Requested part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// First and last byte.
    Range(u64, u64),
    /// Range outside the file.
    Unsatisfiable,
}

/// Reads the Range header. A request for several ranges gets the whole file, as RFC 9110
/// §14.2 allows.
fn wanted(request: &HttpRequest, size: u64) -> Wanted {
    if !request.headers().contains_key(header::RANGE) {
        return Wanted::All;
    }
    match Range::parse(request) {
        Ok(Range::Bytes(specs)) if specs.len() == 1 => match specs[0] {
            ByteRangeSpec::Last(0) => Wanted::Unsatisfiable,
            ref spec => spec
                .to_satisfiable_range(size)
                .map_or(Wanted::Unsatisfiable, |(first, last)| {
                    Wanted::Range(first, last)
                }),
        },
        _ => Wanted::All,
    }
}

/// Answers GET and HEAD for a sidecar only: the id comes from an entry of another peer and
/// may belong to a film.
pub(super) async fn serve_sidecar(
    request: HttpRequest,
    path: web::Path<Vec<String>>,
    sources: web::Data<ActorHandles>,
) -> HttpResponse {
    let id = path.first().cloned().unwrap_or_default();
    let found = ask(&sources.announcer, FindEntry(id.clone())).await;
    let entry = found.ok().flatten();
    match entry.filter(|entry| entry.info.kind == MediaKind::Sidecar) {
        Some(entry) if entry.id.to_string() == id => serve(request, path, sources).await,
        _ => HttpResponse::NotFound().body("no such sidecar\n"),
    }
}

/// Answers GET and HEAD for a file.
pub(super) async fn serve(
    request: HttpRequest,
    path: web::Path<Vec<String>>,
    sources: web::Data<ActorHandles>,
) -> HttpResponse {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return HttpResponse::MethodNotAllowed().finish();
    }
    let id = path.first().cloned().unwrap_or_default();
    if id.parse::<FileId>().is_err() {
        return HttpResponse::NotFound().body("no such file: an id has 64 hexadecimal digits\n");
    }
    let opened = ask(&sources.streams, OpenStream(id)).await;
    let stream = match opened.unwrap_or(Err(StreamError::Closing)) {
        Ok(stream) => stream,
        Err(error @ StreamError::UnknownFile) => {
            return HttpResponse::NotFound().body(format!("{error}\n"));
        }
        Err(error) => return HttpResponse::ServiceUnavailable().body(format!("{error}\n")),
    };
    let size = stream.geometry.size();
    let (status, first, end) = match wanted(&request, size) {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Range(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Wanted::Unsatisfiable => {
            let spec = ContentRangeSpec::Bytes {
                range: None,
                instance_length: Some(size),
            };
            return HttpResponse::RangeNotSatisfiable()
                .insert_header(ContentRange(spec))
                .finish();
        }
    };
    let mut response = HttpResponse::build(status);
    describe(&mut response, &stream.entry);
    if status == StatusCode::PARTIAL_CONTENT {
        response.insert_header(ContentRange(ContentRangeSpec::Bytes {
            range: Some((first, end - 1)),
            instance_length: Some(size),
        }));
    }
    if request.method() == Method::HEAD {
        return response.body(NoBytes(end - first));
    }
    match Reader::open(stream, sources.store.clone(), first, end).await {
        Ok(reader) => {
            let slices = reader.into_stream(&sources.actors);
            response.body(SizedStream::new(end - first, slices))
        }
        Err(error) => HttpResponse::ServiceUnavailable().body(format!("{error}\n")),
    }
}

fn describe(response: &mut HttpResponseBuilder, entry: &FileEntry) {
    let content_type = mime_guess::from_path(&entry.name).first_or_octet_stream();
    response
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, format!("\"{}\"", entry.id)))
        .insert_header((header::CONTENT_TYPE, content_type.to_string()));
}

/// Body of a HEAD response: a length without bytes.
struct NoBytes(u64);

impl MessageBody for NoBytes {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn parse(range: &str) -> Wanted {
        let request = TestRequest::default().insert_header((header::RANGE, range));
        wanted(&request.to_http_request(), 1000)
    }

    #[test]
    fn all_range_forms_are_parsed() {
        assert_eq!(parse("bytes=0-99"), Wanted::Range(0, 99));
        assert_eq!(parse("bytes=900-"), Wanted::Range(900, 999));
        assert_eq!(parse("bytes=-100"), Wanted::Range(900, 999));
        assert_eq!(parse("bytes=-5000"), Wanted::Range(0, 999));
        assert_eq!(parse("bytes=990-5000"), Wanted::Range(990, 999));
    }

    #[test]
    fn unsatisfiable_and_multiple_ranges_are_handled() {
        assert_eq!(parse("bytes=1000-"), Wanted::Unsatisfiable);
        assert_eq!(parse("bytes=-0"), Wanted::Unsatisfiable);
        assert_eq!(parse("bytes=0-1,5-6"), Wanted::All);
        assert_eq!(parse("lines=1-2"), Wanted::All);
        let none = TestRequest::default().to_http_request();
        assert_eq!(wanted(&none, 1000), Wanted::All);
    }
}
