//! Quantities as people write them: `20 GiB`, `8 Mbit/s`, `500 ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A quantity that could not be understood; the text says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}; write it like {example}")]
pub struct UnitError {
    /// As it was written.
    pub text: String,
    /// Which quantity it should be.
    pub what: &'static str,
    /// How that would be written.
    pub example: &'static str,
}

/// An amount of bytes.
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
        let size: bytesize::ByteSize = text.trim().parse().map_err(|_| UnitError {
            text: text.to_owned(),
            what: "a size",
            example: "\"20 GiB\" or \"500 MB\"",
        })?;
        Ok(Self(size.as_u64()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", bytesize::ByteSize(self.0).display().iec())
    }
}

/// A transfer rate in bytes per second, or no limit at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRate(pub Option<u64>);

impl ByteRate {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);
}

/// An amount of bytes, or any.
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
        size.map(|size| Self(Some(size.0))).map_err(|_| UnitError {
            text: text.to_owned(),
            what: "an amount",
            example: "\"10 GiB\" or \"unlimited\"",
        })
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

/// Reads `8 M` as 8,000,000: a number with an optional SI prefix.
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
        let error = || UnitError {
            text: text.to_owned(),
            what: "a rate",
            example: "\"8 Mbit/s\", \"1 MiB/s\" or \"unlimited\"",
        };
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

/// A span of time.
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
            .map_err(|_| UnitError {
                text: text.to_owned(),
                what: "a time",
                example: "\"30 s\", \"500 ms\" or \"10 min\"",
            })
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// Deserialises through `FromStr`, so that every unit is written as text.
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
    fn sizes_know_binary_and_decimal_prefixes() {
        assert_eq!("20 GiB".parse(), Ok(ByteSize(20 << 30)));
        assert_eq!("500MB".parse(), Ok(ByteSize(500_000_000)));
        assert!("much".parse::<ByteSize>().is_err());
    }

    #[test]
    fn rates_know_bits_bytes_and_no_limit() {
        assert_eq!("8 Mbit/s".parse(), Ok(ByteRate(Some(1_000_000))));
        assert_eq!("1 MiB/s".parse(), Ok(ByteRate(Some(1 << 20))));
        assert_eq!("unlimited".parse(), Ok(ByteRate::UNLIMITED));
        assert!("8 Mbit".parse::<ByteRate>().is_err());
        assert!("-8 Mbit/s".parse::<ByteRate>().is_err());
    }

    #[test]
    fn an_amount_may_be_any() {
        assert_eq!("10 GiB".parse(), Ok(TransferCap(Some(10 << 30))));
        assert_eq!("Unlimited".parse(), Ok(TransferCap::UNLIMITED));
        assert_eq!(TransferCap(Some(3 << 30)).to_string(), "3.0 GiB");
        let error = "lots".parse::<TransferCap>().expect_err("no amount");
        assert!(error.to_string().contains("unlimited"), "{error}");
    }

    #[test]
    fn times_may_have_a_space_before_the_unit() {
        assert_eq!("500 ms".parse(), Ok(HumanDuration::millis(500)));
        assert_eq!("10 min".parse(), Ok(HumanDuration::secs(600)));
        assert!("soon".parse::<HumanDuration>().is_err());
    }
}
