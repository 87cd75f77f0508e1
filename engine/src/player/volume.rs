//! Volume and mute.

/// Volume of 0 to 100, which mute leaves unchanged.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    percent: u32,
    muted: bool,
}

impl Volume {
    /// A volume of 0 to 100, not muted.
    pub fn new(percent: u32) -> Self {
        Self {
            percent: percent.min(100),
            muted: false,
        }
    }

    /// 0 to 100.
    pub fn percent(self) -> u32 {
        self.percent
    }

    /// True while muted.
    pub fn muted(self) -> bool {
        self.muted
    }

    /// Sets the volume and ends mute.
    pub fn set(&mut self, percent: u32) {
        *self = Self::new(percent);
    }

    /// Changes the volume by percentage points and ends mute.
    pub fn change(&mut self, step: i32) {
        self.set(self.percent.saturating_add_signed(step));
    }

    /// Mutes or unmutes.
    pub fn toggle_mute(&mut self) {
        self.muted = !self.muted;
    }

    /// Linear gain, 0 to 1. The square of the slider approximates perceived loudness.
    pub fn gain(self) -> f32 {
        let slider = self.percent as f32 / 100.0;
        if self.muted { 0.0 } else { slider * slider }
    }
}
