//! One TCP connection: the only door to a socket for peers and tracker alike.
//!
//! In: a stream of [`Message`]s, read in the task of whoever polls it.
//! Out: a writer task with two bounded queues. Control messages overtake
//! payload, so that a cancel never waits behind the chunks it cancels; the
//! payload queue is so short ([`PAYLOAD_QUEUE`]) that a choice of what to send
//! next remains with the caller. The upload limit is waited for in the task,
//! the download limit in [`LinkReader::next`], so TCP slows the other side.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use leaky_bucket::{AcquireOwned, RateLimiter};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio_util::codec::FramedRead;

use super::{Frame, Message, WireCodec, WireError};
use crate::config::Rate;

/// Control messages that may wait. They are small; a peer that lets so many
/// pile up does not read and is dropped.
const CONTROL_QUEUE: usize = 1024;

/// Chunks that may wait: one being written, one ready.
const PAYLOAD_QUEUE: usize = 1;

/// Bytes the reader's buffer begins with; it grows to a frame when needed.
const READ_BUFFER: usize = 64 << 10;

/// Time a written frame may take before the other side counts as gone: a whole
/// chunk at 70 kbit/s.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Limits shared by all links of a program.
#[derive(Debug, Clone, Default)]
pub struct LinkLimits {
    upload: Option<Arc<RateLimiter>>,
    download: Option<Arc<RateLimiter>>,
}

impl LinkLimits {
    /// Limits for all links together.
    pub fn new(upload: Rate, download: Rate) -> Self {
        Self {
            upload: limiter(upload),
            download: limiter(download),
        }
    }
}

/// A token bucket that holds a fifth of a second, refilled every 20 ms.
fn limiter(rate: Rate) -> Option<Arc<RateLimiter>> {
    let per_second = usize::try_from(rate.0?).unwrap_or(usize::MAX);
    let limiter = RateLimiter::builder()
        .refill((per_second / 50).max(1))
        .interval(Duration::from_millis(20))
        .initial(per_second / 5)
        .max((per_second / 5).max(1))
        .build();
    Some(Arc::new(limiter))
}

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

/// Both halves of a connection.
#[derive(Debug)]
pub struct Link {
    /// Messages in.
    pub reader: LinkReader,
    /// Messages out.
    pub writer: LinkWriter,
    /// The other side.
    pub remote: SocketAddr,
}

impl Link {
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
        let remote = stream.peer_addr()?;
        let (read, write) = stream.into_split();
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE);
        let (payload, payload_queue) = mpsc::channel(PAYLOAD_QUEUE);
        let upload = limits.upload.clone();
        actix_rt::spawn(write_frames(write, control_queue, payload_queue, upload));
        Ok(Self {
            reader: LinkReader {
                frames: FramedRead::with_capacity(read, WireCodec::default(), READ_BUFFER),
                download: limits.download.clone(),
                owed: 0,
            },
            writer: LinkWriter { control, payload },
            remote,
        })
    }
}

/// Messages in.
#[derive(Debug)]
pub struct LinkReader {
    frames: FramedRead<OwnedReadHalf, WireCodec>,
    download: Option<Arc<RateLimiter>>,
    /// Bytes of the last chunk, paid for before the next message is read.
    owed: usize,
}

impl LinkReader {
    /// The next message.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the end, or why the link must be closed.
    pub async fn next(&mut self) -> Result<Message, WireError> {
        if let Some(limiter) = &self.download {
            limiter.acquire(std::mem::take(&mut self.owed)).await;
        }
        let message = self.frames.next().await.ok_or(WireError::Closed)??;
        if let Message::Chunk { payload, .. } = &message {
            self.owed = payload.len();
        }
        Ok(message)
    }

    /// The next message, if it comes in time.
    ///
    /// # Errors
    /// As [`Self::next`], and [`WireError::Timeout`].
    pub async fn next_within(&mut self, timeout: Duration) -> Result<Message, WireError> {
        tokio::time::timeout(timeout, self.next())
            .await
            .map_err(|_| WireError::Timeout)?
    }
}

impl LinkReader {
    /// All messages to come; the last item is the error that ended them.
    pub fn into_stream(self) -> impl Stream<Item = Result<Message, WireError>> {
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
#[derive(Debug, Clone)]
pub struct LinkWriter {
    control: mpsc::Sender<Frame>,
    payload: mpsc::Sender<Frame>,
}

impl LinkWriter {
    /// Queues a control message.
    ///
    /// # Errors
    /// [`WireError::Closed`] if the link is gone, or a violation if the other
    /// side reads so slowly that the queue is full.
    pub fn send(&self, message: Message) -> Result<(), WireError> {
        use mpsc::error::TrySendError;
        self.control
            .try_send(Frame::new(message))
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
    pub async fn reserve_payload(&self) -> Result<PayloadSlot, WireError> {
        let permit = self.payload.clone().reserve_owned().await;
        permit.map(PayloadSlot).map_err(|_| WireError::Closed)
    }
}

/// A place in the payload queue.
#[derive(Debug)]
pub struct PayloadSlot(mpsc::OwnedPermit<Frame>);

impl PayloadSlot {
    /// Queues a message with payload.
    pub fn send(self, message: Message) {
        self.0.send(Frame::new(message));
    }
}

/// The writer task: control first, then payload within the limit. While the
/// limit holds a payload back, control still goes out.
async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut control: mpsc::Receiver<Frame>,
    mut payload: mpsc::Receiver<Frame>,
    limit: Option<Arc<RateLimiter>>,
) {
    let mut held_back: Option<(Frame, Pin<Box<AcquireOwned>>)> = None;
    loop {
        let frame = tokio::select! {
            biased;
            Some(frame) = control.recv() => frame,
            Some(frame) = allowed(&mut held_back) => frame,
            Some(frame) = payload.recv(), if held_back.is_none() => match &limit {
                Some(limiter) => {
                    let permit = limiter.clone().acquire_owned(frame.len());
                    held_back = Some((frame, Box::pin(permit)));
                    continue;
                }
                None => frame,
            },
            else => break,
        };
        let mut bytes = frame.head.chain(frame.payload);
        let written = tokio::time::timeout(WRITE_TIMEOUT, socket.write_all_buf(&mut bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
    // The other side may be gone already; there is nobody left to tell.
    let _ = socket.shutdown().await;
}

/// The frame that is held back, when the limit allows it. May be dropped and
/// called again: the place in the limiter's queue is kept.
async fn allowed(held_back: &mut Option<(Frame, Pin<Box<AcquireOwned>>)>) -> Option<Frame> {
    let (_, permit) = held_back.as_mut()?;
    permit.await;
    held_back.take().map(|(frame, _)| frame)
}
