//! One TCP connection, for peers and the tracker alike: addresses, both halves, and
//! the incoming half. [`crate::net::writer`] is the outgoing one.
//!
//! Messages are read in the task that polls the reader. The download limit is
//! waited for in [`LinkReader::next`], so that TCP slows the other side down.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio_util::codec::FramedRead;

use crate::net::rate_limit::{Limit, LinkLimits};
use crate::net::socket_options;
use crate::net::writer::LinkWriter;
use crate::wire::{Decode, WireCodec, WireError};

/// Initial size of the reader's buffer; it grows to a frame when needed. A tracker has
/// thousands of links with little traffic.
const READ_BUFFER: usize = 512;

/// Size of the buffer where chunks are expected.
const PAYLOAD_BUFFER: usize = 64 << 10;

/// Fewest missing bytes for which the kernel is told to wait.
const MIN_AWAITED: usize = 4 << 10;

/// Most bytes that the kernel is told to wait for: its buffers make room for them.
const MAX_AWAITED: usize = 64 << 10;

/// Opens a listening socket.
///
/// # Errors
/// The address is in use, not local, or not an address.
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

/// Both halves of a connection with incoming messages `In` and outgoing ones `Out`.
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
    /// The address cannot be resolved, or the connection failed or timed out.
    pub async fn dial(
        address: &str,
        timeout: Duration,
        limits: &LinkLimits,
    ) -> Result<Self, WireError> {
        let connecting = async {
            let remote = resolve(address).await.map_err(WireError::Lookup)?;
            TcpStream::connect(remote).await.map_err(WireError::Io)
        };
        let stream = tokio::time::timeout(timeout, connecting)
            .await
            .map_err(|_| WireError::Timeout)??;
        Self::new(stream, limits)
    }

    /// Wraps an accepted connection. Must be called on the arbiter that polls the
    /// reader.
    ///
    /// # Errors
    /// The connection is already gone.
    pub fn new(stream: TcpStream, limits: &LinkLimits) -> Result<Self, WireError> {
        stream.set_nodelay(true)?;
        socket_options::limit_unsent(&stream, socket_options::unsent(None));
        socket_options::choose_congestion_control(&stream);
        let remote = stream.peer_addr()?;
        let (read, write) = stream.into_split();
        Ok(Self {
            reader: LinkReader {
                frames: whole_frames(read),
                download: limits.download.clone(),
                owed: 0,
            },
            writer: LinkWriter::start(write, limits.clone()),
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
            writer: self.writer.cast(),
            remote: self.remote,
        }
    }
}

/// Messages in.
#[derive(Debug)]
pub struct LinkReader<In> {
    frames: FramedRead<LowWaterReader, WireCodec<In>>,
    download: Arc<Limit>,
    /// Bytes of the last chunk, charged before the next message is read.
    owed: usize,
}

impl<In: Decode> LinkReader<In> {
    /// Enlarges the buffer for a link that carries chunks.
    pub fn expect_payload(&mut self) {
        let buffer = self.frames.read_buffer_mut();
        let mut larger = BytesMut::with_capacity(PAYLOAD_BUFFER.max(buffer.len()));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }

    /// The next message.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the end, or the reason to close the link.
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

    /// The next message, if it arrives in time.
    ///
    /// # Errors
    /// As [`Self::next`], and [`WireError::Timeout`].
    pub async fn next_within(&mut self, timeout: Duration) -> Result<In, WireError> {
        tokio::time::timeout(timeout, self.next())
            .await
            .map_err(|_| WireError::Timeout)?
    }
}

/// Frames of a socket that wakes its reader for a whole frame, not for each packet.
fn whole_frames<In>(socket: OwnedReadHalf) -> FramedRead<LowWaterReader, WireCodec<In>> {
    let codec = WireCodec::default();
    let socket = LowWaterReader {
        missing: codec.missing(),
        awaited: 1,
        socket,
    };
    FramedRead::with_capacity(socket, codec, READ_BUFFER)
}

/// A socket that becomes readable once the missing bytes of a frame have arrived. A
/// chunk is 50 packets; one wake-up for each costs more than all other work on it.
#[derive(Debug)]
struct LowWaterReader {
    socket: OwnedReadHalf,
    missing: Arc<AtomicUsize>,
    /// Low-water mark last set in the kernel.
    awaited: usize,
}

impl AsyncRead for LowWaterReader {
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
    /// All further messages; the last item is the error that ended them.
    pub fn into_stream(self) -> impl Stream<Item = Result<In, WireError>> {
        futures_util::stream::unfold(Some(self), |reader| async move {
            let mut reader = reader?;
            let message = reader.next().await;
            let next = message.is_ok().then_some(reader);
            Some((message, next))
        })
    }
}

#[cfg(test)]
mod tests;
