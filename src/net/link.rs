//! One TCP connection: the only door to a socket for peers and tracker alike.
//!
//! In: a stream of messages of one direction, read in the task of whoever polls it.
//! Out: a writer task with two bounded queues. Control messages overtake
//! payload, so that a cancel never waits behind the chunks it cancels. Callers
//! keep the payload queue short and so the choice of what to send next, for
//! which they hear when a payload is on its way (`draining`). The upload limit is
//! waited for in the task, the download limit in [`LinkReader::next`], so TCP slows the other side.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use leaky_bucket::AcquireOwned;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::FramedRead;

use crate::net::rate_limit::Limit;
use crate::net::rate_limit::LinkLimits;
use crate::net::send_queue::Draining;
use crate::net::socket_options;
use crate::wire::{Decode, Encode, Frame, WireCodec, WireError};

/// Control messages that may wait. They are small; a peer that lets so many
/// pile up does not read and is dropped.
const CONTROL_QUEUE: usize = 1024;

/// Chunks that may wait to be written. How many bytes really do is for
/// [`engine::swarm::upload_queue`] to say; this only bounds it.
const PAYLOAD_QUEUE: usize = 512;

/// Bytes the reader's buffer begins with; it grows to a frame when needed. A tracker
/// has thousands of links over which little is said.
const READ_BUFFER: usize = 512;

/// The same where chunks are expected.
const PAYLOAD_BUFFER: usize = 64 << 10;

/// Bytes of payload gathered for one write; one more chunk may come on top.
const MAX_BATCH: usize = 256 << 10;

/// Less than this is not worth telling the system to wait for.
const MIN_AWAITED: usize = 4 << 10;

/// Bytes the system is told to wait for at most: its buffers make room for them.
const MAX_AWAITED: usize = 64 << 10;

/// Time a write may take before the other side counts as gone: a full batch at
/// 140 kbit/s.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a listening socket.
///
/// # Errors
/// The address is taken, not ours, or not an address.
pub async fn listen(address: &str) -> std::io::Result<TcpListener> {
    let address = resolve(address).await?;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// The first address of `host:port`.
async fn resolve(address: &str) -> std::io::Result<SocketAddr> {
    lookup_host(address)
        .await?
        .next()
        .ok_or_else(|| std::io::Error::other(format!("{address} has no address")))
}

/// Both halves of a connection over which messages `In` come in and messages `Out`
/// go out.
#[derive(Debug)]
pub struct Link<In, Out> {
    /// Messages in.
    pub reader: LinkReader<In>,
    /// Messages out.
    pub writer: LinkWriter<Out>,
    /// The other side.
    pub remote: SocketAddr,
}

impl<In, Out> Link<In, Out> {
    /// Dials `address`.
    ///
    /// # Errors
    /// [`WireError::Timeout`] or what the system says.
    pub async fn dial(
        address: &str,
        timeout: Duration,
        limits: &LinkLimits,
    ) -> Result<Self, WireError> {
        let connecting = async { TcpStream::connect(resolve(address).await?).await };
        let stream = tokio::time::timeout(timeout, connecting)
            .await
            .map_err(|_| WireError::Timeout)??;
        Self::new(stream, limits)
    }

    /// Takes an accepted connection. Must be called on the arbiter that will
    /// poll the reader.
    ///
    /// # Errors
    /// The connection is already gone.
    pub fn new(stream: TcpStream, limits: &LinkLimits) -> Result<Self, WireError> {
        stream.set_nodelay(true)?;
        socket_options::limit_unsent(&stream, socket_options::unsent(0));
        socket_options::choose_congestion_control(&stream);
        let remote = stream.peer_addr()?;
        let (read, write) = stream.into_split();
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE);
        let (payload, payload_queue) = mpsc::channel(PAYLOAD_QUEUE);
        let limits_of_writer = limits.clone();
        let writing = write_frames(write, control_queue, payload_queue, limits_of_writer);
        actix_rt::spawn(writing);
        Ok(Self {
            reader: LinkReader {
                frames: patient_frames(read),
                download: limits.download.clone(),
                owed: 0,
            },
            writer: LinkWriter {
                control,
                payload,
                messages: PhantomData,
            },
            remote,
        })
    }

    /// The same connection with other directions, once the opening has said who
    /// dialled. Nothing received so far is lost.
    pub fn cast<NewIn, NewOut>(self) -> Link<NewIn, NewOut> {
        Link {
            reader: LinkReader {
                frames: self.reader.frames.map_decoder(WireCodec::cast),
                download: self.reader.download,
                owed: self.reader.owed,
            },
            writer: LinkWriter {
                control: self.writer.control,
                payload: self.writer.payload,
                messages: PhantomData,
            },
            remote: self.remote,
        }
    }
}

/// Messages in.
#[derive(Debug)]
pub struct LinkReader<In> {
    frames: FramedRead<PatientSocket, WireCodec<In>>,
    download: Arc<Limit>,
    /// Bytes of the last chunk, paid for before the next message is read.
    owed: usize,
}

impl<In: Decode> LinkReader<In> {
    /// Chunks will come: reads more at once.
    pub fn expect_payload(&mut self) {
        let buffer = self.frames.read_buffer_mut();
        let mut larger = BytesMut::with_capacity(PAYLOAD_BUFFER.max(buffer.len()));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }

    /// The next message.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the end, or why the link must be closed.
    pub async fn next(&mut self) -> Result<In, WireError> {
        if let Some(limiter) = self.download.get() {
            limiter.acquire(std::mem::take(&mut self.owed)).await;
        }
        let message = self.frames.next().await.ok_or(WireError::Closed)??;
        let payload = message.payload_len();
        if payload > 0 {
            self.owed = payload;
        }
        Ok(message)
    }

    /// The next message, if it comes in time.
    ///
    /// # Errors
    /// As [`Self::next`], and [`WireError::Timeout`].
    pub async fn next_within(&mut self, timeout: Duration) -> Result<In, WireError> {
        tokio::time::timeout(timeout, self.next())
            .await
            .map_err(|_| WireError::Timeout)?
    }
}

/// Frames of a socket that wakes us for a whole one, not for each packet of it.
fn patient_frames<In>(socket: OwnedReadHalf) -> FramedRead<PatientSocket, WireCodec<In>> {
    let codec = WireCodec::default();
    let socket = PatientSocket {
        missing: codec.missing(),
        awaited: 1,
        socket,
    };
    FramedRead::with_capacity(socket, codec, READ_BUFFER)
}

/// A socket that is readable when what is missing of a frame has come. A chunk
/// is 50 packets; to be woken for each costs more than all else we do with it.
#[derive(Debug)]
struct PatientSocket {
    socket: OwnedReadHalf,
    missing: Arc<AtomicUsize>,
    /// What the system was told last.
    awaited: usize,
}

impl AsyncRead for PatientSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let missing = this.missing.load(Ordering::Relaxed);
        let awaited = match missing {
            0..MIN_AWAITED => 1,
            _ => missing.min(MAX_AWAITED),
        };
        if awaited != this.awaited {
            this.awaited = awaited;
            let stream: &TcpStream = this.socket.as_ref();
            let bytes = awaited as libc::c_int;
            socket_options::set(stream, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes);
        }
        Pin::new(&mut this.socket).poll_read(cx, buffer)
    }
}

impl<In: Decode> LinkReader<In> {
    /// All messages to come; the last item is the error that ended them.
    pub fn into_stream(self) -> impl Stream<Item = Result<In, WireError>> {
        futures_util::stream::unfold(Some(self), |reader| async move {
            let mut reader = reader?;
            let message = reader.next().await;
            let next = message.is_ok().then_some(reader);
            Some((message, next))
        })
    }
}

/// Messages out. When all clones are dropped, what is queued is still written
/// and the connection closes.
#[derive(Debug)]
pub struct LinkWriter<Out> {
    // Boxed, since a queue has room for 32 of them from the beginning.
    control: mpsc::Sender<Box<Frame>>,
    payload: mpsc::Sender<Box<Payload>>,
    messages: PhantomData<fn(Out)>,
}

impl<Out> Clone for LinkWriter<Out> {
    fn clone(&self) -> Self {
        Self {
            control: self.control.clone(),
            payload: self.payload.clone(),
            messages: PhantomData,
        }
    }
}

impl<Out: Encode> LinkWriter<Out> {
    /// Queues a control message.
    ///
    /// # Errors
    /// [`WireError::Closed`] if the link is gone, or a violation if the other
    /// side reads so slowly that the queue is full.
    pub fn send(&self, message: Out) -> Result<(), WireError> {
        use mpsc::error::TrySendError;
        self.control
            .try_send(Box::new(Frame::new(message)))
            .map_err(|error| match error {
                TrySendError::Closed(_) => WireError::Closed,
                TrySendError::Full(_) => WireError::Violation("does not read what it is sent"),
            })
    }

    /// Waits for a place in the payload queue. Only then should the payload be
    /// read from disk.
    ///
    /// # Errors
    /// [`WireError::Closed`] if the link is gone.
    pub async fn reserve_payload(&self) -> Result<PayloadSlot<Out>, WireError> {
        let permit = self.payload.clone().reserve_owned().await;
        let slot = |permit| PayloadSlot {
            permit,
            messages: PhantomData,
        };
        permit.map(slot).map_err(|_| WireError::Closed)
    }
}

/// A place in the payload queue.
#[derive(Debug)]
pub struct PayloadSlot<Out> {
    permit: mpsc::OwnedPermit<Box<Payload>>,
    messages: PhantomData<fn(Out)>,
}

impl<Out: Encode> PayloadSlot<Out> {
    /// Queues a message with payload. The receiver hears when the system has
    /// taken it, on a slow line when hardly anything of it is left to send; it is
    /// closed if the link is gone.
    pub fn send(self, message: Out) -> oneshot::Receiver<()> {
        let (written, told) = oneshot::channel();
        self.permit.send(Box::new(Payload {
            frame: Frame::new(message),
            written,
        }));
        told
    }
}

/// A message with payload, and who wants to know when it is written.
#[derive(Debug)]
struct Payload {
    frame: Frame,
    written: oneshot::Sender<()>,
}

/// The writer task: control first, then payload within the limit, as much at
/// once as is ready. While the limit holds a payload back, control still goes
/// out.
async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut control: mpsc::Receiver<Box<Frame>>,
    mut payload: mpsc::Receiver<Box<Payload>>,
    limits: LinkLimits,
) {
    let (mut pace, mut unsent) = (0, socket_options::unsent(0));
    let mut held_back: Option<(Box<Payload>, Pin<Box<AcquireOwned>>)> = None;
    let mut batch = Batch::default();
    let mut draining = Draining::default();
    loop {
        let limit = limits.upload.get();
        let capacity = limits.line.capacity.load(Ordering::Relaxed);
        tokio::select! {
            biased;
            () = at(draining.look_at()), if draining.look_at().is_some() => {
                let not_sent = socket_options::not_sent(socket.as_ref());
                draining.look(Instant::now(), not_sent, capacity);
                continue;
            }
            Some(frame) = control.recv() => batch.push(*frame),
            Some(allowed) = allowed(&mut held_back) => batch.push_payload(*allowed),
            Some(next) = payload.recv(), if held_back.is_none() => match &limit {
                Some(limiter) => {
                    let permit = limiter.clone().acquire_owned(next.frame.len());
                    held_back = Some((next, Box::pin(permit)));
                    continue;
                }
                None => batch.push_payload(*next),
            },
            else => break,
        }
        while let Ok(frame) = control.try_recv() {
            batch.push(*frame);
        }
        while limit.is_none() && batch.remaining() < MAX_BATCH {
            let Ok(next) = payload.try_recv() else {
                break;
            };
            batch.push_payload(*next);
        }
        let wanted_pace = limits.line.pace.load(Ordering::Relaxed);
        if wanted_pace != pace {
            pace = wanted_pace;
            socket_options::set_pace(socket.as_ref(), pace);
        }
        let wanted_unsent = socket_options::unsent(capacity);
        if wanted_unsent != unsent {
            unsent = wanted_unsent;
            socket_options::limit_unsent(socket.as_ref(), unsent);
        }
        let bytes = batch.remaining();
        let written = tokio::time::timeout(WRITE_TIMEOUT, socket.write_all_buf(&mut batch)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
        // Only a slow line has a pace.
        let line = if pace == 0 { 0 } else { capacity };
        draining.add(Instant::now(), &mut batch.written, bytes, line);
    }
    // The other side may be gone already; there is nobody left to tell.
    let _ = socket.shutdown().await;
}

/// Waits until `time`; returns at once if there is none.
async fn at(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time.into()).await;
    }
}

/// The payload that is held back, when the limit allows it. May be dropped and
/// called again: the place in the limiter's queue is kept.
async fn allowed(
    held_back: &mut Option<(Box<Payload>, Pin<Box<AcquireOwned>>)>,
) -> Option<Box<Payload>> {
    let (_, permit) = held_back.as_mut()?;
    permit.await;
    held_back.take().map(|(payload, _)| payload)
}

/// Frames that go out in one vectored write, as they lie in memory.
#[derive(Debug, Default)]
struct Batch {
    parts: VecDeque<Bytes>,
    remaining: usize,
    written: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn push(&mut self, frame: Frame) {
        self.remaining += frame.len();
        let parts = [frame.head, frame.payload].into_iter();
        self.parts.extend(parts.filter(|part| !part.is_empty()));
    }

    fn push_payload(&mut self, payload: Payload) {
        self.push(payload.frame);
        self.written.push(payload.written);
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.parts);
        filled
            .map(|(slice, part)| *slice = IoSlice::new(part))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                return part.advance(count);
            }
            count -= part.len();
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
