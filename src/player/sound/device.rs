//! Default sound device as a backend of kira that can be suspended. An open device requests
//! samples all the time, which keeps the machine awake while a film is paused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, Stream, StreamConfig, SupportedBufferSize};
use kira::backend::{Backend, Renderer};

/// Requested samples of a period: 21 ms at 48 kHz, of which at most two wait.
const PERIOD: u32 = 1024;

/// Renderer while no stream uses it.
type RendererSlot = Arc<Mutex<Option<Renderer>>>;

/// Renderer while a stream uses it; returned to its slot when the stream ends.
struct RendererGuard {
    renderer: Option<Renderer>,
    slot: RendererSlot,
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
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = self.renderer.take();
    }
}

/// Default sound device of the system.
pub struct Device {
    slot: RendererSlot,
    stream: Option<Stream>,
    sample_rate: u32,
    /// Set by the stream when its device is gone.
    lost: Arc<AtomicBool>,
    /// Device opened last: querying its configuration takes longer than opening it.
    last: Option<DeviceConfig>,
}

impl Device {
    /// Closes the device. Sounds keep their positions.
    pub fn suspend(&mut self) {
        self.stream = None;
    }

    /// True while closed.
    pub fn is_suspended(&self) -> bool {
        self.stream.is_none()
    }

    /// True once an open device has gone.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Opens the present default device, if suspended. Takes 10 to 100 ms.
    ///
    /// # Errors
    /// No device exists, or the device cannot be opened. May be tried again.
    pub fn resume(&mut self) -> Result<(), cpal::Error> {
        if self.stream.is_some() {
            return Ok(());
        }
        let last = self.last.take().filter(DeviceConfig::is_still_default);
        if let Some(last) = last
            && self.open(last).is_ok()
        {
            return Ok(());
        }
        DeviceConfig::query().and_then(|last| self.open(last))
    }

    fn open(&mut self, last: DeviceConfig) -> Result<(), cpal::Error> {
        let DeviceConfig { device, config } = &last;
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let mut renderer = slot.take().ok_or(ErrorKind::DeviceBusy)?;
        drop(slot);
        if config.sample_rate != self.sample_rate {
            self.sample_rate = config.sample_rate;
            renderer.on_change_sample_rate(self.sample_rate);
        }
        let mut renderer = RendererGuard {
            renderer: Some(renderer),
            slot: self.slot.clone(),
        };
        let channels = config.channels;
        let lost = Arc::new(AtomicBool::new(false));
        self.lost = lost.clone();
        let stream = device.build_output_stream(
            *config,
            move |out: &mut [f32], _| renderer.render(out, channels),
            move |error| {
                tracing::debug!(%error, "sound device error");
                if is_fatal(error.kind()) {
                    lost.store(true, Ordering::Release);
                }
            },
            None,
        )?;
        stream.play()?;
        self.stream = Some(stream);
        self.last = Some(last);
        Ok(())
    }
}

impl Backend for Device {
    type Settings = ();
    type Error = cpal::Error;

    fn setup((): (), _: usize) -> Result<(Self, u32), cpal::Error> {
        let last = DeviceConfig::query()?;
        let sample_rate = last.config.sample_rate;
        let device = Self {
            slot: RendererSlot::default(),
            stream: None,
            sample_rate,
            lost: Arc::default(),
            last: Some(last),
        };
        Ok((device, sample_rate))
    }

    fn start(&mut self, renderer: Renderer) -> Result<(), cpal::Error> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(renderer);
        drop(slot);
        self.resume()
    }
}

/// True if a stream is unusable after the error.
fn is_fatal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated
    )
}

/// Device and its stream configuration.
struct DeviceConfig {
    device: cpal::Device,
    config: StreamConfig,
}

impl DeviceConfig {
    /// Queries the default device for its preferred configuration.
    fn query() -> Result<Self, cpal::Error> {
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
