//! The system's sound device below kira: as kira's own backend, but one that can rest.
//! An open device asks for samples all the time, which keeps a machine awake on which a
//! film is paused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, Stream, StreamConfig, SupportedBufferSize};
use kira::backend::{Backend, Renderer};

/// Samples the device asks for at once where it may be told: 21 ms at 48 kHz, two of
/// which wait at most.
const PERIOD: u32 = 1024;

/// The renderer while no stream has it.
type RendererSlot = Arc<Mutex<Option<Renderer>>>;

/// The renderer while a stream has it; back on the shelf when that ends.
struct RendererGuard {
    renderer: Option<Renderer>,
    shelf: RendererSlot,
}

impl RendererGuard {
    fn render(&mut self, out: &mut [f32], channels: u16) {
        if let Some(renderer) = &mut self.renderer {
            renderer.on_start_processing();
            renderer.process(out, channels);
        }
    }
}

impl Drop for RendererGuard {
    fn drop(&mut self) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        *shelf = self.renderer.take();
    }
}

/// The default device of the system.
pub struct Device {
    shelf: RendererSlot,
    stream: Option<Stream>,
    sample_rate: u32,
    /// The stream says that its device is gone.
    lost: Arc<AtomicBool>,
    /// What was opened last: to ask a device what it can do takes longer than to open it.
    known: Option<Known>,
}

impl Device {
    /// Closes the device. All that plays stays where it is.
    pub fn rest(&mut self) {
        self.stream = None;
    }

    /// Whether it is closed.
    pub fn rests(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether it was open and went away.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Opens the device that is the default one now, if it rests; takes 10 to 100 ms.
    ///
    /// # Errors
    /// There is none, or it cannot be used; why. It may be tried again.
    pub fn wake(&mut self) -> Result<(), cpal::Error> {
        if self.stream.is_some() {
            return Ok(());
        }
        let known = self.known.take().filter(Known::is_still_default);
        if let Some(known) = known
            && self.open(known).is_ok()
        {
            return Ok(());
        }
        Known::ask().and_then(|known| self.open(known))
    }

    fn open(&mut self, known: Known) -> Result<(), cpal::Error> {
        let Known { device, config } = &known;
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut renderer = shelf.take().ok_or(ErrorKind::DeviceBusy)?;
        drop(shelf);
        if config.sample_rate != self.sample_rate {
            self.sample_rate = config.sample_rate;
            renderer.on_change_sample_rate(self.sample_rate);
        }
        let mut lent = RendererGuard {
            renderer: Some(renderer),
            shelf: self.shelf.clone(),
        };
        let channels = config.channels;
        let lost = Arc::new(AtomicBool::new(false));
        self.lost = lost.clone();
        let stream = device.build_output_stream(
            *config,
            move |out: &mut [f32], _| lent.render(out, channels),
            move |error| {
                tracing::debug!(%error, "the sound device");
                if ends(error.kind()) {
                    lost.store(true, Ordering::Release);
                }
            },
            None,
        )?;
        stream.play()?;
        self.stream = Some(stream);
        self.known = Some(known);
        Ok(())
    }
}

impl Backend for Device {
    type Settings = ();
    type Error = cpal::Error;

    fn setup((): (), _: usize) -> Result<(Self, u32), cpal::Error> {
        let known = Known::ask()?;
        let sample_rate = known.config.sample_rate;
        let device = Self {
            shelf: RendererSlot::default(),
            stream: None,
            sample_rate,
            lost: Arc::default(),
            known: Some(known),
        };
        Ok((device, sample_rate))
    }

    fn start(&mut self, renderer: Renderer) -> Result<(), cpal::Error> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        *shelf = Some(renderer);
        drop(shelf);
        self.wake()
    }
}

/// Whether a stream is of no use after such an error.
fn ends(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated
    )
}

/// A device, and what is asked of it.
struct Known {
    device: cpal::Device,
    config: StreamConfig,
}

impl Known {
    /// The default device, as it likes to be used.
    fn ask() -> Result<Self, cpal::Error> {
        let device = cpal::default_host()
            .default_output_device()
            .ok_or(ErrorKind::DeviceNotAvailable)?;
        let supported = device.default_output_config()?;
        let mut config = supported.config();
        if let SupportedBufferSize::Range { min, max } = supported.buffer_size()
            && (*min..=*max).contains(&PERIOD)
        {
            config.buffer_size = BufferSize::Fixed(PERIOD);
        }
        Ok(Self { device, config })
    }

    fn is_still_default(&self) -> bool {
        let now = cpal::default_host().default_output_device();
        let now = now.and_then(|device| device.id().ok());
        now.is_some() && now == self.device.id().ok()
    }
}
