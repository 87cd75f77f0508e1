//! A file as a byte stream, as if all of it were held.

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use bytes::Bytes;
use engine::ids::FileId;
use engine::media::MAX_SIDECAR;
use engine::media::{FileEntry, Geometry, MediaKind};
use engine::scheduler::ReaderId;
use engine::store::StoreError;
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::runtime::{ask, ask_slow};
use crate::scheduler::actor::Scheduler;
use crate::scheduler::streams::StreamManager;
use crate::scheduler::{
    AwaitChunk, CloseReader, OpenReader, OpenStream, OpenedStream, StreamError,
};
use crate::store::{ReadChunk, Store};
use crate::tracker_client::{FindEntry, TrackerClient};

/// Bytes per item of the stream: the HTTP server buffers each, and a player that stops
/// reading should hold little.
const SLICE: usize = 64 << 10;

/// Attempts to read a chunk that is evicted between its arrival and the read.
const READ_TRIES: usize = 3;

/// Item of the stream.
pub type Slice = Result<Bytes, StreamError>;

/// A reader of one file. Dropping it closes it at the scheduler.
pub struct Reader {
    id: ReaderId,
    scheduler: Addr<Scheduler>,
    store: Addr<Store>,
    file: FileId,
    geometry: Geometry,
    position: u64,
    end: u64,
    rest: Bytes,
}

impl Reader {
    /// Opens a reader of bytes `first` to `end` (exclusive).
    ///
    /// # Errors
    /// Its scheduler has ended.
    pub async fn open(
        stream: OpenedStream,
        store: Addr<Store>,
        first: u64,
        end: u64,
    ) -> Result<Self, StreamError> {
        let opened = ask(&stream.scheduler, OpenReader).await;
        let id = opened.map_err(|_| StreamError::Closing)?;
        Ok(Self {
            id,
            scheduler: stream.scheduler,
            store,
            file: stream.entry.id,
            geometry: stream.geometry,
            position: first,
            end,
            rest: Bytes::new(),
        })
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The bytes cannot be stored or read, or the program ends.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StreamError> {
        if self.position >= self.end {
            return Ok(None);
        }
        if self.rest.is_empty() {
            self.rest = self.fetch().await?;
        }
        let slice = self.rest.split_to(self.rest.len().min(SLICE));
        self.position += slice.len() as u64;
        Ok(Some(slice))
    }

    /// The rest of the chunk at the position.
    async fn fetch(&self) -> Result<Bytes, StreamError> {
        let chunk = self.geometry.chunk_at(self.position);
        let range = self.geometry.chunk_range(chunk);
        let mut result = Err(StreamError::Closing);
        for _ in 0..READ_TRIES {
            let wait = AwaitChunk {
                reader: self.id,
                chunk,
            };
            let arrived = self.scheduler.send(wait).await;
            arrived.map_err(|_| StreamError::Closing)??;
            let file = self.file;
            let read = ask_slow(&self.store, ReadChunk { file, chunk }).await;
            result = match read.map_err(|_| StreamError::Closing)? {
                Ok(held) => {
                    let from = (self.position - range.start) as usize;
                    let until = (self.end.min(range.end) - range.start) as usize;
                    return Ok(held.payload.slice(from..until));
                }
                Err(StoreError::NotHeld) => Err(StoreError::NotHeld.into()),
                Err(error) => return Err(error.into()),
            };
        }
        result
    }

    /// A stream that is fed on the actors' thread, so that a chunk crosses to the HTTP
    /// server's thread once. One slice waits there at most; the next is fetched when it
    /// is taken.
    pub fn into_stream(self, actors: &ArbiterHandle) -> impl Stream<Item = Slice> + use<> {
        let (slices, taken) = mpsc::channel(1);
        actors.spawn(self.feed(slices));
        futures_util::stream::unfold(taken, |mut taken| async move {
            let slice = taken.recv().await?;
            Some((slice, taken))
        })
    }

    /// Sends slices until the end, an error, or the receiver is dropped.
    async fn feed(mut self, slices: mpsc::Sender<Slice>) {
        while let Ok(place) = slices.reserve().await {
            let next = tokio::select! {
                biased;
                () = slices.closed() => return,
                next = self.next() => next,
            };
            match next {
                Ok(Some(bytes)) => place.send(Ok(bytes)),
                Ok(None) => return,
                Err(error) => return place.send(Err(error)),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.scheduler.do_send(CloseReader(self.id));
    }
}

/// Reads all of a sidecar that an entry of the catalogue names.
///
/// # Errors
/// As [`Reader::next`]. Also if the id is not that of a sidecar: a film would fill the
/// memory.
pub async fn read_sidecar(
    announcer: &Addr<TrackerClient>,
    streams: &Addr<StreamManager>,
    store: Addr<Store>,
    file: FileId,
) -> Result<Vec<u8>, StreamError> {
    let found = ask(announcer, FindEntry(file.to_string())).await;
    let entry = found.map_err(|_| StreamError::Closing)?;
    let small =
        |entry: &FileEntry| entry.info.kind == MediaKind::Sidecar && entry.size <= MAX_SIDECAR;
    let entry = entry.filter(small).ok_or(StreamError::UnknownFile)?;
    let opened = ask(streams, OpenStream(file.to_string())).await;
    let stream = opened.map_err(|_| StreamError::Closing)??;
    let size = stream.geometry.size();
    if size != entry.size {
        return Err(StreamError::UnknownFile);
    }
    let mut reader = Reader::open(stream, store, 0, size).await?;
    let mut bytes = Vec::new();
    while let Some(slice) = reader.next().await? {
        bytes.extend_from_slice(&slice);
    }
    Ok(bytes)
}
