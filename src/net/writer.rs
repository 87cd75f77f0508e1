//! The outgoing half of a link: a writer task with two bounded queues.
//!
//! Control messages overtake payload, so that a cancel never waits behind the chunks
//! it cancels. Callers keep the payload queue short, and with it the choice of the
//! next chunk to send; [`SendQueueMonitor`] tells them when a payload is sent. The
//! upload limit is waited for in the task.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use leaky_bucket::AcquireOwned;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};

use crate::net::rate_limit::{LinkLimits, Uplink};
use crate::net::send_queue::SendQueueMonitor;
use crate::net::socket_options;
use crate::wire::{Encode, Frame, WireError};

/// Control messages that may wait. They are small; a peer behind whom so many pile up
/// does not read and is dropped.
const CONTROL_QUEUE: usize = 1024;

/// Chunks that may wait to be written. [`engine::swarm::UploadQueue`] decides how many
/// do; this is only the upper bound.
const PAYLOAD_QUEUE: usize = 512;

/// Bytes of payload gathered for one write; one more chunk may come on top.
const MAX_BATCH: usize = 256 << 10;

/// Time a write may take before the other side counts as gone: a full batch at
/// 140 kbit/s.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Messages out. When all clones are dropped, what is queued is still written
/// and the connection closes.
#[derive(Debug)]
pub struct LinkWriter<Out> {
    // Boxed, since a queue allocates room for 32 of them at once.
    control: mpsc::Sender<Box<Frame>>,
    payload: mpsc::Sender<Box<Payload>>,
    messages: PhantomData<fn(Out)>,
}

impl<Out> LinkWriter<Out> {
    /// Starts the writer task.
    pub(super) fn start(socket: OwnedWriteHalf, limits: LinkLimits) -> Self {
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE);
        let (payload, payload_queue) = mpsc::channel(PAYLOAD_QUEUE);
        actix_rt::spawn(write_frames(socket, control_queue, payload_queue, limits));
        Self {
            control,
            payload,
            messages: PhantomData,
        }
    }

    /// The same queues for messages of another direction.
    pub(super) fn cast<Other>(self) -> LinkWriter<Other> {
        LinkWriter {
            control: self.control,
            payload: self.payload,
            messages: PhantomData,
        }
    }
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
    /// [`WireError::Closed`] if the link is gone, or a violation if the other side
    /// does not read and the queue is full.
    pub fn send(&self, message: Out) -> Result<(), WireError> {
        use mpsc::error::TrySendError;
        self.control
            .try_send(Box::new(Frame::new(message)))
            .map_err(|error| match error {
                TrySendError::Closed(_) => WireError::Closed,
                TrySendError::Full(_) => WireError::Violation("does not read its messages"),
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
    /// Queues a message with payload. The receiver resolves once the kernel has taken
    /// it, on a slow uplink once the kernel queue has drained; it is closed if the link
    /// is gone.
    pub fn send(self, message: Out) -> oneshot::Receiver<()> {
        let (written, receiver) = oneshot::channel();
        self.permit.send(Box::new(Payload {
            frame: Frame::new(message),
            written,
        }));
        receiver
    }
}

/// A message with payload, and the receiver of the news that it is written.
#[derive(Debug)]
struct Payload {
    frame: Frame,
    written: oneshot::Sender<()>,
}

/// The writer task: control first, then payload within the limit, as much at once
/// as is ready. While the limit holds a payload back, control still goes out.
async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut control: mpsc::Receiver<Box<Frame>>,
    mut payload: mpsc::Receiver<Box<Payload>>,
    limits: LinkLimits,
) {
    let mut tuning = SocketTuning::new();
    let mut held_back: Option<(Box<Payload>, Pin<Box<AcquireOwned>>)> = None;
    let mut batch = Batch::default();
    let mut monitor = SendQueueMonitor::default();
    loop {
        let limit = limits.upload.get();
        let uplink = limits.uplink.get();
        tokio::select! {
            biased;
            () = at(monitor.poll_at()), if monitor.poll_at().is_some() => {
                let unsent = socket_options::not_sent(socket.as_ref());
                monitor.poll(Instant::now(), unsent, uplink.capacity);
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
        tuning.follow(&socket, uplink);
        let bytes = batch.remaining();
        let written = tokio::time::timeout(WRITE_TIMEOUT, socket.write_all_buf(&mut batch)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
        // Only a slow uplink has a pace.
        let slow = uplink.capacity.filter(|_| uplink.pace.is_some());
        monitor.add(Instant::now(), &mut batch.written, bytes, slow);
    }
    // The other side may be gone already; nobody needs the result.
    let _ = socket.shutdown().await;
}

/// Socket options that follow the uplink, as last set.
#[derive(Debug)]
struct SocketTuning {
    pace: Option<u64>,
    unsent: libc::c_int,
}

impl SocketTuning {
    /// Options of a new link.
    fn new() -> Self {
        Self {
            pace: None,
            unsent: socket_options::unsent(None),
        }
    }

    fn follow(&mut self, socket: &OwnedWriteHalf, uplink: Uplink) {
        if self.pace != uplink.pace {
            self.pace = uplink.pace;
            socket_options::set_pace(socket.as_ref(), uplink.pace);
        }
        let unsent = socket_options::unsent(uplink.capacity);
        if self.unsent != unsent {
            self.unsent = unsent;
            socket_options::limit_unsent(socket.as_ref(), unsent);
        }
    }
}

/// Waits until `time`; returns at once if there is none.
async fn at(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time.into()).await;
    }
}

/// The payload that is held back, once the limit allows it. May be dropped and called
/// again: its place in the limiter's queue is kept.
async fn allowed(
    held_back: &mut Option<(Box<Payload>, Pin<Box<AcquireOwned>>)>,
) -> Option<Box<Payload>> {
    let (_, permit) = held_back.as_mut()?;
    permit.await;
    held_back.take().map(|(payload, _)| payload)
}

/// Frames of one vectored write, as they lie in memory.
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
