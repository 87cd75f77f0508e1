//! Quantities as text: `20 GiB`, `8 Mbit/s`, `500 ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Text that is not a valid quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {unit}; write it like {}", unit.example())]
pub struct UnitError {
    /// Rejected text.
    pub text: String,
    /// Expected quantity.
    pub unit: Unit,
}

/// Kind of quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// [`ByteSize`].
    Size,
    /// [`TransferCap`].
    Amount,
    /// [`ByteRate`].
    Rate,
    /// [`HumanDuration`].
    Duration,
}

impl Unit {
    /// Valid texts, for error messages.
    pub fn example(self) -> &'static str {
        match self {
            Self::Size => "\"20 GiB\" or \"500 MB\"",
            Self::Amount => "\"10 GiB\" or \"unlimited\"",
            Self::Rate => "\"8 Mbit/s\", \"1 MiB/s\" or \"unlimited\"",
            Self::Duration => "\"30 s\", \"500 ms\" or \"10 min\"",
        }
    }

    fn error(self, text: &str) -> UnitError {
        UnitError {
            text: text.to_owned(),
            unit: self,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "a size",
            Self::Amount => "an amount",
            Self::Rate => "a rate",
            Self::Duration => "a time",
        })
    }
}

/// Number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `n` gibibytes.
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }

    /// `n` mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let size: Result<bytesize::ByteSize, _> = text.trim().parse();
        let size = size.map_err(|_| Unit::Size.error(text))?;
        Ok(Self(size.as_u64()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", bytesize::ByteSize(self.0).display().iec())
    }
}

/// Transfer rate in bytes per second; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRate(pub Option<u64>);

impl ByteRate {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);
}

/// Number of bytes to transfer; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferCap(pub Option<u64>);

impl TransferCap {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);
}

impl FromStr for TransferCap {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self::UNLIMITED);
        }
        let size: Result<ByteSize, UnitError> = text.parse();
        size.map(|size| Self(Some(size.0)))
            .map_err(|_| Unit::Amount.error(text))
    }
}

impl fmt::Display for TransferCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("unlimited"),
            Some(bytes) => ByteSize(bytes).fmt(f),
        }
    }
}

/// Parses a number with an optional SI prefix: `8 M` is 8,000,000.
fn parse_si(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, factor) = match text.chars().last()? {
        'k' | 'K' => (&text[..text.len() - 1], 1e3),
        'M' => (&text[..text.len() - 1], 1e6),
        'G' => (&text[..text.len() - 1], 1e9),
        _ => (text, 1.0),
    };
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || Unit::Rate.error(text);
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("unlimited") {
            return Ok(Self::UNLIMITED);
        }
        let amount = trimmed.strip_suffix("/s").ok_or_else(error)?.trim_end();
        if let Some(bits) = amount.strip_suffix("bit") {
            let bits = parse_si(bits).ok_or_else(error)?;
            return Ok(Self(Some((bits / 8.0) as u64)));
        }
        let bytes: bytesize::ByteSize = amount.parse().map_err(|_| error())?;
        Ok(Self(Some(bytes.as_u64())))
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("unlimited"),
            Some(bytes) => write!(f, "{} kbit/s", bytes * 8 / 1000),
        }
    }
}

/// Duration written with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// `n` seconds.
    pub const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }

    /// `n` milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }
}

impl FromStr for HumanDuration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let compact: String = text.split_whitespace().collect();
        humantime::parse_duration(&compact)
            .map(Self)
            .map_err(|_| Unit::Duration.error(text))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// Formats a time as `1:02:03`, or `2:03` below one hour.
pub fn timestamp(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Implements `Deserialize` through `FromStr`.
macro_rules! deserialize_from_text {
    ($($unit:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $unit {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
deserialize_from_text!(ByteSize, ByteRate, HumanDuration, TransferCap);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_accepts_binary_and_decimal_prefixes() {
        assert_eq!("20 GiB".parse(), Ok(ByteSize(20 << 30)));
        assert_eq!("500MB".parse(), Ok(ByteSize(500_000_000)));
        assert!("much".parse::<ByteSize>().is_err());
    }

    #[test]
    fn rate_accepts_bits_bytes_and_unlimited() {
        assert_eq!("8 Mbit/s".parse(), Ok(ByteRate(Some(1_000_000))));
        assert_eq!("1 MiB/s".parse(), Ok(ByteRate(Some(1 << 20))));
        assert_eq!("unlimited".parse(), Ok(ByteRate::UNLIMITED));
        assert!("8 Mbit".parse::<ByteRate>().is_err());
        assert!("-8 Mbit/s".parse::<ByteRate>().is_err());
    }

    #[test]
    fn amount_accepts_unlimited() {
        assert_eq!("10 GiB".parse(), Ok(TransferCap(Some(10 << 30))));
        assert_eq!("Unlimited".parse(), Ok(TransferCap::UNLIMITED));
        assert_eq!(TransferCap(Some(3 << 30)).to_string(), "3.0 GiB");
        let error = "lots".parse::<TransferCap>().expect_err("no amount");
        assert!(error.to_string().contains("unlimited"), "{error}");
    }

    #[test]
    fn duration_accepts_space_before_unit() {
        assert_eq!("500 ms".parse(), Ok(HumanDuration::millis(500)));
        assert_eq!("10 min".parse(), Ok(HumanDuration::secs(600)));
        assert!("soon".parse::<HumanDuration>().is_err());
    }

    #[test]
    fn timestamp_omits_hours_below_one_hour() {
        assert_eq!(timestamp(Duration::from_secs(63)), "1:03");
        assert_eq!(timestamp(Duration::from_secs(3723)), "1:02:03");
    }
}
